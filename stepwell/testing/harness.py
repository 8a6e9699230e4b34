"""What the fixture `stepwell` is: the functions of this package, with the test's folder and the run's coverage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell import testing
from stepwell.app import Stepwell
from stepwell.testing.coverage import Coverage
from stepwell.testing.definition import Definition
from stepwell.testing.mocks import Mock
from stepwell.testing.replay import History, Replay
from stepwell.testing.result import Result


class Harness:
    def __init__(self, folder: Path, coverage: Coverage | None) -> None:
        self._folder = folder
        self._coverage = coverage
        self.results: list[tuple[str, Result]] = []
        """What was run, by what was named as the definition."""

    def run(
        self,
        definition: Definition,
        input: Any = None,
        *,
        mocks: Mapping[str, Mock] | None = None,
        app: Stepwell | str | None = None,
        **options: Any,
    ) -> Result:
        """See `stepwell.testing.run`, which names all options."""
        result = testing.run(
            definition,
            input,
            mocks=mocks,
            app=app,
            folder=self._folder,
            coverage=self._coverage,
            **options,
        )
        self.results.append((str(definition)[:60], result))
        return result

    def replay(self, history: History, definition: Definition, **options: Any) -> Replay:
        """See `stepwell.testing.replay`."""
        return testing.replay(history, definition, folder=self._folder, coverage=self._coverage, **options)
