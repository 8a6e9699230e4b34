"""Properties that hold for every machine and everything that can happen to it.

A failing example is printed as a definition and a seed: `Lone(definition).run(seed)` runs it again.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.language.model import Map, Parallel, Task
from stepwell.machine.codec import encode_frame
from stepwell.machine.history import Event, PayloadSink
from tests.simulation.lone import Lone
from tests.simulation.machines import machines

SEEDS = st.integers(0, 1 << 32)
OUTCOMES = ("Succeeded", "Failed", "TimedOut", "SubmitFailed")
TERMINAL = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")

simulated = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(machines(), SEEDS)
@simulated
def test_the_same_stimuli_times_and_entropy_give_the_same_turns(definition: dict[str, Any], seed: int) -> None:
    lived = Lone(definition).run(seed)
    again = Lone(definition)
    for step in lived.steps:
        assert again.happen(step.stimulus, step.now, step.entropy) == step.record


@given(machines(), SEEDS)
@simulated
def test_an_execution_read_again_after_every_turn_goes_on_to_the_same_end(
    definition: dict[str, Any], seed: int
) -> None:
    lived = Lone(definition).run(seed)
    forgetful = Lone(definition, forgetful=True).run(seed)
    assert [step.record for step in forgetful.steps] == [step.record for step in lived.steps]
    assert forgetful.shelf.events() == lived.shelf.events()


@given(machines(), SEEDS)
@simulated
def test_what_is_in_memory_is_what_the_records_say(definition: dict[str, Any], seed: int) -> None:
    lived = Lone(definition).run(seed)
    again = Lone(definition)
    for step in lived.steps:
        again.happen(step.stimulus, step.now, step.entropy)
        assert _as_stored(again) == again.shelf.frames
        assert again.live.timers == again.shelf.timers
        assert again.live.execution is not None
        assert again.live.execution.status == again.shelf.change.status
        assert again.live.execution.last_event_id == again.shelf.change.last_event_id
        _check_what_waits(again)


@given(machines(), SEEDS)
@simulated
def test_histories_are_well_formed(definition: dict[str, Any], seed: int) -> None:
    world = Lone(definition).run(seed)
    events = world.shelf.events()
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(0 <= event.previous_id < event.id for event in events)
    times = [event.timestamp for event in events]
    assert times == sorted(times)
    assert [event.id for event in events if event.type in TERMINAL] == [len(events)]
    _check_attempts(events)
    _check_exits(events, succeeded=world.execution.status == "SUCCEEDED")


def _as_stored(world: Lone) -> dict[str, bytes]:
    return {path: encode_frame(frame, PayloadSink()) for path, frame in world.execution.frames.items()}


def _check_what_waits(world: Lone) -> None:
    """Every timer and every effect belongs to a frame that waits for it; whoever waits has something to wait for."""
    frames = world.execution.frames
    if world.execution.status != "RUNNING":
        assert not world.shelf.timers
        assert not world.shelf.effects
        assert not frames or world.execution.status != "SUCCEEDED"
        return
    doing = {"wait": "wait", "retry": "retry", "timeout": "task", "heartbeat": "task"}
    for name in world.shelf.timers:
        path, _, kind = name.rpartition("|")
        assert kind in ("execution", "continue") or frames[path].doing == doing[kind]
    for effect in world.shelf.tasks():
        assert frames[effect.path].doing == "task"
        assert frames[effect.path].token == effect.token
    for path, frame in frames.items():
        state = frame.program.states[frame.state]
        if frame.doing in ("wait", "retry"):
            assert f"{path}|{frame.doing}" in world.shelf.timers
        elif frame.doing == "ready":
            assert "|continue" in world.shelf.timers
        elif frame.doing == "children":
            assert isinstance(state, Map | Parallel)
            assert 0 <= frame.ended <= frame.started <= frame.total
        elif frame.doing == "task":
            assert isinstance(state, Task)
            open_effect = frame.scheduled_id in world.shelf.effects
            handed_on = frame.submitted or (state.resource.kind == "activity" and frame.claimed)
            assert open_effect is not handed_on


def _check_attempts(events: list[Event]) -> None:
    """At most one start and one end for everything that was scheduled."""
    by_id = {event.id: event for event in events}
    told: Counter[tuple[int, str]] = Counter()
    for event in events:
        family = event.type.removesuffix("Started")
        ending = next((ending for ending in OUTCOMES if event.type.endswith(ending)), None)
        if event.type in ("TaskStarted", "LambdaFunctionStarted", "ActivityStarted"):
            what = "start"
        elif ending is not None and event.type.removesuffix(ending) in ("Task", "LambdaFunction", "Activity"):
            what, family = "end", event.type.removesuffix(ending)
        else:
            continue
        before = event
        while before.type != f"{family}Scheduled":
            before = by_id[before.previous_id]
        told[before.id, what] += 1
    assert set(told.values()) <= {1}


def _check_exits(events: list[Event], *, succeeded: bool) -> None:
    """Every state that was entered exits, is aborted or fails; the rest ends with its execution. Of a Pass, Choice or
    Succeed that fails, AWS tells nothing."""
    count = Counter(event.type for event in events)
    failed = [event.id for event in events if event.type in ("MapStateFailed", "ParallelStateFailed")]
    caught = {event.previous_id for event in events if event.type.endswith("StateExited")}
    for kind in ("Pass", "Choice", "Succeed", "Wait", "Task", "Map", "Parallel"):
        left = count[f"{kind}StateExited"] + count[f"{kind}StateAborted"]
        left += sum(1 for id in failed if id not in caught and events[id - 1].type == f"{kind}StateFailed")
        entered = count[f"{kind}StateEntered"]
        told = succeeded and kind not in ("Pass", "Choice", "Succeed")
        assert left == entered if told else left <= entered
    iterations = sum(count[f"MapIteration{end}"] for end in ("Succeeded", "Failed", "Aborted"))
    started = count["MapIterationStarted"]
    assert iterations == started if succeeded else iterations <= started
