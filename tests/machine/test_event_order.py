"""The order of events, their ids, and the event that each hangs from, for every state type."""

from __future__ import annotations

from tests.machine.journey import ACTIVITY, CALLBACK, FUNCTION, INVOKE, Broken, Done, Journey, lines, machine


def test_states_hang_from_the_one_before_and_the_first_hangs_from_nothing() -> None:
    journey = Journey(
        machine(
            {
                "First": {"Type": "Pass"},
                "Which": {"Type": "Choice", "Choices": [{"Variable": "$.go", "BooleanEquals": True, "Next": "Rest"}]},
                "Rest": {"Type": "Wait", "Seconds": 5},
                "Good": {"Type": "Succeed"},
            }
        ),
        {"go": True},
    ).run()
    assert journey.outline() == lines("""
        1 0 ExecutionStarted
        2 0 PassStateEntered First
        3 2 PassStateExited First
        4 3 ChoiceStateEntered Which
        5 4 ChoiceStateExited Which
        6 5 WaitStateEntered Rest
        7 6 WaitStateExited Rest
        8 7 SucceedStateEntered Good
        9 8 SucceedStateExited Good
        10 9 ExecutionSucceeded
    """)
    assert journey.elapsed == 5


def test_a_fail_state_never_exits() -> None:
    journey = Journey(machine({"Bad": {"Type": "Fail", "Error": "E", "Cause": "C"}}))
    assert journey.outline() == lines("""
        1 0 ExecutionStarted
        2 0 FailStateEntered Bad
        3 2 ExecutionFailed
    """)
    assert (journey.status, journey.error, journey.cause) == ("FAILED", "E", "C")
    assert journey.events[-1].details == {"error": "E", "cause": "C"}


def test_a_fail_state_without_error_and_cause_tells_neither() -> None:
    journey = Journey(machine({"Bad": {"Type": "Fail"}}))
    assert (journey.error, journey.cause, journey.events[-1].details) == (None, None, {})


def test_the_family_of_a_tasks_events_follows_its_resource() -> None:
    for resource, family in ((FUNCTION, "LambdaFunction"), (INVOKE, "Task")):
        journey = Journey(machine({"Work": {"Type": "Task", "Resource": resource}}), {"FunctionName": "f"}).run(
            Work=[Done(1)]
        )
        assert journey.outline() == lines(f"""
            1 0 ExecutionStarted
            2 0 TaskStateEntered Work
            3 2 {family}Scheduled
            4 3 {family}Started
            5 4 {family}Succeeded
            6 5 TaskStateExited Work
            7 6 ExecutionSucceeded
        """)


def test_every_event_of_a_service_names_resource_and_type() -> None:
    journey = Journey(machine({"Work": {"Type": "Task", "Resource": CALLBACK, "Parameters": {"a": 1}}}))
    scheduled, started = journey.of("Scheduled", "TaskStarted")
    assert scheduled.details == {
        "resourceType": "sqs",
        "resource": "sendMessage.waitForTaskToken",
        "region": "us-east-1",
        "parameters": '{"a":1}',
    }
    assert started.details == {"resourceType": "sqs", "resource": "sendMessage.waitForTaskToken"}


def test_an_activity_is_started_by_the_worker_that_claims_it() -> None:
    journey = Journey(machine({"Dig": {"Type": "Task", "Resource": ACTIVITY}}))
    assert journey.outline() == lines("""
        1 0 ExecutionStarted
        2 0 TaskStateEntered Dig
        3 2 ActivityScheduled
    """)


