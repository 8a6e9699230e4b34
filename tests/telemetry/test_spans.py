"""The spans of executions: which there are, how they hang together, and that each is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stepwell.engine.dispatch import Failed, Succeeded, Task, Told
from stepwell.engine.trace import Trace, below, span_id
from stepwell.store.protocol import NewExecution
from stepwell.telemetry.spans import Spans
from stepwell.telemetry.tree import Span
from tests.engine.house import Gate, House, until
from tests.machine.journey import machine

CALL = "arn:aws:states:::sqs:sendMessage"


@dataclass
class Collected:
    """What is told of all executions."""

    spans: list[Span] = field(default_factory=list)

    def tell(self, new: NewExecution, trace: Trace, spans: Sequence[Span]) -> None:
        self.spans += spans

    def follow(self, house: House) -> None:
        house.engine.watchers.journal = Spans(house.engine.store, self.tell)
        house.engine.traced = lambda given: given or Trace.begun().encode()

    def tree(self) -> set[tuple[str, str]]:
        """The names of each span and of the one that it lies in."""
        names = {span.event: span.name for span in self.spans}
        assert len(names) == len(self.spans)
        return {(names.get(span.parent, ""), span.name) for span in self.spans}

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await House(tmp_path / "store.db").open()
    yield house
    await house.close()


@pytest.fixture
def collected(house: House) -> Collected:
    found = Collected()
    found.follow(house)
    return found


async def test_states_lie_in_the_execution_and_attempts_in_states(house: House, collected: Collected) -> None:
    tries = Counter[str]()

    async def second_time(task: Task) -> AsyncIterator[Told]:
        tries["A"] += 1
        yield Succeeded("{}") if tries["A"] == 2 else Failed("Busy", "secret: 1234")

    house.dispatcher.handlers["A"] = second_time
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    states = {"A": {"Type": "Task", "Resource": CALL, "Parameters": {}, "Retry": retry}, "B": {"Type": "Pass"}}
    ended = await house.run(machine(states))
    assert ended.change.status == "SUCCEEDED"
    assert {(span.kind, span.name, span.error) for span in collected.spans} == {
        ("execution", "Orders", None),
        ("state", "A", None),
        ("attempt", "sqs:sendMessage", "Busy"),
        ("attempt", "sqs:sendMessage", None),
        ("state", "B", None),
    }
    assert collected.tree() == {("", "Orders"), ("Orders", "A"), ("A", "sqs:sendMessage"), ("Orders", "B")}
    (root,) = collected.named("Orders")
    assert root.attributes["status"] == "SUCCEEDED"
    assert all(root.start <= span.start <= span.end <= root.end for span in collected.spans)
    assert "1234" not in repr(collected.spans)


async def test_branches_and_iterations_lie_in_their_states(house: House, collected: Collected) -> None:
    branch = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "Q"}, "Q": {"Type": "Pass", "End": True}}}
    other = {"StartAt": "R", "States": {"R": {"Type": "Pass", "End": True}}}
    states = {
        "Both": {"Type": "Parallel", "Branches": [branch, other]},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$",
            "ItemProcessor": {"StartAt": "S", "States": {"S": other["States"]["R"]}},
        },
    }
    await house.run(machine(states))
    assert collected.tree() == {
        ("", "Orders"),
        ("Orders", "Both"),
        ("Both", "P"),
        ("Both", "Q"),
        ("Both", "R"),
        ("Orders", "Each"),
        ("Each", "Each[0]"),
        ("Each", "Each[1]"),
        ("Each[0]", "S"),
        ("Each[1]", "S"),
    }


async def test_what_a_failure_gives_up_ends_with_it(house: House, collected: Collected) -> None:
    async def fail(task: Task) -> AsyncIterator[Told]:
        yield Failed("Broken", None)

    house.dispatcher.handlers["F"] = fail
    task = {"StartAt": "F", "States": {"F": {"Type": "Task", "Resource": CALL, "Parameters": {}, "End": True}}}
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}}
    ended = await house.run(machine({"Both": {"Type": "Parallel", "Branches": [task, wait]}}))
    assert ended.change.status == "FAILED"
    errors = {span.name: span.error for span in collected.spans}
    assert errors["Orders"] == errors["sqs:sendMessage"] == "Broken"
    assert errors["W"] is not None
    assert collected.tree() == {
        ("", "Orders"),
        ("Orders", "Both"),
        ("Both", "F"),
        ("F", "sqs:sendMessage"),
        ("Both", "W"),
    }


async def test_an_execution_goes_on_in_its_trace_after_a_restart_and_no_span_is_told_twice(
    house: House, collected: Collected
) -> None:
    states = {
        "A": {"Type": "Pass"},
        "Long": {"Type": "Task", "Resource": CALL, "Parameters": {}},
        "B": {"Type": "Pass"},
    }
    gate = house.dispatcher.handlers["Long"] = Gate()
    started = await house.start(await house.machine(machine(states)))
    await until(lambda: bool(house.dispatcher.running))
    first = house.dispatcher.tasks[0].trace
    await until(lambda: bool(collected.named("A")))
    await house.restart()
    collected.follow(house)
    await until(lambda: len(house.dispatcher.tasks) == 2)
    gate.opened.set()
    await house.end(started)
    await until(lambda: bool(collected.named("Orders")))
    assert Counter(span.name for span in collected.spans) == Counter(["Orders", "A", "Long", "sqs:sendMessage", "B"])
    assert collected.tree() == {
        ("", "Orders"),
        ("Orders", "A"),
        ("Orders", "Long"),
        ("Long", "sqs:sendMessage"),
        ("Orders", "B"),
    }
    # The task that is carried out again is told the very span that it was told before.
    assert house.dispatcher.tasks[1].trace == first
    assert first is not None
    (attempt,) = collected.named("sqs:sendMessage")
    assert Trace.decode(first).parent_id == span_id(started.arn, attempt.event)


async def test_a_redrive_is_a_span_of_its_own(house: House, collected: Collected) -> None:
    outcomes: list[Told] = [Failed("Broken", None), Succeeded("{}")]

    async def in_turn(task: Task) -> AsyncIterator[Told]:
        yield outcomes.pop(0)

    house.dispatcher.handlers["A"] = in_turn
    started = await house.start(
        await house.machine(machine({"A": {"Type": "Task", "Resource": CALL, "Parameters": {}}}))
    )
    assert (await house.end(started)).change.status == "FAILED"
    await house.engine.redrive_execution(started.arn, None)
    assert (await house.end(started)).change.status == "SUCCEEDED"
    await until(lambda: bool(collected.named("redrive")))
    (redrive,) = collected.named("redrive")
    again = collected.named("sqs:sendMessage")[-1]
    assert (redrive.parent, redrive.attributes["status"], redrive.error) == (1, "SUCCEEDED", None)
    assert again.parent == redrive.event


async def test_what_is_in_no_trace_is_not_followed(house: House, collected: Collected) -> None:
    house.engine.traced = None
    await house.run(machine({"A": {"Type": "Pass"}}))
    assert collected.spans == []


async def test_a_given_trace_is_handed_on_where_no_spans_are_told(house: House) -> None:
    given = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True, state="a=1").encode()
    await house.run(machine({"A": {"Type": "Task", "Resource": CALL, "Parameters": {}}}), trace=given)
    assert [task.trace for task in house.dispatcher.tasks] == [given]


async def test_open_spans_of_few_executions_are_kept_in_mind(
    house: House, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwell.telemetry.spans._KNOWN", 2)
    gate = house.dispatcher.handlers["A"] = Gate()
    made = await house.machine(machine({"A": {"Type": "Task", "Resource": CALL, "Parameters": {}}}))
    started = [await house.start(made) for _ in range(5)]
    await until(lambda: len(house.dispatcher.running) == 5)
    gate.opened.set()
    for each in started:
        await house.end(each)
    await until(lambda: len(collected.spans) == 15)
    assert Counter(span.name for span in collected.spans) == {"Orders": 5, "A": 5, "sqs:sendMessage": 5}


def test_a_child_hangs_below_the_attempt_that_starts_it() -> None:
    line = Trace.begun().encode()
    child = below(line, "arn:parent", 5)
    assert Trace.decode(child).parent_id == span_id("arn:parent", 5)
    assert Trace.decode(child).exported
