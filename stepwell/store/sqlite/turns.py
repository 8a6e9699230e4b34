"""Turns into rows: which turns of a group stand, and what they write, table by table.

Rules that must stay true here:
- All turns are judged before anything is written, so a refused turn leaves nothing to undo.
- The rows of a whole group are gathered a table, and each table is written once. Only where removals and additions of
  several turns of one execution could cross, each of these turns is written after the other (a layer a turn).
- This is the hot path: no statement for what is empty, no work a row beyond making its tuple.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from stepwell.store.protocol import Answer, ExecutionChange, NewExecution, TurnRecord
from stepwell.store.sqlite import trace_sql, turn_sql, vault_sql
from stepwell.store.sqlite.bulk import Row, below
from stepwell.store.vault import VaultChange

# version, machine_id, start_date, status, listed_at
_Standing = tuple[int, int, int, str, int]

# version_arn, alias_arn: written by an execution's first turn only
_Arns = tuple[str | None, str | None]
_NO_ARNS: Final[_Arns] = (None, None)

_RUNNING: Final = "RUNNING"


class _Layer:
    """The rows of frames, timers and effects of at most one turn an execution."""

    __slots__ = (
        "effects",
        "effects_below",
        "effects_removed",
        "frames",
        "frames_below",
        "timers",
        "timers_below",
        "timers_removed",
    )

    def __init__(self) -> None:
        self.frames_below: list[Row] = []
        self.frames: list[Row] = []
        self.timers_removed: list[Row] = []
        self.timers_below: list[Row] = []
        self.timers: list[Row] = []
        self.effects_removed: list[Row] = []
        self.effects_below: list[Row] = []
        self.effects: list[Row] = []

    def add(self, turn: TurnRecord) -> None:
        key = turn.key
        if turn.frames_removed:
            self.frames_below += [(key, *below(prefix)) for prefix in turn.frames_removed]
        if turn.frames:
            self.frames += [(key, path, data) for path, data in turn.frames.items()]
        if turn.timers_removed:
            self.timers_removed += [(key, name) for name in turn.timers_removed]
        if turn.timers_removed_below:
            self.timers_below += [(key, *below(prefix)) for prefix in turn.timers_removed_below]
        if turn.timers:
            virtual = int(turn.virtual_timers)
            self.timers += [(key, name, due, virtual) for name, due in turn.timers.items()]
        if turn.effects_removed:
            self.effects_removed += [(key, id_) for id_ in turn.effects_removed]
        if turn.effects_removed_below:
            self.effects_below += [(key, *below(prefix)) for prefix in turn.effects_removed_below]
        if turn.settled:
            self.effects_removed += turn.settled
        if turn.effects:
            self.effects += [(key, e.id, e.kind, e.target, e.path, e.data) for e in turn.effects]

    def write(self, connection: sqlite3.Connection) -> None:
        turn_sql.FRAMES_REMOVED.write(connection, self.frames_below)
        turn_sql.FRAMES.write(connection, self.frames)
        turn_sql.TIMERS_REMOVED.write(connection, self.timers_removed)
        turn_sql.TIMERS_REMOVED_BELOW.write(connection, self.timers_below)
        turn_sql.TIMERS.write(connection, self.timers)
        turn_sql.EFFECTS_REMOVED.write(connection, self.effects_removed)
        turn_sql.EFFECTS_REMOVED_BELOW.write(connection, self.effects_below)
        turn_sql.EFFECTS.write(connection, self.effects)


class Group:
    """The turns of one transaction."""

    def __init__(self, connection: sqlite3.Connection, calls: Sequence[Sequence[TurnRecord]]) -> None:
        self._connection = connection
        self._stored, self._taken = _check(connection, calls)
        self._standing = dict(self._stored)
        self._executions: list[Row] = []
        self._jobs: list[Row] = []
        self._progress: dict[int, Row] = {}
        self._arns: dict[int, _Arns] = {}  # of the executions that start in this group from a version
        self._events: list[Row] = []
        self._payloads: list[Row] = []
        self._vault: list[tuple[int, VaultChange]] = []
        self._traces: list[tuple[int, str]] = []
        self._layers: list[_Layer] = []
        self._depth: dict[int, int] = {}

    def judge(self, turns: Sequence[TurnRecord]) -> list[Answer]:
        """Answer for the turns of one call, and take in those that stand."""
        answers: list[Answer] = []
        refused: set[int] = set()
        for turn in turns:
            answer = self._answer(turn, refused)
            if answer is Answer.ACCEPTED:
                self._take(turn)
            else:
                refused.add(turn.key)
            answers.append(answer)
        return answers

    def _answer(self, turn: TurnRecord, refused: set[int]) -> Answer:
        new = turn.new
        if new is not None and new.arn in self._taken:
            return Answer.EXISTS
        standing = self._standing.get(turn.key)
        version = 0 if standing is None else standing[0]
        if turn.version != version + 1 or (standing is None) != (new is not None) or turn.key in refused:
            return Answer.STALE
        if turn.requires is not None:
            other = self._standing.get(turn.requires[0])
            if other is None or other[0] < turn.requires[1]:
                return Answer.STALE
        return Answer.ACCEPTED

    def _take(self, turn: TurnRecord) -> None:
        key, change, new, events = turn.key, turn.change, turn.new, turn.events
        if new is not None:
            self._taken.add(new.arn)
            self._executions.append(_execution(new, key))
            if new.job is not None:
                self._jobs.append(turn_sql.job_row(key, new.job))
            if new.trace is not None:
                self._traces.append((key, new.trace))
            machine_id, start_date = new.machine_id, new.start_date
            if new.version_arn is not None:
                self._arns[key] = (new.version_arn, new.alias_arn)
        else:
            _, machine_id, start_date, _, _ = self._standing[key]
        listed_at = change.stop_date
        if listed_at is None:
            listed_at = start_date if change.redrive_date is None else change.redrive_date
        self._standing[key] = (turn.version, machine_id, start_date, change.status, listed_at)
        arns = self._arns.get(key, _NO_ARNS)
        self._progress[key] = _progress(turn, change, machine_id, start_date, listed_at, arns)
        if events is not None:
            self._events.append((key, events.first_id, events.last_id, events.data))
        if turn.payloads:
            self._payloads += [(key, hash_, text) for hash_, text in turn.payloads.items()]
        if turn.vault is not None:
            self._vault.append((key, turn.vault))
        depth = self._depth.get(key, 0)
        self._depth[key] = depth + 1
        if depth == len(self._layers):
            self._layers.append(_Layer())
        self._layers[depth].add(turn)

    def write(self) -> None:
        """Write all that was taken in. Called once, inside the transaction that `__init__` read in."""
        connection = self._connection
        first: list[Row] = []
        following: list[Row] = []
        moved: list[Row] = []
        ended: list[Row] = []
        for key, row in self._progress.items():
            stored = self._stored.get(key)
            if row[4] != (_RUNNING if stored is None else stored[3]):
                ended.append((key, row[4] != _RUNNING))
            if stored is None:
                first.append(row)
            elif stored[3] == row[4] and stored[4] == row[5]:
                following.append(row)
            else:
                moved.append(row)
        turn_sql.EXECUTIONS.write(connection, self._executions)
        turn_sql.NEW_JOBS.write(connection, self._jobs)
        turn_sql.PROGRESS_FIRST.write(connection, first)
        turn_sql.PROGRESS_NEXT.write(connection, following)
        turn_sql.PROGRESS_MOVED.write(connection, moved)
        turn_sql.JOBS_ENDED.write(connection, ended)
        turn_sql.EVENTS.write(connection, self._events)
        turn_sql.PAYLOADS.write(connection, self._payloads)
        for layer in self._layers:
            layer.write(connection)
        if self._traces:
            trace_sql.write(connection, self._traces)
        if self._vault:
            vault_sql.change(connection, self._vault)


def _check(
    connection: sqlite3.Connection, calls: Sequence[Sequence[TurnRecord]]
) -> tuple[dict[int, _Standing], set[str]]:
    """How the executions of these turns stand, and which of the ARNs that they start are taken.

    One statement with one row: every row more is one more hand-over of the interpreter's lock.
    """
    keys = [turn.key for turns in calls for turn in turns]
    keys += {turn.requires[0] for turns in calls for turn in turns if turn.requires is not None}
    arns = [turn.new.arn for turns in calls for turn in turns if turn.new is not None]
    standing, taken = connection.execute(turn_sql.CHECK, (orjson.dumps(keys).decode(), _json(arns))).fetchone()
    return {row[0]: tuple(row[1:]) for row in orjson.loads(standing)}, set(orjson.loads(taken))


def _json(texts: Sequence[str]) -> str:
    return orjson.dumps(texts).decode() if texts else "[]"


def _execution(new: NewExecution, key: int) -> Row:
    return (
        key,
        new.arn,
        new.machine_arn,
        new.machine_id,
        new.name,
        new.definition_hash,
        new.revision_id,
        new.role_arn,
        new.start_date,
        new.trace_header,
        new.test_case,
        new.parent_key,
        new.parent_token,
        new.awaited_by,
        new.map_run_arn,
        new.item_count,
        new.tokens_hold_clock,
        new.unlogged,
        new.input,
    )


def _progress(
    turn: TurnRecord,
    change: ExecutionChange,
    machine_id: int,
    start_date: int,
    listed_at: int,
    arns: _Arns,
) -> Row:
    return (
        turn.key,
        turn.version,
        machine_id,
        start_date,
        change.status,
        listed_at,
        change.last_event_id,
        change.clock,
        change.stop_date,
        change.error,
        change.redrive_count,
        change.redrive_date,
        change.data,
        *arns,
        change.cause,
        change.output,
    )
