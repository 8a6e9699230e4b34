"""The simulation finds defects: the engine is broken on purpose, and a rule is seen not to hold.

Each of these is a mistake that a change could make, and that no answer to a client would show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.engine import driver as driver_module
from stepwell.engine.committer import Answered, Committer
from stepwell.engine.driver import Driver
from stepwell.engine.messages import Messages
from stepwell.engine.outbox import Outbox
from stepwell.engine.timers import Timers
from stepwell.machine import advance
from stepwell.store.protocol import Answer, TurnRecord
from tests.simulation.runs import finding

SEEDS = 120

Break = Callable[[pytest.MonkeyPatch], None]


def answer_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    add = Committer.add

    def early(self: Committer, record: TurnRecord, answered: Answered) -> None:
        answered(Answer.ACCEPTED)
        add(self, record, lambda _: None)

    patch.setattr(Committer, "add", early)


def dispatch_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    take_over = Driver._take_over

    def hasty(self: Driver, live: Any, post: Any, stimulus: Any, now: int, turn: Any) -> None:
        take_over(self, live, post, stimulus, now, turn)
        if turn is not None:
            for effect in turn.effects:
                if effect.resource.kind != "activity":
                    self._outside._outbox.add(live.execution, effect, live.clock)  # type: ignore[attr-defined]

    patch.setattr(Driver, "_take_over", hasty)


def leave_tasks_out_of_the_outbox(patch: pytest.MonkeyPatch) -> None:
    made = driver_module.turn_record

    def without(*given: Any, **named: Any) -> TurnRecord:
        record = made(*given, **named)
        return replace(record, effects=[row for row in record.effects if row.kind != "task"])

    patch.setattr(driver_module, "turn_record", without)


def forget_messages_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Messages) -> None:
        self._overflow = False  # nothing is on disk that is not under way

    patch.setattr(Messages, "start", forgetful)


def forget_timers_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    look = Timers._look

    async def blind(self: Timers, told: Any) -> None:
        await look(self, told)
        self._heap.clear()
        self._waiting.clear()

    patch.setattr(Timers, "_look", blind)


def take_any_token(patch: pytest.MonkeyPatch) -> None:
    task = advance._task

    def trusting(run: Any, stimulus: Any) -> bool:
        frame = run.frame(stimulus.path)
        return task(run, stimulus if frame is None else replace(stimulus, token=frame.token))

    patch.setattr(advance, "_task", trusting)


def keep_what_a_failed_commit_was_built_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "_discard", lambda self, live, error: None)


def dispatch_twice(patch: pytest.MonkeyPatch) -> None:
    begin = Outbox._begin

    def doubled(self: Outbox, key: int, under: Any) -> None:
        begin(self, key, under)
        under.parked = False
        begin(self, key, under)

    patch.setattr(Outbox, "_begin", doubled)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (answer_before_the_commit, ("it was answered, and is not in the log", "before it was committed")),
        (dispatch_before_the_commit, ("before it was committed", "carried out twice", "is not known")),
        (leave_tasks_out_of_the_outbox, ("does not come to an end",)),
        (forget_messages_in_a_crash, ("does not come to an end",)),
        (forget_timers_in_a_crash, ("does not come to an end",)),
        (take_any_token, ("settled twice", "ends with", "belongs to no attempt")),
        (
            keep_what_a_failed_commit_was_built_on,
            ("does not come to an end", "defect", "settled twice", "ends with"),
        ),
        (dispatch_twice, ("carried out twice",)),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_broken_engine_is_found_out(broken: Break, told: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    found = next((wrong for seed in range(SEEDS) if (wrong := finding(seed)) is not None), None)
    assert found is not None, f"{SEEDS} seeds, and nothing was noticed"
    assert any(words in found.what for words in told), found
