"""The jobs of a server: taken in, run within their bounds, waited for, cancelled.

Rules that must stay true here:
- A job is an execution of the same name and key. A job that starts at once is kept in the commit that starts it; one
  that must wait is kept with its input, and started once a slot is free: a start that a crash has made unsure is made
  again, and finds what it has made.
- A job that cannot be handed over has FAILED, with the reason. What was answered is in the store.
- A job of a type and group starts behind those that wait already.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import blake2b
from typing import Final
from weakref import WeakValueDictionary

import orjson
from msgspec import Struct
from msgspec.structs import replace

from stepwell.engine.engine import Engine
from stepwell.engine.errors import EngineError, ExecutionDoesNotExist, Stopping
from stepwell.jobs.declaration import JobType
from stepwell.jobs.expiry import Expiry
from stepwell.jobs.handing_over import SEALED, HandOver, NotHandedOver
from stepwell.jobs.progress import ProgressBoard
from stepwell.jobs.slots import Slots
from stepwell.store.jobs import JobFilter, JobRow, NewJob, QueuedJob
from stepwell.store.protocol import StoreError

logger = logging.getLogger("stepwell.jobs")

CANCELLED: Final = "Job.Cancelled"
NOT_HANDED_OVER: Final = "Job.NotHandedOver"

_PAUSE: Final = 1.0  # seconds until a start that the store has refused is tried again


class KeyReused(Exception):
    """The idempotency key was sent before, with another request; `id` is the job that it has made."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class JobRequest(Struct, frozen=True, kw_only=True):
    """A job to take in. `input` is JSON text that the type's arguments take; `trace` is what it is part of (see
    `stepwell.engine.trace`)."""

    type: JobType
    input: str
    group: str | None = None
    caller: str | None = None
    idempotency_key: str | None = None
    callback: str | None = None
    trace: str | None = None


class Kept(Struct, frozen=True):
    """A job that was taken in, now or by an earlier request with the same idempotency key."""

    id: str
    created_at: int
    expires_at: int


