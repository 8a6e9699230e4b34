"""Tests of state machines: whole executions in virtual time, with mocks for their tasks; and replays of real ones.

pytest finds the plugin by itself; everything here works without pytest too. docs/testing.md tells more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from stepwell.app import Stepwell
from stepwell.testing.chaos import Matrix
from stepwell.testing.chaos_report import Chaos
from stepwell.testing.coverage import Coverage
from stepwell.testing.definition import Definition
from stepwell.testing.embedded import Run
from stepwell.testing.mocks import Call, Mock, Never, Return, TestFault, Throw
from stepwell.testing.replay import Replay, replay
from stepwell.testing.result import Result

__all__ = [
    "Call",
    "Chaos",
    "Coverage",
    "Mock",
    "Never",
    "Replay",
    "Result",
    "Return",
    "TestFault",
    "Throw",
    "chaos",
    "replay",
    "run",
]


def run(
    definition: Definition,
    input: Any = None,
    *,
    mocks: Mapping[str, Mock] | None = None,
    app: Stepwell | str | None = None,
    name: str | None = None,
    machines: Mapping[str, Definition] | None = None,
    substitutions: Mapping[str, str] | None = None,
    virtual: bool = True,
    start: datetime | None = None,
    seconds: float = 30.0,
    folder: Path | None = None,
    coverage: Coverage | None = None,
) -> Result:
    """Run one execution to its end, embedded.

    `definition` is a JSON value or its text, the path of a file, or the name of a machine of the `app`; `input` is a
    JSON value, `{}` where none is given. `mocks` answer tasks by the name of their state; see `Mock`. Functions of the
    `app` (or `module:attribute`) are called in this process where no mock answers. `name` is the machine's; `machines`
    are others that it may start. `start` is when the execution starts by its own clock, which is virtual unless said
    otherwise; `seconds` of real time is how long it may take. Relative paths are looked for in `folder` first.

    Raises TestFault where test and machine do not fit together, and what an assertion in a mock raised.
    """
    return Run(
        definition=definition,
        input=json.dumps({} if input is None else input),
        mocks=mocks or {},
        app=app,
        name=name,
        machines=machines or {},
        substitutions=substitutions or {},
        virtual=virtual,
        start=None if start is None else round(start.timestamp() * 1000),
        seconds=seconds,
        folder=folder or Path.cwd(),
        coverage=coverage,
    )()


def chaos(
    definition: Definition,
    input: Any = None,
    *,
    mocks: Mapping[str, Mock] | None = None,
    app: Stepwell | str | None = None,
    name: str | None = None,
    machines: Mapping[str, Definition] | None = None,
    substitutions: Mapping[str, str] | None = None,
    most: int = 200,
    seconds: float = 30.0,
    folder: Path | None = None,
) -> Chaos:
    """Run a machine over and over, and kill the server before and after every commit in turn; what has come of it.

    At most so many crash points are tried as `most` says, spread evenly; `seconds` is how long one run may take. All
    else is as for `run`. Raises TestFault.
    """
    return Matrix(
        definition=definition,
        input=json.dumps({} if input is None else input),
        mocks=mocks or {},
        app=app,
        name=name,
        machines=machines or {},
        substitutions=substitutions or {},
        most=most,
        seconds=seconds,
        folder=folder or Path.cwd(),
    )()
