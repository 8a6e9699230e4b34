"""The state machine itself, run in no time."""

from __future__ import annotations

from pathlib import Path

import apps.keywords
from stepwell.language.definition import validate_definition
from stepwell.testing import Mock, Result, Throw, run
from tests.patience import PATIENCE

DEFINITION = Path(apps.keywords.__file__).with_name("keywords.asl.json")
PROCESSOR = "arn:aws:lambda:us-east-1:123456789012:function:keyword-trend-trends-processor"


def process(answers: Mock) -> Result:
    given = {"Processor": PROCESSOR}
    return run(DEFINITION, {"industry": "x"}, mocks={"Process": answers}, substitutions=given, seconds=PATIENCE)


def test_the_definition_is_valid() -> None:
    text = DEFINITION.read_text("utf-8").replace("${Processor}", PROCESSOR)
    assert validate_definition(text, severity="WARNING") == ()


def test_a_failure_is_tried_again_four_times_and_longer_apart() -> None:
    unavailable = Throw("SiteUnavailable", "The site answered 503.")
    result = process([unavailable, unavailable, {"insights": []}])
    result.assert_succeeded()
    assert result.duration == 1 + 3

    result = process(unavailable)
    assert (result.error, result.duration) == ("SiteUnavailable", 1 + 3 + 9 + 27)


def test_what_is_not_there_is_not_asked_for_again() -> None:
    result = process(Throw("NoDocuments", "There are no pages about 'x'."))
    assert (result.error, result.duration) == ("NoDocuments", 0)
    assert len(result.called_with("Process")) == 1
