"""A running app, brought up to date when its files change.

Rules that must stay true here:
- An app is taken whole, after all of it has been found right, or not at all; what is wrong with it is told.
- What is under way ends as it began: calls on the processes that run them, executions with their definition.
- What an app no longer declares is left in the store, as it is when a server begins.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stepwell.api.context import ApiContext
from stepwell.app import AppError, Stepwell
from stepwell.assembly import BoundMachine, Place, bind_machines, deploy, functions_of
from stepwell.declarations import bind_notices, bind_schedules
from stepwell.deploy.served import make_resources
from stepwell.settings import Settings
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService
from stepwell.watch import modules
from stepwell.watch.files import Snapshot, changes, look
from stepwell.watch.paths import stale, watched


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An app that has been found right. `modules` are the folders of its own modules."""

    app: Stepwell
    functions: Sequence[Function]
    machines: Sequence[BoundMachine]
    modules: frozenset[Path]

    def files(self) -> Iterable[Path]:
        return watched(self.app, self.functions, self.modules)


@asynccontextmanager
async def watching(
    load: Callable[[], Stepwell],
    app: Stepwell,
    settings: Settings,
    functions: LambdaService,
    context: ApiContext,
    redeclare: Callable[[Stepwell], Awaitable[None]],
) -> AsyncIterator[None]:
    """Keep what is served up to date while the context is open.

    `load` gives the app anew and raises AppError; `app` is the one that is served. `redeclare`
    takes over what an app declares beside its functions and machines. What changes once this is entered is seen.
    """
    watch = _Watch(load, app, settings, functions, context, redeclare)
    task = asyncio.get_running_loop().create_task(watch.run(await asyncio.to_thread(look, watch.files())))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Watch:
    def __init__(
        self,
        load: Callable[[], Stepwell],
        app: Stepwell,
        settings: Settings,
        functions: LambdaService,
        context: ApiContext,
        redeclare: Callable[[Stepwell], Awaitable[None]],
    ) -> None:
        self._load = load
        self._redeclare = redeclare
        self._settings = settings
        self._place = Place(settings.region, settings.account)
        self._functions = functions
        self._context = context
        self._current = self._checked(app)

    def files(self) -> Iterable[Path]:
        """What is looked at."""
        return self._current.files()

    async def run(self, first: Snapshot) -> None:
        """Until it is cancelled. `first` is what the files were like at the beginning."""
        left: frozenset[Path] = frozenset()  # what has changed and could not be taken
        async for changed in changes(self.files, first):
            left |= changed
            try:
                new = await asyncio.to_thread(modules.anew, lambda: self._checked(self._load()), changed)
                await deploy(new.machines, self._context)
                await make_resources(new.app, self._context)
                await self._redeclare(new.app)
            except AppError as error:
                _say(f"not reloaded, what was there before goes on: {error}")
            except Exception as error:  # of the user's code, wherever that runs while it is loaded
                _say(f"not reloaded, what was there before goes on: {type(error).__name__}: {error}")
            else:
                self._take(new, left)
                left = frozenset()

    def _take(self, new: _Loaded, changed: frozenset[Path]) -> None:
        old = self._current
        outdated = stale(new.functions, changed, old.modules | new.modules)
        self._functions.renew(FunctionRegistry(new.functions), outdated)
        self._current = new
        _say(f"reloaded: {_told(old, new, outdated)}")

    def _checked(self, app: Stepwell) -> _Loaded:
        """Raises AppError."""
        bind_schedules(app, self._place)
        bind_notices(app, self._place)
        return _Loaded(app, functions_of(app, self._settings), bind_machines(app, self._place), modules.folders())


def _told(old: _Loaded, new: _Loaded, outdated: frozenset[str]) -> str:
    functions = {function.name: function for function in old.functions}
    definitions = {bound.machine.name: bound.definition for bound in old.machines}
    news = [
        f"function {function.name}"
        for function in new.functions
        if function.name in outdated or functions.get(function.name) != function
    ]
    news += [
        f"state machine {bound.machine.name}"
        for bound in new.machines
        if definitions.get(bound.machine.name) != bound.definition
    ]
    if set(new.app.mounts) != set(old.app.mounts):
        news.append("routes are as they were until the server is started anew")
    return ", ".join(news) or "nothing of it has changed"


def _say(text: str) -> None:
    print(f"stepwell: {text}", file=sys.stderr, flush=True)
