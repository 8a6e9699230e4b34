"""The pytest plugin: the fixture `stepwell`, and the coverage of machines over a whole test run.

Rules that must stay true here:
- A test run that does not use it pays for the import of this module only: all else is imported when it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stepwell.testing.coverage import Coverage
    from stepwell.testing.harness import Harness

_COVERAGE: pytest.StashKey[Coverage] = pytest.StashKey()
_HARNESS: pytest.StashKey[Harness] = pytest.StashKey()
_DUMPED = "stepwell_coverage"  # what a worker of pytest-xdist hands to the controller


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stepwell", "state machines (Stepwell)")
    group.addoption(
        "--stepwell-coverage",
        action="store_true",
        help="show which states, branches, retriers and catchers of state machines were reached",
    )
    group.addoption(
        "--stepwell-coverage-json", metavar="FILE", help="write the coverage of state machines to a JSON file"
    )
    group.addoption(
        "--stepwell-coverage-fail-under",
        metavar="PERCENT",
        type=float,
        help="fail the run if less of the state machines was reached",
    )
    parser.addini(
        "stepwell_definitions",
        "globs of definitions that the coverage counts even where no test runs them",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    options = (config.option.stepwell_coverage, config.option.stepwell_coverage_json)
    if any(options) or config.option.stepwell_coverage_fail_under is not None:
        from stepwell.testing.coverage import Coverage

        config.stash[_COVERAGE] = Coverage()


@pytest.fixture
def stepwell(request: pytest.FixtureRequest) -> Harness:
    """Runs state machines: `stepwell.run("order.asl.json", {"id": 7}, mocks={"Pay": Return({"paid": True})})`.

    Paths are relative to the test's file, or to the folder that pytest runs in.
    """
    from stepwell.testing.harness import Harness

    harness = Harness(request.path.parent, request.config.stash.get(_COVERAGE, None))
    request.node.stash[_HARNESS] = harness
    return harness


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a test that failed what its executions did."""
    report = yield
    harness = item.stash.get(_HARNESS, None)
    if harness is not None and call.when == "call" and report.failed:
        report.sections.extend((f"execution of {name}", str(result)) for name, result in harness.results)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    coverage = config.stash.get(_COVERAGE, None)
    if coverage is None:
        return
    worker: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if worker is not None:
        worker[_DUMPED] = json.dumps(coverage.dump())
        return
    from stepwell.testing.report import add_definitions

    add_definitions(coverage, config.getini("stepwell_definitions"), config.rootpath)
    path = config.option.stepwell_coverage_json
    if path is not None:
        report = {"percent": round(coverage.percent(), 1), "machines": coverage.dump()}
        Path(path).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    least = config.option.stepwell_coverage_fail_under
    if least is not None and coverage.percent() < least and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # pytest-xdist's names
    """A worker of pytest-xdist has ended: take what it has reached."""
    coverage = node.config.stash.get(_COVERAGE, None)
    dumped = getattr(node, "workeroutput", {}).get(_DUMPED)
    if coverage is not None and dumped is not None:
        coverage.load(json.loads(dumped))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    coverage = config.stash.get(_COVERAGE, None)
    if coverage is None:
        return
    from stepwell.testing.report import table

    least = config.option.stepwell_coverage_fail_under
    if config.option.stepwell_coverage:
        terminalreporter.section("coverage of state machines")
        for line in table(coverage):
            terminalreporter.write_line(line)
    if least is not None and coverage.percent() < least:
        terminalreporter.write_line(
            f"FAILED: {coverage.percent():.1f} % of the state machines was reached, less than {least:g} %.", red=True
        )
