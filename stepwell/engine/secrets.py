"""Secrets of executions: taken out of what executions start with, put back into what leaves for a task.

Rules that must stay true here:
- An input is sealed before anything of it is stored, and its values are stored with it or not at all.
- Where nothing is marked and nothing inherited, nothing is looked at.
- In memory are the pouches of what was used last, within a fixed bound; the store has them all. Only those of
  synchronous executions are nowhere else: they stay until these end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Final

from msgspec.structs import replace

from stepwell.engine.clock import Clock
from stepwell.engine.dispatch import Task
from stepwell.engine.errors import CannotSeal
from stepwell.engine.heard import Heard
from stepwell.engine.refreshing import Refreshing
from stepwell.engine.requests import StartRequest
from stepwell.language.values import Json, dumps, loads
from stepwell.store.protocol import Store, StoreError
from stepwell.store.vault import SealedValue, VaultChange
from stepwell.vault.errors import CannotOpen, VaultUnavailable
from stepwell.vault.expiry import end_of, is_near
from stepwell.vault.marks import Mark, MarkError, parse_marks, take_out
from stepwell.vault.pouch import Pouch, Secret
from stepwell.vault.reference import draw_brand, draw_id, reference
from stepwell.vault.vault import Vault

logger = logging.getLogger("stepwell.engine")

_POUCHES: Final = 1_000
_PAGE: Final = 100
_SWEEP: Final = 600.0  # seconds between two looks for what is due

ANY_MACHINE: Final = "*"


class Secrets:
    """`configured` gives marks by the name of a machine, or for ANY_MACHINE, on top of those in its tag."""

    def __init__(
        self, store: Store, vault: Vault, clock: Clock, refreshing: Refreshing, configured: Mapping[str, str]
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._refreshing = refreshing
        self._configured = configured
        self._pouches: OrderedDict[str, Pouch] = OrderedDict()
        self._unstored: dict[str, Pouch] = {}
        self.used = False  # whether any execution may have secrets
        self.heard = Heard()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what an earlier process has left. Raises StoreError."""
        self.used = await self._store.vault.is_used()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    async def _sweep(self) -> None:
        """Destroy what no redrive can ask for any more."""
        while True:
            try:
                while self.used and await self._store.vault.destroy_due(self._clock.now(), _PAGE) == _PAGE:
                    pass
            except StoreError as error:
                logger.warning("sealed values that are due cannot be destroyed, trying again: %s", error)
            await asyncio.sleep(_SWEEP)

    # -- the door

    def concern(self, request: StartRequest) -> bool:
        """Whether there is something to be taken out of an input, or inherited."""
        return bool(
            request.brand is not None
            or request.machine.sensitive is not None
            or request.sensitive is not None
            or self._configured
        )

    async def take_out(self, request: StartRequest) -> StartRequest:
        """The request with references in place of what is secret, and with the values that are to be stored with it.

        Raises CannotSeal, StoreError.
        """
        try:
            marks = self._marks(request)
            if not marks:
                return request if request.brand is None else await self._inheriting(request, {})
            value = loads(request.input)
            taken: dict[str, Secret] = {}
            pouch = Pouch(draw_brand(), {}) if request.brand is None else await self.pouch(request.brand)
            now = self._clock.now() if request.clock is None else request.clock

            def seal(value: Json, mark: Mark) -> str:
                if isinstance(value, str) and pouch.is_reference(value):
                    return value
                id_ = draw_id()
                ends = end_of(value, mark.lifetime, now)
                taken[id_] = Secret(value, mark.path, now, ends, mark.refresher, mark.lifetime)
                pouch.put(id_, taken[id_])
                return reference(pouch.brand, id_)

            sealed = take_out(value, marks, seal)
            if not taken:
                return request if request.brand is None else await self._inheriting(request, {})
            digest = (await self._vault.cipher()).digest(request.input)
            request = await self._inheriting(replace(request, input=dumps(sealed), brand=pouch.brand), taken)
            assert request.sealed is not None
            self._keep(pouch)
            return replace(request, sealed=replace(request.sealed, digest=digest))
        except (MarkError, VaultUnavailable, CannotOpen) as error:
            raise CannotSeal(str(error)) from error
        except RecursionError:
            raise CannotSeal("The input is nested too deeply.") from None

    def _marks(self, request: StartRequest) -> tuple[Mark, ...]:
        configured = self._configured
        texts = (
            request.machine.sensitive,
            request.sensitive,
            configured.get(request.machine.name),
            configured.get(ANY_MACHINE),
        )
        return tuple(mark for text in texts if text is not None for mark in parse_marks(text))

    async def _inheriting(self, request: StartRequest, taken: Mapping[str, Secret]) -> StartRequest:
        """The request as that of an execution which may open values: those of its brand, and those just taken out."""
        assert request.brand is not None
        unstored = self._unstored.get(request.brand)
        new = {**unstored.secrets(), **taken} if unstored is not None else taken
        values = [await self._sealed(request.brand, id_, secret) for id_, secret in new.items()]
        return replace(request, sealed=VaultChange(brand=request.brand, values=values))

    async def is_same(self, request: StartRequest, key: int, input: str) -> bool:
        """Whether an execution that exists, with this key and input as it is stored, was started with the input of a
        request. Raises StoreError."""
        digest = await self._store.vault.digest(key)
        if digest is None:
            return input == request.input
        try:
            return (await self._vault.cipher()).is_digest_of(digest, request.input)
        except (VaultUnavailable, CannotOpen):
            return False

    # -- pouches

    async def pouch(self, brand: str) -> Pouch:
        """The secrets of a brand. Raises CannotOpen, VaultUnavailable, StoreError."""
        pouch = self._unstored.get(brand) or self._pouches.get(brand)
        if pouch is None:
            secrets: dict[str, Secret] = {}
            for value in await self._store.vault.values(brand):
                clear = (await self._vault.cipher()).open(value.box, brand + value.id)
                secrets[value.id] = Secret(
                    loads(clear), value.path, value.since, value.ends, value.refresher, value.lifetime
                )
            pouch = self._pouches.get(brand) or Pouch(brand, secrets)
        self._keep(pouch)
        return pouch

    def _keep(self, pouch: Pouch) -> None:
        self.used = True
        self._pouches[pouch.brand] = pouch
        self._pouches.move_to_end(pouch.brand)
        if len(self._pouches) > _POUCHES:
            self._pouches.popitem(last=False)

    def keep_unstored(self, brand: str) -> None:
        """The values of a brand are in no store: keep them until they are forgotten."""
        self._unstored[brand] = self._pouches[brand]

    def drop_unstored(self, brand: str) -> None:
        """The values of a brand that are in no store are not needed any more."""
        self._pouches.pop(brand, None)
        self._unstored.pop(brand, None)

    def forget(self, brand: str) -> None:
        """The values of a brand may have been destroyed."""
        self._pouches.pop(brand, None)

    # -- what leaves for a task

    async def open(self, text: str, task: Task) -> str:
        """The input of a task with values in place of references, refreshed where they are near their end.

        Raises CannotOpen, VaultUnavailable, RefreshFailed, StoreError.
        """
        assert task.brand is not None
        pouch = await self.pouch(task.brand)
        for id_ in pouch.ids_in(text):
            await self._refreshing.at_once((task.brand, id_), partial(self._refresh, pouch, id_, task))
        return pouch.open(text)

    async def _refresh(self, pouch: Pouch, id: str, task: Task) -> None:
        """Put a fresh value in place of one that is near its end."""
        secret = pouch.secret(id)
        now = self._clock.now() if task.clock is None else task.clock
        if secret is None or secret.refresher is None or not is_near(secret.end, secret.since, now):
            return
        together = {each.path: key for key, each in pouch.secrets().items() if each.refresher == secret.refresher}
        with (
            self.heard.listening(task.execution_arn, pouch),
            self.heard.refreshing(task.execution_arn, secret.refresher),
        ):
            values = {path: each.value for path, key in together.items() if (each := pouch.secret(key)) is not None}
            fresh = await self._refreshing.ask(secret.refresher, secret, task, values)
            lifetime = secret.lifetime if fresh.lifetime is None else fresh.lifetime
            changed = {id: replace(secret, value=fresh.value, since=now, end=end_of(fresh.value, lifetime, now))}
            for path, value in fresh.others.items():
                other = pouch.secret(together.get(path, ""))
                if other is not None and together[path] != id:
                    end = end_of(value, other.lifetime, now)
                    changed[together[path]] = replace(other, value=value, since=now, end=end)
            for key, after in changed.items():
                pouch.put(key, after)
        if pouch.brand not in self._unstored:
            for key, after in changed.items():
                await self._store.vault.replace(pouch.brand, await self._sealed(pouch.brand, key, after))

    async def _sealed(self, brand: str, id: str, secret: Secret) -> SealedValue:
        cipher = await self._vault.cipher()
        return SealedValue(
            id=id,
            path=secret.path,
            since=secret.since,
            box=cipher.seal(dumps(secret.value), brand + id),
            ends=secret.end,
            refresher=secret.refresher,
            lifetime=secret.lifetime,
        )
