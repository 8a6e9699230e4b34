"""What a transition of a Map or a Parallel costs does not grow with the number of its children.

Rules that must stay true here:
- Costs are counted, never timed: calls that Python makes while a turn is computed and put into its record, rows and
  bytes that the record asks the store to write.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from stepwell.engine.live import Live, new_execution
from stepwell.engine.records import turn_record
from stepwell.language.definition import compile_definition
from stepwell.machine.advance import advance
from stepwell.machine.stimulus import Continue, Start, Stimulus, TaskSucceeded
from stepwell.store.protocol import NewExecution, TurnRecord

Definition = dict[str, Any]

CALL = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work", "End": True}
PASS = {"Type": "Pass", "Result": 1, "End": True}
SHARE = 1.2  # the most that a cost may grow by


@dataclass(frozen=True)
class Cost:
    """Of a transition, on average."""

    calls: float
    rows: float
    bytes: float


def each(state: Definition, name: str = "Do", **fields: Any) -> Definition:
    """A machine with one inline Map."""
    processor = {"StartAt": name, "States": {name: state}}
    return {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}}


def branches(count: int, state: Definition) -> Definition:
    """A machine with one Parallel of so many branches."""
    found = [{"StartAt": f"Do{n}", "States": {f"Do{n}": state}} for n in range(count)]
    return {"StartAt": "All", "States": {"All": {"Type": "Parallel", "Branches": found, "End": True}}}


@contextmanager
def counted_calls(count: list[int]) -> Iterator[None]:
    def seen(_frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            count[0] += 1

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield
    finally:
        sys.setprofile(before)


def cost(definition: Definition, input: Any) -> Cost:
    """Run an execution to its end. Its tasks succeed in order; its history has no limit, as that of an Express one."""
    program = compile_definition(json.dumps(definition))
    execution = new_execution(_new(json.dumps(input)))
    execution.workflow = "EXPRESS"
    live = Live(1, execution)
    calls, rows, size, transitions = [0], 0, 0, 0
    waiting: deque[Stimulus] = deque([Start()])
    while execution.status == "RUNNING":
        stimulus = waiting.popleft()
        with counted_calls(calls):
            turn = advance(program, execution, stimulus, 1_700_000_000_000, os.urandom(32))
            assert turn is not None
            record = turn_record(
                1,
                live.version + 1,
                turn,
                new=None,
                clock=None,
                now=0,
                continued=isinstance(stimulus, Continue),
                stored=live.stored,
            )
            live.apply(turn, record)
        rows += _rows(record)
        size += _bytes(record)
        transitions += sum(event.type.endswith("StateEntered") for event in turn.events)
        waiting.extend(TaskSucceeded(effect.path, effect.token, "1") for effect in turn.effects)
        if turn.more:
            waiting.append(Continue())
    assert execution.status == "SUCCEEDED"
    return Cost(calls[0] / transitions, rows / transitions, size / transitions)


def _new(text: str) -> NewExecution:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:Growth"
    return NewExecution(
        key=1,
        arn=machine.replace("stateMachine", "execution") + ":one",
        machine_arn=machine,
        machine_id=1,
        name="one",
        definition_hash="0" * 64,
        revision_id="r",
        role_arn="arn:aws:iam::123456789012:role/r",
        start_date=1_700_000_000_000,
        input=text,
    )


def _rows(record: TurnRecord) -> int:
    removed = len(record.frames_removed) + len(record.timers_removed_below) + len(record.effects_removed_below)
    return removed + len(record.effects_removed) + len(record.effects) + len(record.frames) + len(record.payloads) + 1


def _bytes(record: TurnRecord) -> int:
    texts = sum(map(len, record.payloads.values())) + sum(map(len, record.frames.values()))
    return texts + sum(len(row.data) for row in record.effects) + (len(record.events.data) if record.events else 0)


def assert_flat(few: Cost, many: Cost) -> None:
    assert many.calls <= few.calls * SHARE, (few, many)
    assert many.rows <= few.rows * SHARE, (few, many)
    assert many.bytes <= few.bytes * SHARE, (few, many)


def items(count: int) -> Any:
    return {"items": [{"number": 100_000 + number} for number in range(count)]}


OF_PATH = {"ItemsPath": "$.items"}
NUMBERS = "{% [$states.input.items.number] %}"
MAPS: dict[str, Callable[[Definition], Definition]] = {
    "all at once": lambda state: each(state, **OF_PATH, MaxConcurrency=0),
    "one after the other": lambda state: each(state, **OF_PATH, MaxConcurrency=1),
    "selected items": lambda state: each(
        state,
        InputPath="$.items[*]",
        ItemSelector={"index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value", "first.$": "$[0]"},
    ),
    "JSONata": lambda state: {
        "QueryLanguage": "JSONata",
        **each({"Type": "Pass", "Output": 1, "End": True} if state is PASS else state, Items=NUMBERS),
    },
}


@pytest.mark.parametrize("kind", MAPS)
def test_an_iteration_of_a_pass_costs_the_same_among_four_and_ten_thousand(kind: str) -> None:
    """Those of the last turn leave no rows: few enough, they would leave none at all."""
    definition = MAPS[kind](PASS)
    alone, few, many = (cost(definition, items(count)) for count in (1, 4_000, 10_000))
    assert_flat(few, many)
    assert many.calls <= alone.calls


@pytest.mark.parametrize("kind", MAPS)
def test_an_iteration_of_a_task_costs_the_same_among_a_hundred_and_two_thousand(kind: str) -> None:
    definition = MAPS[kind](CALL)
    few, many = (cost(definition, items(count)) for count in (100, 2_000))
    assert_flat(few, many)


@pytest.mark.parametrize("state", [PASS, CALL], ids=["Pass", "Task"])
def test_a_branch_of_a_parallel_costs_the_same_among_a_hundred_and_a_thousand(state: Definition) -> None:
    few, many = (cost(branches(count, state), {"text": "x" * 2_000}) for count in (100, 1_000))
    if state is CALL:  # a hundred branches of a Pass end within one turn, and leave no rows
        assert_flat(few, many)
    assert many.calls <= few.calls * SHARE


@pytest.mark.parametrize("state", [PASS, CALL], ids=["Pass", "Task"])
def test_a_map_in_an_iteration_costs_the_same_among_a_hundred_and_a_thousand(state: Definition) -> None:
    inner = each(state, "Inner", ItemsPath="$.inner")["States"]["Each"]
    few, many = (
        cost(each(inner, **OF_PATH), {"items": [{"inner": [1, 2, 3]} for _ in range(count)]}) for count in (300, 1_500)
    )
    assert_flat(few, many)


def test_a_large_input_is_written_once_however_many_iterations_have_it() -> None:
    definition = each(CALL, **OF_PATH)
    large = {**items(500), "text": "x" * 200_000}
    plain, loaded = cost(definition, items(500)), cost(definition, large)
    assert (loaded.bytes - plain.bytes) * 501 < 1.1 * 200_000


def test_the_items_are_evaluated_once_so_that_they_stay_the_same() -> None:
    """Random items would be others each time: the sum of what the iterations get is that of the whole list."""
    states = {
        "Draw": {
            "Type": "Map",
            "Items": "{% $map([1..60], function($n) { $uuid() }) %}",
            "ItemProcessor": {
                "StartAt": "Do",
                "States": {"Do": {"Type": "Pass", "Output": "{% $states.input %}", "End": True}},
            },
            "Output": "{% $count($distinct($states.result)) %}",
            "End": True,
        }
    }
    program = compile_definition(json.dumps({"QueryLanguage": "JSONata", "StartAt": "Draw", "States": states}))
    execution = new_execution(_new("{}"))
    live = Live(1, execution)
    stimulus: Stimulus = Start()
    outputs: list[str] = []
    while execution.status == "RUNNING":
        turn = advance(program, execution, stimulus, 0, b"\x07" * 32)
        assert turn is not None
        live.apply(turn, turn_record(1, live.version + 1, turn, new=None, clock=None, now=0, continued=False))
        outputs += [event.details["input"] for event in turn.events if event.type == "PassStateEntered"]  # type: ignore[misc]
        stimulus = Continue()
    assert len(set(outputs)) == 60
