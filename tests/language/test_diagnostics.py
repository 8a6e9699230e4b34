"""How the faults of a definition are told."""

from __future__ import annotations

from stepwell.language.diagnostics import Diagnostic, InvalidDefinition


def test_the_message_quotes_code_sentence_and_location_as_aws_does() -> None:
    fault = Diagnostic(
        "SCHEMA_VALIDATION_FAILED", "String does not match RFC3339 timestamp", "/States/WaitUntil/Timestamp"
    )
    assert InvalidDefinition([fault]).aws_message() == (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp"
        " at /States/WaitUntil/Timestamp'"
    )


def test_several_faults_are_joined_by_commas() -> None:
    faults = [
        Diagnostic("MISSING_TRANSITION_TARGET", "Missing 'Next' target: pass3", "/States/pass1/Next"),
        Diagnostic("MISSING_TRANSITION_TARGET", 'State "pass2" is not reachable.', "/States/pass2"),
    ]
    assert InvalidDefinition(faults).aws_message() == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at"
        ' /States/pass1/Next, MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at /States/pass2\''
    )


def test_a_fault_of_the_whole_text_has_no_location() -> None:
    fault = Diagnostic("MISSING_END_STATE", "Workflow has no terminal state", None)
    assert InvalidDefinition([fault]).aws_message() == (
        "Invalid State Machine Definition: 'MISSING_END_STATE: Workflow has no terminal state at null'"
    )


def test_the_exception_reads_as_its_message() -> None:
    refusal = InvalidDefinition([Diagnostic("MISSING_DESCRIPTION", "The definition is empty", None)])
    assert str(refusal) == refusal.aws_message()
    assert len(refusal.diagnostics) == 1
