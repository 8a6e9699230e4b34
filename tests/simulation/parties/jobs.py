"""Clients of jobs: they post, ask how far a job is, cancel, and wait for its end.

Rules that must stay true here:
- A job that was answered is there until its time is over; the same idempotency key gives the same job.
- A job is one execution, which begins once and never more at a time than its type allows, in the order of posting.
- Once it was told to have ended, it is told so, with the same answer, for as long as it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from stepwell.jobs.job import ENDED, Status, failure_of, status_of
from stepwell.jobs.jobs import JobRequest, Kept
from stepwell.store.jobs import JobFilter, JobRow
from tests.simulation.audit import Audit, Broken, Known, now
from tests.simulation.exchange import UNANSWERED
from tests.simulation.parties.party import Scene
from tests.simulation.plans.jobs import JobPlan, Post
from tests.simulation.server import Server
from tests.simulation.values import execution_arn

_MANY: Final = 10_000
_LOOK: Final = 7.0  # seconds between two questions for a job

Answer = tuple[Status, str | None, tuple[str, str] | None]


class JobClients:
    def __init__(self, scene: Scene, plan: JobPlan) -> None:
        self._scene = scene
        self._types = {type_.name: type_ for type_ in plan.types}
        self._plan = plan
        self._open = len(plan.posts)
        self._kept: dict[str, Kept] = {}  # by the post's name
        self._rows: dict[str, JobRow] = {}  # by id, as they were seen last
        self._told: dict[str, set[float]] = {}
        self._answers: dict[str, Answer] = {}  # by id
        self._waiting: dict[int, JobRow] = {}
        self._started: set[int] = set()
        scene.audit.may_go.append(self._is_over)

    def begin(self) -> None:
        for post in self._plan.posts:
            self._scene.agenda.at(post.at, partial(self._post, post))

    @property
    def busy(self) -> bool:
        """Also where a job is still to go that has ended, and is to be kept for a short time."""
        return self._open > 0 or any(
            row.new.expires_at - row.new.created_at < 86_400_000 for row in self._stored().values()
        )

    # -- calls

    def _post(self, post: Post) -> None:
        def ask(server: Server) -> Any:
            type_ = server.jobs.types[post.type]
            request = JobRequest(type=type_, input=post.input, group=post.group, idempotency_key=post.key)
            return server.jobs.post(request)

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception):
                raise answer
            self._was_kept(post, answer)

        self._scene.exchange.insist(ask, answered)

    def _was_kept(self, post: Post, kept: Kept) -> None:
        before = self._kept.get(post.name)
        if before is not None and before != kept and not self._may_be_gone(before, post.type):
            raise Broken(f"the key {post.key} has made the job {before}, and is answered with {kept}")
        self._kept[post.name] = kept
        id_ = kept.id

        def holds(audit: Audit) -> bool:
            return now(audit.store.jobs.find(id_)) is not None or self._may_be_gone(kept, post.type)

        self._scene.audit.promised(f"the job {id_}", holds)
        if before is not None:
            self._open -= 1
            return
        if post.again is not None:
            self._open += 1
            self._scene.agenda.after(post.again, lambda: self._post(post))
        for after, fraction in post.told:
            self._scene.agenda.after(after, partial(self._report, post, id_, fraction))
        if post.cancelled is not None:
            self._open += 1
            self._scene.agenda.after(post.cancelled, lambda: self._cancel(id_))
        self._wait(id_)

    def _may_be_gone(self, kept: Kept, type_: str) -> bool:
        """Whether the time of a job is over, or that of its execution."""
        known = self._scene.audit.find(self._arn(type_, kept.id))
        return kept.expires_at <= self._scene.times.latest or (known is not None and self._scene.audit.is_due(known))

    def _arn(self, type_: str, id_: str) -> str:
        return execution_arn(self._types[type_].machine_name, id_)

    def _report(self, post: Post, id_: str, fraction: float) -> None:
        """A handler tells how far it is; nobody answers it."""
        self._told.setdefault(id_, set()).add(fraction)
        arn = self._arn(post.type, id_)

        async def report(server: Server) -> None:
            server.jobs.reported(arn, fraction, "so far")

        self._scene.exchange.call(report, lambda _: None)

    def _cancel(self, id_: str) -> None:
        async def cancel(server: Server) -> None:
            row = await server.jobs.find(id_)
            if row is not None:
                await server.jobs.cancel(row)

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception):
                raise answer
            self._open -= 1
            row = now(self._scene.audit.store.jobs.find(id_))
            if row is not None and status_of(row) not in ENDED:
                raise Broken(f"the job {id_} was cancelled, and is {status_of(row)}")

        self._scene.exchange.insist(cancel, answered)

    def _wait(self, id_: str) -> None:
        """Ask for a job until it has ended."""

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception) and not isinstance(answer, UNANSWERED):
                raise answer
            if isinstance(answer, JobRow):
                self._seen(answer)
            if answer is None or (isinstance(answer, JobRow) and status_of(answer) in ENDED):
                self._open -= 1
            else:
                self._scene.agenda.after(_LOOK * self._scene.chance.choice((0.01, 1.0)), lambda: self._wait(id_))

        self._scene.exchange.call(lambda server: _after_news(server, id_), answered)

    def _seen(self, row: JobRow) -> None:
        """What a client was told of a job: it never goes back."""
        id_ = row.new.id
        if row.fraction is not None and row.fraction not in self._told.get(id_, ()):
            raise Broken(f"the job {id_} is at {row.fraction}, which nobody has told")
        if status_of(row) not in ENDED:
            if id_ in self._answers:
                raise Broken(f"the job {id_} had ended with {self._answers[id_]}, and is {status_of(row)}")
            return
        answer = (status_of(row), row.output, failure_of(row))
        if self._answers.setdefault(id_, answer) != answer:
            raise Broken(f"the job {id_} has ended with {self._answers[id_]}, and is told to end with {answer}")

    # -- what has to hold

    def _is_over(self, known: Known) -> bool:
        """Whether an execution is (one of) that of a job whose time is over."""
        root = self._scene.audit.root(known)
        row = self._rows.get(root.row.new.name)
        if row is None or row.key != root.row.new.key:
            return False
        return root.ended and row.new.expires_at <= self._scene.times.latest

    def _stored(self) -> dict[int, JobRow]:
        rows, rest = now(self._scene.audit.store.jobs.list(JobFilter(), None, _MANY))
        assert rest is None
        return {row.key: row for row in rows}

    def look(self) -> None:
        rows = self._stored()
        self._rows |= {row.new.id: row for row in rows.values()}
        for row in rows.values():
            if row.status is not None and row.key not in self._started:
                self._started.add(row.key)
                known = self._scene.audit.find(self._arn(row.new.type, row.new.id))
                if known is None or known.row.new.key != row.key:
                    raise Broken(f"the job {row.new.id} has an execution that is not its own")
            if row.outcome is not None and row.status is not None:
                raise Broken(f"the job {row.new.id} is {row.outcome} without an execution, and has one")
        self._look_at_bounds(rows)
        self._look_at_order(rows)
        self._waiting = {key: row for key, row in rows.items() if status_of(row) == "PENDING"}

    def _look_at_bounds(self, rows: Mapping[int, JobRow]) -> None:
        running = [row.new for row in rows.values() if row.status == "RUNNING"]
        of_type = Counter(new.type for new in running)
        of_group = Counter((new.type, new.group) for new in running if new.group is not None)
        for name, type_ in self._types.items():
            if type_.concurrency is not None and of_type[name] > type_.concurrency:
                raise Broken(f"{of_type[name]} jobs of {name} run, and {type_.concurrency} may")
            most = max((count for (found, _), count in of_group.items() if found == name), default=0)
            if type_.per_key is not None and most > type_.per_key:
                raise Broken(f"{most} jobs of one group of {name} run, and {type_.per_key} may")

    def _look_at_order(self, rows: Mapping[int, JobRow]) -> None:
        """Whoever begins has not overtaken more of its group than may begin together."""
        if self._scene.times.was_set:
            return  # the order is that of the machine's clock
        for row in rows.values():
            if row.status != "RUNNING" or row.key not in self._waiting:
                continue
            type_ = self._types[row.new.type]
            bound = min(bound for bound in (type_.concurrency, type_.per_key, _MANY) if bound is not None)
            older = [
                key
                for key, other in self._waiting.items()
                if (other.new.type, other.new.group) == (row.new.type, row.new.group)
                and key < row.key
                and key in rows
                and status_of(rows[key]) == "PENDING"
            ]
            if len(older) >= bound:
                raise Broken(f"the job {row.new.id} begins before {len(older)} that were there before it")

    def finish(self) -> Mapping[str, Any]:
        rows = {row.new.id: row for row in self._stored().values()}
        for row in rows.values():
            full = now(self._scene.audit.store.jobs.find(row.new.id))
            assert full is not None
            if status_of(full) not in ENDED:
                raise Broken(f"the job {row.new.id} is {status_of(full)} for ever")
            self._seen(full)
        return {name: self._answers.get(kept.id) for name, kept in self._kept.items()}


async def _after_news(server: Server, id_: str) -> JobRow | None:
    """A job, once there is news of it: it may have ended before anybody listens."""
    row = await server.jobs.find(id_)
    if row is None or status_of(row) in ENDED:
        return row
    with server.jobs.watching(row) as news:
        heard = news()
        row = await server.jobs.find(id_)
        if row is None or status_of(row) in ENDED:
            return row
        await heard
    return await server.jobs.find(id_)