def test_branches_take_turns_state_by_state_and_the_exit_hangs_from_the_last_to_end() -> None:
    branch = machine({"One": {"Type": "Pass"}, "Two": {"Type": "Pass"}})
    short = machine({"Only": {"Type": "Pass"}})
    journey = Journey(machine({"Both": {"Type": "Parallel", "Branches": [branch, short]}}), 7)
    assert journey.outline() == lines("""
        1 0 ExecutionStarted
        2 0 ParallelStateEntered Both
        3 2 ParallelStateStarted
        4 3 PassStateEntered One
        5 4 PassStateExited One
        6 3 PassStateEntered Only
        7 6 PassStateExited Only
        8 5 PassStateEntered Two
        9 8 PassStateExited Two
        10 9 ParallelStateSucceeded
        11 9 ParallelStateExited Both
        12 11 ExecutionSucceeded
    """)
    assert journey.output == [7, 7]


def test_the_next_iteration_hangs_from_the_one_that_made_room() -> None:
    journey = Journey(
        machine({"Each": {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": machine({"On": {"Type": "Pass"}})}}),
        [1, 2],
    )
    assert journey.outline() == lines("""
        1 0 ExecutionStarted
        2 0 MapStateEntered Each
        3 2 MapStateStarted
        4 3 MapIterationStarted Each 0
        5 4 PassStateEntered On
        6 5 PassStateExited On
        7 6 MapIterationSucceeded Each 0
        8 6 MapIterationStarted Each 1
        9 8 PassStateEntered On
        10 9 PassStateExited On
        11 10 MapIterationSucceeded Each 1
        12 11 MapStateSucceeded
        13 11 MapStateExited Each
        14 13 ExecutionSucceeded
    """)


def test_iterations_that_run_at_once_all_hang_from_the_start_of_the_map() -> None:
    journey = Journey(machine({"Each": {"Type": "Map", "ItemProcessor": machine({"On": {"Type": "Pass"}})}}), [1, 2])
    assert [event.previous_id for event in journey.of("IterationStarted")] == [3, 3]


def test_a_failing_iteration_ends_its_siblings_and_all_hangs_from_what_failed() -> None:
    work = {"Type": "Task", "Resource": FUNCTION}
    journey = Journey(machine({"Each": {"Type": "Map", "ItemProcessor": machine({"Work": work})}}), [1, 2])
    journey.answer(journey.task(), Broken("E"))
    assert journey.outline(after=5) == lines("""
        6 4 TaskStateEntered Work
        7 6 LambdaFunctionScheduled
        8 7 LambdaFunctionStarted
        9 5 TaskStateEntered Work
        10 9 LambdaFunctionScheduled
        11 10 LambdaFunctionStarted
        12 8 LambdaFunctionFailed
        13 12 MapIterationFailed Each 0
        14 12 TaskStateAborted
        15 12 MapIterationAborted Each 1
        16 12 TaskStateAborted
        17 12 MapStateFailed
        18 17 ExecutionFailed
    """)


def test_a_failing_branch_aborts_what_its_siblings_are_doing() -> None:
    slow = machine({"Rest": {"Type": "Wait", "Seconds": 60}})
    bad = machine({"Bad": {"Type": "Fail", "Error": "E"}})
    journey = Journey(machine({"Both": {"Type": "Parallel", "Branches": [slow, bad]}}))
    assert journey.outline(after=3) == lines("""
        4 3 WaitStateEntered Rest
        5 3 FailStateEntered Bad
        6 5 WaitStateAborted
        7 5 ParallelStateFailed
        8 7 ExecutionFailed
    """)
    assert journey.timers == {}


def test_a_nested_failure_climbs_map_by_map() -> None:
    inner = {"Type": "Map", "ItemProcessor": machine({"Bad": {"Type": "Fail", "Error": "E"}})}
    journey = Journey(machine({"Outer": {"Type": "Map", "ItemProcessor": machine({"Inner": inner})}}), [[1]])
    assert journey.outline(after=7) == lines("""
        8 7 FailStateEntered Bad
        9 8 MapIterationFailed Inner 0
        10 8 MapStateFailed
        11 10 MapIterationFailed Outer 0
        12 10 MapStateFailed
        13 12 ExecutionFailed
    """)
