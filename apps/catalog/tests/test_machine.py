"""The state machine itself, run in no time: how often it checks, how it waits, how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import apps.catalog
from stepwell.language.definition import validate_definition
from stepwell.testing import Mock, Result, Throw, run
from tests.patience import PATIENCE

DEFINITION = Path(apps.catalog.__file__).with_name("catalog.asl.json")
INPUT = {"catalog_name": "books", "catalog_id": "1", "jwt_token": "token-of-1"}
NOT_READY = {"ready": False, "kb_name": "", "data_source_name": ""}
READY = {"ready": True, "kb_name": "kb", "data_source_name": "ds"}
FAILED = Throw("VendorError", "the vendor answered 500")


def poll(check: Mock, update: Mock = None) -> Result:
    """What comes of a catalog whose checks are answered so. An answer gets the attempt that was asked for."""

    def answer(given: dict[str, Any]) -> Any:
        found = check[given["attempt"] - 1] if isinstance(check, list) else check
        return found if isinstance(found, Throw) else {"attempt": given["attempt"], **found}

    mocks = {"CheckCatalogStatus": answer, "UpdateCatalogDB": update}
    return run(DEFINITION, INPUT, mocks=mocks, seconds=PATIENCE)


def attempts(result: Result) -> list[int]:
    return [given["attempt"] for given in result.called_with("CheckCatalogStatus")]


def test_the_definition_is_valid() -> None:
    assert validate_definition(DEFINITION.read_text("utf-8"), severity="WARNING") == ()


def test_it_checks_every_20_seconds_until_the_catalog_is_ready_and_records_it() -> None:
    result = poll([NOT_READY, NOT_READY, READY])

    result.assert_succeeded()
    assert result.duration == 40
    assert result.called_with("CheckCatalogStatus") == [
        {"catalog_name": "books", "jwt_token": "token-of-1", "attempt": attempt} for attempt in (1, 2, 3)
    ]
    assert result.called_with("UpdateCatalogDB") == [{"catalog_id": "1", "kb_name": "kb", "data_source_name": "ds"}]
    assert len(result.path) == 10  # the README's figure


@pytest.mark.parametrize("failing", [False, True])
def test_it_gives_up_after_150_checks_failed_ones_included(failing: bool) -> None:
    result = poll(FAILED if failing else NOT_READY)

    result.assert_failed("MaxAttemptsExceeded")
    assert attempts(result) == list(range(1, 151))
    assert result.duration == 149 * 20
    assert len(result.events) < 25_000 / 10
    assert len(result.path) == (601 if failing else 451)  # the README's figures


def test_a_failed_check_counts_as_not_ready() -> None:
    result = poll([FAILED, READY])
    result.assert_succeeded()
    assert (attempts(result), result.duration) == ([1, 2], 20)


def test_a_write_that_fails_ends_the_poll_and_says_why() -> None:
    result = poll(READY, Throw("OperationalError", "database or disk is full"))
    result.assert_failed("DatabaseUpdateFailed", "database or disk is full")
