"""The state machine itself, run by the interpreter in no time: how often it checks, how it waits, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import apps.catalog
from stepwell.language.definition import compile_definition, validate_definition
from stepwell.machine.advance import advance
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Execution
from stepwell.machine.stimulus import Start, Stimulus, TaskFailed, TaskSucceeded, TimerFired
from stepwell.machine.turn import TaskEffect

DEFINITION = Path(apps.catalog.__file__).with_name("catalog.asl.json").read_text("utf-8")
INPUT = {"catalog_name": "books", "catalog_id": "1", "jwt_token": "token-of-1"}
NOT_READY: dict[str, object] = {"ready": False, "kb_name": "", "data_source_name": ""}
READY: dict[str, object] = {"ready": True, "kb_name": "kb", "data_source_name": "ds"}
FAILED = ("VendorError", "the vendor answered 500")

Answer = Callable[[str, dict[str, Any]], dict[str, object] | tuple[str, str]]


@dataclass
class Story:
    """What an execution did: its events, what each call of a function was given, how it ended, after how long."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    transitions: int = 0
    events: int = 0
    status: str = "RUNNING"
    error: str | None = None
    cause: str | None = None
    seconds: float = 0

    @property
    def attempts(self) -> list[int]:
        return [given["attempt"] for name, given in self.calls if name == "CheckCatalogStatus"]


def play(answer: Answer) -> Story:
    """Run the machine to its end. `answer` plays the functions: a result, or an error and its cause."""
    program, now, story = compile_definition(DEFINITION), 0, Story()
    execution = Execution(1, "arn:aws:states:us-east-1:123456789012:execution:M:1", "1", "M", "M", "role", now, _INPUT)
    todo: list[Stimulus] = [Start()]
    due: dict[str, int] = {}
    while story.status == "RUNNING":
        if not todo:
            name, now = min(due.items(), key=lambda timer: timer[1])
            todo.append(TimerFired(name))
        turn = advance(program, execution, todo.pop(0), now, bytes(32))
        assert turn is not None
        for path in turn.frames_removed:
            del execution.frames[path]
        execution.frames.update(turn.frames)
        execution.status, execution.last_event_id = turn.status, turn.last_event_id
        for name in turn.timers_removed:
            del due[name]
        due.update(turn.timers)
        for effect in turn.effects:
            story.calls.append((effect.state_name, json.loads(effect.input)))
            todo.append(_outcome(effect, answer(*story.calls[-1])))
        story.transitions += sum(event.type.endswith("StateEntered") for event in turn.events)
        story.events, story.status, story.seconds = turn.last_event_id, turn.status, now / 1000
        story.error, story.cause = turn.error, turn.cause
    return story


_INPUT = Datum.of_text(json.dumps(INPUT))


def _outcome(effect: TaskEffect, answer: dict[str, object] | tuple[str, str]) -> Stimulus:
    if isinstance(answer, tuple):
        return TaskFailed(effect.path, effect.token, *answer)
    return TaskSucceeded(effect.path, effect.token, json.dumps(answer))


def test_the_definition_is_valid() -> None:
    assert validate_definition(DEFINITION, severity="WARNING") == ()


def test_it_checks_every_20_seconds_until_the_catalog_is_ready_and_records_it() -> None:
    def answer(name: str, given: dict[str, Any]) -> dict[str, object]:
        if name == "UpdateCatalogDB":
            return {}
        return {"attempt": given["attempt"], **(READY if given["attempt"] == 3 else NOT_READY)}

    story = play(answer)

    assert story.status == "SUCCEEDED"
    assert story.seconds == 40
    assert story.calls == [
        *(
            ("CheckCatalogStatus", {"catalog_name": "books", "jwt_token": "token-of-1", "attempt": attempt})
            for attempt in (1, 2, 3)
        ),
        (
            "UpdateCatalogDB",
            {"catalog_id": "1", "kb_name": "kb", "data_source_name": "ds", "jwt_token": "token-of-1"},
        ),
    ]
    assert story.transitions == 10  # the README's figure


@pytest.mark.parametrize("failing", [False, True])
def test_it_gives_up_after_150_checks_failed_ones_included(failing: bool) -> None:
    story = play(lambda _, given: FAILED if failing else {"attempt": given["attempt"], **NOT_READY})

    assert (story.status, story.error) == ("FAILED", "MaxAttemptsExceeded")
    assert story.attempts == list(range(1, 151))
    assert story.seconds == 149 * 20
    assert story.events < 25_000 / 10
    assert story.transitions == (601 if failing else 451)  # the README's figures


def test_a_failed_check_counts_as_not_ready() -> None:
    def answer(name: str, given: dict[str, Any]) -> dict[str, object] | tuple[str, str]:
        if name == "UpdateCatalogDB":
            return {}
        return FAILED if given["attempt"] == 1 else {"attempt": given["attempt"], **READY}

    story = play(answer)
    assert (story.status, story.attempts, story.seconds) == ("SUCCEEDED", [1, 2], 20)


def test_a_write_that_fails_ends_the_poll_and_says_why() -> None:
    def answer(name: str, given: dict[str, Any]) -> dict[str, object] | tuple[str, str]:
        if name == "UpdateCatalogDB":
            return "OperationalError", "database or disk is full"
        return {"attempt": given["attempt"], **READY}

    story = play(answer)
    assert (story.status, story.error, story.cause) == ("FAILED", "DatabaseUpdateFailed", "database or disk is full")
