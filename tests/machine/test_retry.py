"""Retry: how often, how late, and who takes over when it is exhausted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.journey import FUNCTION, Broken, Done, Journey, Silent, machine

FOREVER = [Broken("E")] * 5_000


def delays(journey: Journey) -> list[float]:
    """Seconds between a failure and the attempt that follows it."""
    failed, scheduled = journey.of("Failed"), journey.of("Scheduled")[1:]
    return [(after.timestamp - before.timestamp) / 1000 for before, after in zip(failed, scheduled, strict=False)]


def retried(retry: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return machine({"Work": {"Type": "Task", "Resource": FUNCTION, "Retry": retry, **fields}})


def test_a_retrier_tries_three_times_more_unless_told_otherwise() -> None:
    journey = Journey(retried([{"ErrorEquals": ["States.ALL"]}])).run(Work=FOREVER)
    assert delays(journey) == [1, 2, 4]
    assert (journey.status, journey.error) == ("FAILED", "E")


def test_the_interval_grows_by_the_rate_up_to_the_greatest_delay() -> None:
    retrier = {"ErrorEquals": ["E"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxDelaySeconds": 6, "MaxAttempts": 4}
    assert delays(Journey(retried([retrier])).run(Work=FOREVER)) == [3, 4.5, 6, 6]


def test_a_rate_of_one_keeps_the_interval() -> None:
    retrier = {"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 1, "MaxAttempts": 3}
    assert delays(Journey(retried([retrier])).run(Work=FOREVER)) == [2, 2, 2]


@pytest.mark.parametrize("rate", [1.5, 2, 9e7])
def test_backoff_beyond_the_range_of_a_float_stays_at_the_greatest_delay(rate: float) -> None:
    retrier = {"ErrorEquals": ["E"], "MaxDelaySeconds": 2, "BackoffRate": rate, "MaxAttempts": 1_800}
    found = delays(Journey(retried([retrier])).run(Work=FOREVER))
    assert len(found) == 1_800
    assert set(found[1:]) <= {1.5, 2}


def test_full_jitter_draws_between_nothing_and_the_whole_delay() -> None:
    retrier = {"ErrorEquals": ["E"], "IntervalSeconds": 8, "BackoffRate": 1, "JitterStrategy": "FULL"}
    found = [delay for seed in range(20) for delay in delays(Journey(retried([retrier]), seed=seed).run(Work=FOREVER))]
    assert len(set(found)) > 50
    assert 0 <= min(found) < 2
    assert 6 < max(found) <= 8


def test_max_attempts_of_zero_never_retries() -> None:
    journey = Journey(retried([{"ErrorEquals": ["E"], "MaxAttempts": 0}])).run(Work=FOREVER)
    assert len(journey.of("Scheduled")) == 1


def test_each_retrier_counts_for_itself() -> None:
    retry = [{"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["B"], "MaxAttempts": 2, "IntervalSeconds": 7}]
    script = [Broken("A"), Broken("B"), Broken("A"), Broken("B"), Broken("A")]
    journey = Journey(retried(retry)).run(Work=script)
    assert delays(journey) == [1, 7, 2, 14]
    assert (journey.status, journey.error) == ("FAILED", "A")


def test_the_first_retrier_that_matches_decides_even_when_it_is_exhausted() -> None:
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}]
    assert len(Journey(retried(retry)).run(Work=FOREVER).of("Scheduled")) == 2


def test_an_error_that_no_retrier_names_is_not_retried() -> None:
    assert len(Journey(retried([{"ErrorEquals": ["Other"]}])).run(Work=FOREVER).of("Scheduled")) == 1


def test_an_exhausted_retrier_gives_way_to_a_catcher() -> None:
    definition = retried(
        [{"ErrorEquals": ["E"], "MaxAttempts": 1}], Catch=[{"ErrorEquals": ["E"], "Next": "Caught"}], Next="Caught"
    )
    definition["States"]["Caught"] = {"Type": "Succeed"}
    journey = Journey(definition).run(Work=FOREVER)
    assert journey.status == "SUCCEEDED"
    assert journey.output == {"Error": "E", "Cause": None}
    assert len(journey.of("Scheduled")) == 2


def test_a_state_entered_again_counts_from_the_beginning() -> None:
    definition = machine(
        {
            "Work": {"Type": "Task", "Resource": FUNCTION, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]},
            "Again": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "End"}]},
            "End": {"Type": "Succeed"},
        }
    )
    definition["States"]["Again"]["Default"] = "Work"
    journey = Journey(definition).run(Work=[Broken("E"), Done(1), Broken("E"), Done(2)])
    assert journey.status == "SUCCEEDED"


def test_an_attempt_after_a_failure_hangs_from_it_without_entering_the_state_again() -> None:
    journey = Journey(retried([{"ErrorEquals": ["E"]}])).run(Work=[Broken("E")])
    assert len(journey.of("StateEntered")) == 1
    assert journey.of("Scheduled")[1].previous_id == journey.of("Failed")[0].id


def test_the_context_tells_how_often_a_task_was_retried() -> None:
    definition = retried([{"ErrorEquals": ["E"]}], Parameters={"n.$": "$$.State.RetryCount"})
    journey = Journey(definition).run(Work=[Broken("E"), Broken("E")])
    assert [event.details["input"] for event in journey.of("Scheduled")] == ['{"n":0}', '{"n":1}', '{"n":2}']


def test_a_map_is_retried_as_a_whole() -> None:
    each = {
        "Type": "Map",
        "ItemProcessor": machine({"Work": {"Type": "Task", "Resource": FUNCTION}}),
        "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
    }
    journey = Journey(machine({"Each": each}), [1, 2]).run(Work=[Done("a"), Broken("E"), Done("c"), Done("d")])
    assert journey.output == ["c", "d"]
    assert [event.type for event in journey.of("MapStateStarted", "MapStateFailed")] == ["MapStateStarted"] * 2
    assert journey.of("MapStateStarted")[1].previous_id == journey.of("FunctionFailed")[0].id
    assert len(journey.of("MapStateEntered")) == 1


def test_a_parallel_is_retried_as_a_whole() -> None:
    both = {
        "Type": "Parallel",
        "Branches": [machine({"A": {"Type": "Task", "Resource": FUNCTION}}), machine({"B": {"Type": "Pass"}})],
        "Retry": [{"ErrorEquals": ["E"]}],
    }
    journey = Journey(machine({"Both": both}), {}).run(A=[Broken("E"), Done(1)])
    assert journey.output == [1, {}]
    assert journey.elapsed == 1


def test_a_time_out_can_be_retried() -> None:
    definition = retried([{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}], TimeoutSeconds=10)
    journey = Journey(definition).run(Work=[Silent(), Done(5)])
    assert (journey.output, journey.elapsed) == (5, 11)
