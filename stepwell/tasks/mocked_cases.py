"""The test cases that executions ask for (`stateMachineArn#TestCase`), and whether there are mocks for them.

Rules that must stay true here:
- A test case without mocks is never refused: its executions run, and call what they call. The log says so, once.
- What a client sends cannot fill the memory or break a line of the log.
"""

from __future__ import annotations

import logging

from stepwell.language.values import dumps
from stepwell.tasks.mock import MockConfig, machine_name

_log = logging.getLogger("stepwell.mocks")

_TOLD = 1_000  # (machine, test case) pairs
_SHOWN = 80  # characters of a name that is not known


class MockedCases:
    """`config` is the mock configuration of the server; None where it has none."""

    def __init__(self, config: MockConfig | None = None) -> None:
        self._config = config
        self._told: set[tuple[str, str]] = set()

    def ask(self, machine_arn: str, test_case: str) -> None:
        """An execution of the test case is started: warn where it runs without mocks."""
        machine = machine_name(machine_arn)
        if self._config is not None and self._config.test_case(machine, test_case) is not None:
            return
        case = dumps(test_case[:_SHOWN])
        if (machine, case) in self._told or len(self._told) >= _TOLD:
            return
        self._told.add((machine, case))
        _log.warning("state machine %s runs test case %s without mocks: %s", machine, case, self._why(machine))

    def _why(self, machine: str) -> str:
        if self._config is None:
            return (
                "no SFN_MOCK_CONFIG is set. Name the file of the mocks there or with --mock-config, or leave the test"
                " case out of stateMachineArn."
            )
        known = ", ".join(self._config.test_cases(machine)) or "none"
        return (
            f"{self._config.source} does not have it. Add it at StateMachines.{machine}.TestCases, or ask for one that"
            f" is there: {known}."
        )
