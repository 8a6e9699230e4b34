"""The durable log in one SQLite file: `Store`, put together from a writer, two readers and what moves the log.

Rules that must stay true here:
- Only here is it decided which connection a call uses. Nothing here knows SQL, or does more than pass a call on.
- A store that was closed in order is one file; one that was not opens again all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from stepwell.store.protocol import (
    ActivityRow,
    AliasRow,
    Answer,
    EffectRow,
    EventRecord,
    ExecutionRow,
    ListPosition,
    LoadedExecution,
    MachineRow,
    OutboxRow,
    Refusal,
    RevisionRow,
    TimerRow,
    TurnRecord,
    VersionRow,
)
from stepwell.store.sqlite import catalog, executions, versions, waiting
from stepwell.store.sqlite.checkpoints import WORTH, Checkpoints
from stepwell.store.sqlite.connections import SqliteConnections
from stepwell.store.sqlite.files import Files, open_files
from stepwell.store.sqlite.jobs import SqliteJobs
from stepwell.store.sqlite.known_machines import KnownMachines
from stepwell.store.sqlite.lane import Lane, MakeQueue
from stepwell.store.sqlite.leases import SqliteLeases
from stepwell.store.sqlite.logs import SqliteLogs
from stepwell.store.sqlite.notices import SqliteNotices
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.retention import SqliteRetention
from stepwell.store.sqlite.schedules import SqliteSchedules
from stepwell.store.sqlite.vault import SqliteVault
from stepwell.store.sqlite.writer import Writer

_BATCH = 64  # reads by key that share a snapshot and an answer


class SqliteStore:
    """See `Store`. Made by `SqliteStore.open`, and used on the event loop that it was opened on."""

    def __init__(self, opened: Files, let_go: Callable[[], None], queue: MakeQueue = Lane, worth: int = WORTH) -> None:
        """`queue` makes what stands between the event loop and each connection: a thread, if nothing else is said. So
        many pages of log are `worth` a checkpoint."""
        self._files = opened
        self._let_go = let_go
        self._checkpoints = Checkpoints(opened.checkpointer, opened.path, opened.anchor, queue, worth)
        self._writer = Writer(
            opened.writer, opened.path, opened.anchor, queue, self._checkpoints.look, self._checkpoints.pause
        )
        self._reader = Reader(opened.reader, opened.path, "stepwell-store-reader", _BATCH, queue)
        self._lister = Reader(opened.lister, opened.path, "stepwell-store-lister", 1, queue)
        self._machines = KnownMachines()
        self._vault = SqliteVault(self._reader, self._writer)
        self.retention = SqliteRetention(self._writer, self._lister)
        self.jobs = SqliteJobs(self._writer, self._reader, self._lister)
        self.notices = SqliteNotices(self._writer, self._reader, self._lister)
        self.schedules = SqliteSchedules(self._writer, self._reader, self._lister)
        self._closing: asyncio.Task[None] | None = None
        self.leases = SqliteLeases(self._writer, self._reader)
        self.logs = SqliteLogs(self._writer, self._lister)
        self.connections = SqliteConnections(self._writer, self._reader)

    @classmethod
    async def open(cls, path: Path, let_go: Callable[[], None] = lambda: None, temporary: bool = False) -> SqliteStore:
        """Open the database at `path`, making it where there is none; `let_go` is called after it is closed. What is
        `temporary` is not meant to be opened again: no commit is waited for to reach the disk.

        Raises StoreBusy, StoreTooNew, StoreCorrupt, StoreFull or StoreError; the file is then as it was.
        """
        opened = await asyncio.to_thread(open_files, path, temporary)
        return cls(opened, let_go)

    async def check(self) -> None:
        await self._writer.check()

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await asyncio.gather(self._reader.close(), self._lister.close(), self._writer.close())
        await self._checkpoints.close()
        await asyncio.to_thread(self._files.close)
        self._let_go()

    @property
    def vault(self) -> SqliteVault:
        return self._vault

    # -- executions
    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        return await self._writer.commit(turns)

    async def find_execution(self, arn: str) -> ExecutionRow | None:
        return await self._reader.read(partial(executions.find, arn=arn))

    async def execution_key(self, arn: str) -> int | None:
        return await self._reader.read(partial(executions.key_of, arn=arn))

    async def load_execution(self, key: int) -> LoadedExecution | None:
        return await self._reader.read(partial(executions.load, key=key))

    async def execution_row(self, key: int) -> ExecutionRow | None:
        return await self._reader.read(partial(executions.by_key, key=key))

    async def list_executions(
        self,
        machine_id: int,
        status: str | None,
        after: ListPosition | None,
        limit: int,
        qualified_arn: str | None = None,
    ) -> Sequence[tuple[ListPosition, ExecutionRow]]:
        query = partial(
            executions.newest_first,
            machine_id=machine_id,
            status=status,
            after=after,
            limit=limit,
            qualified_arn=qualified_arn,
        )
        return await self._lister.read(query)

    async def has_executions(self, machine_id: int, status: str) -> bool:
        return await self._lister.read(partial(executions.has_any, machine_id=machine_id, status=status))

    async def history(self, key: int, from_id: int, limit: int, reverse: bool) -> Sequence[EventRecord]:
        query = partial(executions.history, key=key, from_id=from_id, limit=limit, reverse=reverse)
        return await self._lister.read(query)

    async def payloads(self, key: int, hashes: Sequence[bytes]) -> Mapping[bytes, str]:
        return await self._lister.read(partial(executions.payloads, key=key, hashes=hashes))

    async def due_timers(self, until: int, limit: int) -> Sequence[TimerRow]:
        return await self._reader.read(partial(waiting.due_timers, until=until, limit=limit))

    async def next_timer(self, after: int) -> int | None:
        return await self._reader.read(partial(waiting.next_timer, after=after))

    async def outbox(self, kind: str, after: tuple[int, int], limit: int) -> Sequence[OutboxRow]:
        return await self._lister.read(partial(waiting.outbox, kind=kind, after=after, limit=limit))

    async def outbox_of(self, kind: str, target: str, limit: int) -> Sequence[OutboxRow]:
        return await self._reader.read(partial(waiting.outbox_of, kind=kind, target=target, limit=limit))

    async def effect(self, key: int, effect_id: int) -> EffectRow | None:
        return await self._reader.read(partial(waiting.effect, key=key, effect_id=effect_id))

    async def settle(self, effects: Sequence[tuple[int, int]]) -> None:
        await self._writer.write(partial(waiting.settle, effects=effects))

    async def children(self, map_run: int, after: int, limit: int) -> Sequence[ExecutionRow]:
        return await self._lister.read(partial(executions.children, map_run=map_run, after=after, limit=limit))

    async def delete_execution(self, key: int) -> None:
        await self._writer.write(partial(executions.delete, key=key))

    async def running_executions(self, after: int, limit: int) -> Sequence[int]:
        return await self._lister.read(partial(executions.running, after=after, limit=limit))

    async def virtual_executions(self, after: int, limit: int) -> Sequence[int]:
        return await self._lister.read(partial(waiting.virtual, after=after, limit=limit))

    async def count_running(self, most: int) -> int:
        return await self._lister.read(partial(executions.count_running, most=most))

    # -- definitions, machines
    async def put_definition(self, hash: str, text: str) -> None:
        await self._writer.write(partial(catalog.put_definition, hash_=hash, text=text))

    async def definition(self, hash: str) -> str | None:
        return await self._reader.read(partial(catalog.definition, hash_=hash))

    async def create_machine(self, row: MachineRow, definition: str, tags: Mapping[str, str]) -> MachineRow | None:
        work = partial(catalog.create_machine, row=row, text=definition, tags_=tags)
        return await self._machines.changed_by(self._writer.write(work))

    async def update_machine(self, row: MachineRow, definition: str | None) -> bool:
        return await self._machines.changed_by(
            self._writer.write(partial(catalog.update_machine, row=row, text=definition))
        )

    async def find_machine(self, arn: str) -> MachineRow | None:
        return await self._machines.find(arn, lambda: self._reader.read(partial(catalog.find_machine, arn=arn)))

    async def deleting_machines(self) -> Sequence[int]:
        return await self._lister.read(catalog.deleting_machines)

    async def delete_machine(self, id: int) -> None:
        await self._machines.changed_by(self._writer.write(partial(catalog.delete_machine, id_=id)))

    async def list_machines(self, arn_prefix: str, after: ListPosition | None, limit: int) -> Sequence[MachineRow]:
        return await self._lister.read(partial(catalog.list_machines, arn_prefix=arn_prefix, after=after, limit=limit))

    # -- revisions, versions, aliases
    async def find_revision(self, machine_id: int, id: str) -> RevisionRow | None:
        return await self._reader.read(partial(versions.find_revision, machine_id=machine_id, id_=id))

    async def publish_version(
        self, machine_id: int, revision_id: str, description: str | None, now: int, limit: int
    ) -> VersionRow | Refusal:
        work = partial(
            versions.publish,
            machine_id=machine_id,
            revision_id=revision_id,
            description=description,
            now=now,
            limit=limit,
        )
        return await self._writer.write(work)

    async def find_version(self, machine_id: int, number: int) -> VersionRow | None:
        return await self._reader.read(partial(versions.find, machine_id=machine_id, number=number))

    async def list_versions(self, machine_id: int, below: int | None, limit: int) -> Sequence[VersionRow]:
        query = partial(versions.newest_first, machine_id=machine_id, below=below, limit=limit)
        return await self._lister.read(query)

    async def delete_version(self, machine_id: int, number: int) -> Sequence[str]:
        return await self._writer.write(partial(versions.delete, machine_id=machine_id, number=number))

    async def create_alias(self, row: AliasRow, limit: int) -> AliasRow | Refusal:
        return await self._writer.write(partial(versions.create_alias, row=row, limit=limit))

    async def update_alias(self, row: AliasRow) -> Refusal | None:
        return await self._writer.write(partial(versions.update_alias, row=row))

    async def find_alias(self, machine_id: int, name: str) -> AliasRow | None:
        return await self._reader.read(partial(versions.find_alias, machine_id=machine_id, name=name))

    async def list_aliases(
        self, machine_id: int, version: int | None, after: ListPosition | None, limit: int
    ) -> Sequence[AliasRow]:
        query = partial(versions.list_aliases, machine_id=machine_id, version=version, after=after, limit=limit)
        return await self._lister.read(query)

    async def delete_alias(self, machine_id: int, name: str) -> bool:
        return await self._writer.write(partial(versions.delete_alias, machine_id=machine_id, name=name))

    # -- activities, tags
    async def create_activity(self, row: ActivityRow, tags: Mapping[str, str]) -> bool:
        return await self._writer.write(partial(catalog.create_activity, row=row, tags_=tags))

    async def find_activity(self, arn: str) -> ActivityRow | None:
        return await self._reader.read(partial(catalog.find_activity, arn=arn))

    async def delete_activity(self, arn: str) -> None:
        await self._writer.write(partial(catalog.delete_activity, arn=arn))

    async def list_activities(
        self, arn_prefix: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[ActivityRow]:
        query = partial(catalog.list_activities, arn_prefix=arn_prefix, after=after, limit=limit)
        return await self._lister.read(query)

    async def tags(self, arn: str) -> Mapping[str, str]:
        return await self._reader.read(partial(catalog.tags, arn=arn))

    async def set_tags(self, arn: str, set: Mapping[str, str], removed: Sequence[str], limit: int) -> bool:
        return await self._writer.write(partial(catalog.set_tags, arn=arn, set_=set, removed=removed, limit=limit))

    # -- settings of the store itself
    async def keep_time(self, now: int) -> None:
        await self._writer.write(partial(catalog.keep_time, now=now))

    async def kept_time(self) -> int:
        return await self._reader.read(catalog.kept_time)

    async def secret(self, name: str) -> bytes:
        known = await self._reader.read(partial(catalog.secret, name=name))
        return known if known is not None else await self._writer.write(partial(catalog.draw_secret, name=name))