class Jobs:
    """`start` before the engine's, then `serve`; `stop` before the engine's.

    `machine_arn` gives the ARN of a state machine's name; `now` the real time in milliseconds since 1970. `virtual`
    says that executions are started on a virtual clock.
    """

    def __init__(
        self,
        engine: Engine,
        types: Mapping[str, JobType],
        machine_arn: Callable[[str], str],
        now: Callable[[], int],
        *,
        virtual: bool = False,
    ) -> None:
        self.types = types
        self._engine = engine
        self._store = engine.store.jobs
        self._handing = HandOver(engine, machine_arn, virtual=virtual)
        self._now = now
        self._slots = {name: Slots(job) for name, job in types.items()}
        self._starting = {name: asyncio.Lock() for name in types}
        self._slot_news = {name: asyncio.Event() for name in types}
        self._starters: list[asyncio.Task[None]] = []
        self._same_key: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._watchers: dict[str, set[asyncio.Future[None]]] = {}
        self._watched: dict[int, str] = {}
        self._secret = b""
        self.some_ended = asyncio.Event()  # set whenever executions, or jobs without one, have ended
        self.progress = ProgressBoard(self._store, now, self._wake)
        self._expiry = Expiry(engine.store, now)
        self._job_machines = {machine_arn(job.machine_name).rpartition(":")[2] for job in types.values()}
        self._stopping = False

    async def start(self) -> None:
        """See what an earlier process has left. Raises StoreError."""
        self._secret = await self._engine.store.secret("jobs")
        await self._store.settle_queue()
        bounded = [name for name, slots in self._slots.items() if slots.bounded]
        for key, type_, group in await self._store.running(bounded):
            self._slots[type_].take(key, group)
        for type_, count in await self._store.count_queued():
            if type_ in self._slots:
                self._slots[type_].queued = count
            else:
                logger.warning("%d jobs of the type %s wait, which this app does not have", count, type_)
        self._engine.watchers.on_end(self._ended)

    def serve(self) -> None:
        """Begin to start what waits and to remove what has expired."""
        self._expiry.start()
        for type_ in self.types:
            self._slot_news[type_].set()
            self._starters.append(asyncio.get_running_loop().create_task(self._start_queued(type_)))

    async def stop(self) -> None:
        """Start nothing more; what waits stays in the store."""
        self._stopping = True
        for id_ in list(self._watchers):
            self._wake(id_)
        for starter in self._starters:
            starter.cancel()
        await asyncio.gather(*self._starters, return_exceptions=True)
        await self._expiry.stop()
        await self.progress.stop()

    # -- taking in

    async def post(self, request: JobRequest) -> Kept:
        """Take a job in; the answer comes once it is in the store. Raises KeyReused, StoreError, Stopping."""
        if request.idempotency_key is None:
            return await self._take_in(str(uuid.uuid4()), request, None)
        id_ = self._id_of_key(request)
        fingerprint = _fingerprint(request, self._secret)
        async with self._one_at_a_time(id_):
            row = await self._store.find(id_)
            if row is None:
                return await self._take_in(id_, request, fingerprint)
            if row.new.fingerprint != fingerprint:
                raise KeyReused(id_)
            return Kept(id_, row.new.created_at, row.new.expires_at)

    def _id_of_key(self, request: JobRequest) -> str:
        """The id of the job that an idempotency key of a caller and a type makes."""
        named = orjson.dumps([request.type.name, request.caller, request.idempotency_key])
        return str(uuid.UUID(bytes=blake2b(named, key=self._secret, digest_size=16).digest(), version=5))

    @asynccontextmanager
    async def _one_at_a_time(self, id_: str) -> AsyncIterator[None]:
        """Requests with the same idempotency key, one after the other; the lock is there while one needs it."""
        lock = self._same_key.setdefault(id_, asyncio.Lock())
        async with lock:
            yield

    async def _take_in(self, id_: str, request: JobRequest, fingerprint: bytes | None) -> Kept:
        if self._stopping:
            raise Stopping("the server is shutting down")
        job, now = request.type, self._now()
        key = self._engine.draw_key()
        new = NewJob(
            id=id_,
            type=job.name,
            created_at=now,
            expires_at=now + int(job.ttl * 1000),
            group=request.group,
            caller=request.caller,
            fingerprint=fingerprint,
            callback=request.callback,
        )
        slots = self._slots[job.name]
        try:
            if slots.queued or not slots.may_run(request.group):
                await self._enqueue(slots, key, new, request)
            else:
                slots.take(key, request.group)
                try:
                    await self._hand_over(job, key, id_, request, new)
                except BaseException:
                    slots.give_back(key)
                    raise
        except NotHandedOver as reason:
            # Whether anything is secret in it is not known where its machine is not.
            input_ = "{}" if job.sensitive or self._engine.secrets.used else request.input
            await self._store.keep_ended(key, new, input_, NOT_HANDED_OVER, str(reason))
            self.some_ended.set()
        self._expiry.expect(new.expires_at)
        return Kept(id_, new.created_at, new.expires_at)

    async def _enqueue(self, slots: Slots, key: int, new: NewJob, request: JobRequest) -> None:
        """Keep a job that must wait. Raises NotHandedOver, StoreError."""
        slots.queued += 1
        try:
            start = await self._handing.request(request.type, key, new.id, request.input)
            await self._store.enqueue(key, new, await self._handing.kept_input(start), request.trace)
        except BaseException:
            slots.queued -= 1
            raise
        self._slot_news[new.type].set()

    async def _hand_over(self, job: JobType, key: int, id_: str, request: JobRequest, new: NewJob) -> None:
        """Start a job that is new. Raises NotHandedOver, StoreError, Stopping."""
        start = await self._handing.request(job, key, id_, request.input)
        await self._handing.start(replace(start, job=new, trace=request.trace))

    async def _hand_over_queued(self, job: JobType, queued: QueuedJob) -> None:
        """Start a job that has waited. Raises NotHandedOver, StoreError, Stopping."""
        input_ = await self._handing.opened(queued.input, queued.id)
        start = await self._handing.request(job, queued.key, queued.id, input_)
        await self._handing.start(replace(start, trace=queued.trace))

    # -- what waits

    async def _start_queued(self, type_: str) -> None:
        """Start the jobs of a type that wait, whenever they may run, until the server stops."""
        slots, news = self._slots[type_], self._slot_news[type_]
        while True:
            await news.wait()
            news.clear()
            try:
                while slots.queued and slots.free():
                    async with self._starting[type_]:
                        if not await self._start_next(type_):
                            break
            except Stopping:
                return
            except StoreError as error:
                logger.warning("jobs of type %s that wait cannot be started, trying again: %s", type_, error)
                await asyncio.sleep(_PAUSE)
                news.set()

    async def _start_next(self, type_: str) -> bool:
        """Start those that have waited longest. False where none of them may run. Raises StoreError, Stopping."""
        slots = self._slots[type_]
        await self._note_begun(slots)
        found = await self._store.next_queued(type_, slots.full_groups(), min(slots.free(), 100))
        meant = []
        for queued in found:
            if slots.may_run(queued.group):
                slots.take(queued.key, queued.group)
                meant.append(queued)
        if not meant:
            return False
        starts = [self._hand_over_queued(self.types[type_], queued) for queued in meant]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        for queued, outcome in zip(meant, outcomes, strict=True):
            if outcome is None:
                slots.begun.append(queued.key)
                self._wake(queued.id)
            else:
                slots.give_back(queued.key)
        await self._note_begun(slots)
        faults: list[BaseException] = []
        for queued, outcome in zip(meant, outcomes, strict=True):
            if isinstance(outcome, NotHandedOver):
                now = self._now()
                if await self._store.end_queued(queued.key, "FAILED", NOT_HANDED_OVER, str(outcome), now):
                    slots.queued -= 1
                self.some_ended.set()
                self._wake(queued.id)
            elif outcome is not None:
                faults.append(outcome)
        if faults:
            raise faults[0]
        return True

    async def _note_begun(self, slots: Slots) -> None:
        """What was started waits no more. Raises StoreError: then it is noted before anything else is started."""
        if slots.begun:
            await self._store.dequeue(slots.begun)
            slots.queued -= len(slots.begun)
            slots.begun.clear()

    def _ended(self, key: int) -> None:
        """An execution has ended: its slot is free, and who waits for it hears of it."""
        self.some_ended.set()
        self._expiry.ended()
        id_ = self._watched.get(key)
        if id_ is not None:
            self._wake(id_)
        for type_, slots in self._slots.items():
            if slots.give_back(key):
                self._slot_news[type_].set()
                return

    # -- asking for jobs

    async def find(self, id: str) -> JobRow | None:
        """A job as it stands, its last progress included."""
        row = await self._store.find(id)
        return None if row is None else self._shown(row)

    async def list(self, which: JobFilter, below: int | None, limit: int) -> tuple[Sequence[JobRow], int | None]:
        """See `store.jobs.Jobs.list`."""
        rows, next_ = await self._store.list(which, below, limit)
        return [self._shown(row) for row in rows], next_

    def _shown(self, row: JobRow) -> JobRow:
        if row.input is not None and row.input.startswith(SEALED):
            row = replace(row, input=None)
        latest = self.progress.latest(row.new.id)
        if latest is None or (row.progress_at is not None and row.progress_at >= latest.at):
            return row
        return replace(row, fraction=latest.fraction, message=latest.message, progress_at=latest.at)

    async def to_be_told(self, limit: int) -> Sequence[str]:
        """See `store.jobs.Jobs.to_be_told`."""
        return await self._store.to_be_told(limit)

    async def was_told(self, id: str) -> None:
        """See `store.jobs.Jobs.was_told`."""
        await self._store.was_told(id)

    async def position(self, row: JobRow) -> int | None:
        """The place of a job in the queue, from 1; None where it does not wait."""
        job = self.types.get(row.new.type)
        if not row.queued or job is None:
            return None
        of_group = job.concurrency is None
        return await self._store.position(row.key, row.new.type, row.new.group, of_group=of_group)

    @contextmanager
    def watching(self, row: JobRow) -> Iterator[Callable[[], asyncio.Future[None]]]:
        """While the block lasts, a call of what it gives answers a future that the job's next news completes."""
        id_ = row.new.id
        found = self._watchers.setdefault(id_, set())
        self._watched[row.key] = id_
        mine: list[asyncio.Future[None]] = []

        def news() -> asyncio.Future[None]:
            found.difference_update(mine)
            mine[:] = [asyncio.get_running_loop().create_future()]
            found.update(mine)
            return mine[0]

        found.add(news())
        try:
            yield news
        finally:
            found.difference_update(mine)
            if not found and self._watchers.get(id_) is found:
                del self._watchers[id_]
                self._watched.pop(row.key, None)

    def _wake(self, id_: str) -> None:
        for watcher in self._watchers.get(id_, ()):
            if not watcher.done():
                watcher.set_result(None)

    # -- ending jobs

    async def cancel(self, row: JobRow) -> None:
        """Cancel a job; one that has ended stays as it is. Raises StoreError, Stopping."""
        type_ = row.new.type
        if row.outcome is not None:
            return
        if row.queued:
            async with self._starting.setdefault(type_, asyncio.Lock()):  # either it is started, or it never will be
                cause = "The job was cancelled before it started."
                if await self._store.end_queued(row.key, "CANCELLED", CANCELLED, cause, self._now()):
                    if type_ in self._slots:
                        self._slots[type_].queued -= 1
                    self.some_ended.set()
                    self._wake(row.new.id)
                    return
        job = self.types.get(type_)
        arn = self._handing.execution_arn(job.machine_name if job else f"job-{type_}", row.new.id)
        try:
            await self._engine.stop_execution(arn, CANCELLED, "The job was cancelled.")
        except Stopping:
            raise
        except (ExecutionDoesNotExist, EngineError):
            logger.warning("the job %s has no execution that could be cancelled", row.new.id)

    # -- progress

    def reported(self, execution_arn: str | None, fraction: float, message: str | None) -> None:
        """A handler that works for an execution says how far it is; one that is no job's is passed over."""
        parts = (execution_arn or "").split(":")
        if len(parts) == 8 and parts[6] in self._job_machines:
            self.progress.report(parts[7], fraction, message)


def _fingerprint(request: JobRequest, key: bytes) -> bytes:
    """What is the same for the same request, and tells nothing of it: key order and white space do not count."""
    input_ = orjson.loads(request.input)
    text = orjson.dumps([input_, request.group, request.callback], option=orjson.OPT_SORT_KEYS)
    return blake2b(text, key=key, digest_size=16).digest()
