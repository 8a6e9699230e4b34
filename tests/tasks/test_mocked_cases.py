"""Test cases that are asked for and have no mocks."""

from __future__ import annotations

import pytest

from stepwell.tasks.mock import MockConfig
from stepwell.tasks.mocked_cases import MockedCases

ORDERS = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
CONFIG = MockConfig.parse({"StateMachines": {"orders": {"TestCases": {"Happy": {}, "Sad": {}}}}}, "mocks.json")


def test_the_warning_names_the_file_the_place_and_the_cases_that_are_there(caplog: pytest.LogCaptureFixture) -> None:
    MockedCases(CONFIG).ask(ORDERS, "Typo")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        'state machine orders runs test case "Typo" without mocks: mocks.json does not have it. Add it at '
        "StateMachines.orders.TestCases, or ask for one that is there: Happy, Sad."
    )


def test_a_case_that_is_there_needs_no_word_even_where_it_mocks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    MockedCases(CONFIG).ask(ORDERS, "Happy")
    assert caplog.records == []


def test_without_a_configuration_the_warning_says_how_to_name_one(caplog: pytest.LogCaptureFixture) -> None:
    MockedCases().ask(ORDERS, "Happy")
    assert caplog.records[0].getMessage() == (
        'state machine orders runs test case "Happy" without mocks: no SFN_MOCK_CONFIG is set. Name the file of the '
        "mocks there or with --mock-config, or leave the test case out of stateMachineArn."
    )


def test_it_is_said_once_a_machine_and_case(caplog: pytest.LogCaptureFixture) -> None:
    cases = MockedCases(CONFIG)
    for name in ("Typo", "Typo", "Other", "Typo"):
        cases.ask(ORDERS, name)
    cases.ask(f"{ORDERS}2", "Typo")
    assert len(caplog.records) == 3
    assert "one that is there: none." in caplog.records[2].getMessage()


def test_names_of_clients_break_no_line_and_fill_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    cases = MockedCases()
    cases.ask(ORDERS, "a\nb" + "x" * 10_000)
    assert "\n" not in caplog.records[0].getMessage()
    assert len(caplog.records[0].getMessage()) < 400
    for number in range(2_000):
        cases.ask(ORDERS, str(number))
    assert len(caplog.records) == 1_000
