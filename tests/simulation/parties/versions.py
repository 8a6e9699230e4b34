"""An operator who changes a machine, publishes versions and points an alias to them; clients who start it meanwhile.

Rules that must stay true here:
- A version is never anything but what it was when it was published, and is there while an alias names it.
- An execution runs what its ARN said between the first call that may have started it and the answer, to its end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import StartRequest
from stepwell.engine.targets import find_target
from stepwell.store.catalog import AliasRow, Refusal, Route, VersionRow
from tests.simulation.audit import Broken, now
from tests.simulation.parties.party import Scene
from tests.simulation.plans.versions import ALIAS, NAME, Change, Launch, VersionPlan, definition_of
from tests.simulation.server import Server
from tests.simulation.values import execution_arn, machine_arn

_ARN: Final = machine_arn(NAME)
_MANY: Final = 1_000


class Launched:
    """A start that may be carried out: `may` are the revisions that it may get."""

    def __init__(self, launch: Launch, qualifier: str, may: set[int]) -> None:
        self.launch = launch
        self.qualifier = qualifier
        self.may = may


class Operators:
    def __init__(self, scene: Scene, plan: VersionPlan) -> None:
        self._scene = scene
        self._plan = plan
        self._open = 1 + len(plan.launches)
        self._revision = 1
        self._revision_of: dict[int, int] = {}  # by version
        self._there: list[int] = []  # versions, oldest first
        self._present: set[int] = {1}  # revisions that the machine may be at
        self._routed: set[int] = set()  # revisions that the alias may give
        self._under_way: list[Launched] = []
        self._launched: list[Launched] = []

    def begin(self) -> None:
        self._scene.agenda.at(0, lambda: self._change(list(self._plan.changes)))
        for launch in self._plan.launches:
            self._scene.agenda.at(launch.at, partial(self._launch, launch))

    @property
    def busy(self) -> bool:
        return self._open > 0

    # -- the operator

    def _change(self, changes: list[Change]) -> None:
        if not changes:
            self._open -= 1
            return
        change, rest = changes[0], changes[1:]

        def done() -> None:
            self._scene.agenda.after(rest[0].after if rest else 0, lambda: self._change(rest))

        {"update": self._update, "publish": self._publish, "route": self._route, "delete": self._delete}[change.what](
            change, done
        )

    def _update(self, change: Change, done: Any) -> None:
        self._revision += 1
        revision, text = self._revision, definition_of(self._revision)
        self._now_possible(self._present | {revision}, self._routed)

        async def update(server: Server) -> bool:
            row = await server.engine.store.find_machine(_ARN)
            assert row is not None
            wanted = replace(
                row,
                definition_hash=definition_hash(text),
                revision_id=f"r{revision}",
                update_date=self._scene.times.wall(),
            )
            return await server.engine.store.update_machine(wanted, text)

        def answered(answer: Any) -> None:
            _expect(answer is True, f"the update to revision {revision} is answered with {answer!r}")
            self._now_possible({revision}, self._routed)
            done()

        self._scene.exchange.insist(update, answered)

    def _publish(self, change: Change, done: Any) -> None:
        revision = self._revision

        async def publish(server: Server) -> VersionRow | Refusal:
            store = server.engine.store
            row = await store.find_machine(_ARN)
            assert row is not None
            return await store.publish_version(row.id, row.revision_id, None, self._scene.times.wall(), _MANY)

        def answered(answer: Any) -> None:
            if not isinstance(answer, VersionRow):
                raise Broken(f"revision {revision} is not published: {answer!r}")
            known = self._revision_of.setdefault(answer.number, revision)
            _expect(known == revision, f"version {answer.number} is that of revision {known}, and of {revision}")
            if answer.number not in self._there:
                self._there.append(answer.number)
            done()

        self._scene.exchange.insist(publish, answered)

    def _route(self, change: Change, done: Any) -> None:
        newest = self._there[-1:]
        before = self._there[-2:-1] if change.weight < 100 else []
        if not newest or (change.weight < 100 and not before):
            done()
            return
        routes = (Route(newest[0], change.weight), *(Route(number, 100 - change.weight) for number in before))
        meant = {self._revision_of[route.version] for route in routes if route.weight}
        self._now_possible(self._present, self._routed | meant)

        async def point(server: Server) -> Any:
            store, present = server.engine.store, self._scene.times.wall()
            machine = await store.find_machine(_ARN)
            assert machine is not None
            alias = await store.find_alias(machine.id, ALIAS)
            if alias is not None:
                return await store.update_alias(replace(alias, routes=routes, update_date=present))
            row = AliasRow(machine_id=machine.id, name=ALIAS, routes=routes, creation_date=present, update_date=present)
            return await store.create_alias(row, _MANY)

        def answered(answer: Any) -> None:
            _expect(answer is None or isinstance(answer, AliasRow), f"the alias is not written: {answer!r}")
            self._now_possible(self._present, meant)
            done()

        self._scene.exchange.insist(point, answered)

    def _delete(self, change: Change, done: Any) -> None:
        if not self._there:
            done()
            return
        oldest = self._there[0]

        async def delete(server: Server) -> Sequence[str]:
            machine = await server.engine.store.find_machine(_ARN)
            assert machine is not None
            return await server.engine.store.delete_version(machine.id, oldest)

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception):
                raise answer
            if not answer:
                self._there.remove(oldest)
            done()

        self._scene.exchange.insist(delete, answered)

    def _now_possible(self, present: set[int], routed: set[int]) -> None:
        self._present, self._routed = present, routed
        for launched in self._under_way:
            launched.may |= {"": present, "alias": routed}.get(launched.launch.qualifier, set())

    # -- the clients

    def _launch(self, launch: Launch) -> None:
        if launch.qualifier and not self._routed:
            self._scene.agenda.after(0.5, lambda: self._launch(launch))  # there is nothing to name yet
            return
        qualifier, may = "", set(self._present)
        if launch.qualifier == "alias":
            qualifier, may = f":{ALIAS}", set(self._routed)
        elif launch.qualifier == "version":
            number = self._there[-1]
            qualifier, may = f":{number}", {self._revision_of[number]}
        launched = Launched(launch, qualifier, may)
        self._under_way.append(launched)

        def answered(answer: Any) -> None:
            self._under_way.remove(launched)
            self._open -= 1
            if isinstance(answer, Exception) and not isinstance(answer, ExecutionAlreadyExists):
                raise answer
            if answer is not None:
                self._launched.append(launched)
                self._check(launched)

        self._scene.exchange.insist(lambda server: _start(server, launch.name, qualifier), answered)

    # -- what has to hold

    def look(self) -> None:
        store = self._scene.audit.store
        machine = now(store.find_machine(_ARN))
        if machine is None:
            return  # nothing is deployed yet
        there = {row.number: row for row in now(store.list_versions(machine.id, None, _MANY))}
        for number, revision in self._revision_of.items():
            if number in there:
                found = now(store.find_revision(machine.id, there[number].revision_id))
                same = found is not None and found.definition_hash == definition_hash(definition_of(revision))
                _expect(same, f"version {number} was published of revision {revision}, and is {found}")
        alias = now(store.find_alias(machine.id, ALIAS))
        if alias is not None:
            missing = [route.version for route in alias.routes if route.version not in there]
            _expect(not missing, f"the alias names versions that are not there: {missing}")

    def _check(self, launched: Launched) -> None:
        known = self._scene.audit.find(execution_arn(NAME, launched.launch.name))
        if known is None:
            raise Broken(f"{launched.launch.name} was started, and is not there")
        new, change = known.row.new, known.row.change
        revision = int(new.revision_id[1:])
        _expect(revision in launched.may, f"{new.arn} runs revision {revision}, and may run {sorted(launched.may)}")
        if launched.launch.qualifier:
            number = int(str(new.version_arn).rpartition(":")[2])
            _expect(self._revision_of[number] == revision, f"{new.arn} runs {revision}, and says version {number}")
        _expect((new.alias_arn is not None) is (launched.launch.qualifier == "alias"), f"{new.arn}: {new.alias_arn}")
        if change.status == "SUCCEEDED":
            output = json.loads(change.output or "null")
            _expect(output == {"revision": revision}, f"{new.arn} runs revision {revision}, and gives {output}")
        elif known.ended:
            raise Broken(f"{new.arn} is {change.status}: {change.error} {change.cause}")

    def finish(self) -> Mapping[str, Any]:
        for launched in self._launched:
            self._check(launched)
        return {}


async def _start(server: Server, name: str, qualifier: str) -> Any:
    """As StartExecution does it; None where the version is gone."""
    target = await find_target(server.engine.store, _ARN + qualifier)
    if target is None:
        return None
    request = StartRequest(
        machine=target.machine,
        arn=execution_arn(NAME, name),
        name=name,
        input="{}",
        version_arn=target.version_arn,
        alias_arn=target.alias_arn,
    )
    return await server.engine.start_execution(request)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)
