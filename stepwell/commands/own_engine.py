"""An engine of its own for one execution, which is shown as it goes.

Rules that must stay true here:
- Only what every such execution needs is imported here: whoever tries a definition out waits for it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from pathlib import Path

from stepwell.api.arns import execution_arn
from stepwell.api.context import open_context
from stepwell.api.in_process import InProcessApi
from stepwell.app import AppError, AppMachine, Stepwell
from stepwell.assembly import (
    BoundMachine,
    Place,
    bind_text,
    connect,
    definition_faults,
    deploy,
    load_app,
    make_functions,
)
from stepwell.commands.exit_code import CommandFailed, ExitCode, of_status
from stepwell.commands.progress import Progress, Step
from stepwell.commands.screen import open_screen
from stepwell.commands.timing import Timing, execution_context
from stepwell.dispatching import load_mocks, make_data_sets, make_dispatcher
from stepwell.engine.engine import Engine, EngineSettings
from stepwell.engine.requests import StartRequest
from stepwell.logs import set_up_logging
from stepwell.secrecy import marks_by_machine
from stepwell.settings import Settings, load_settings
from stepwell.store.open import open_store
from stepwell.store.protocol import ExecutionRow
from stepwell.tasks.mock import MockConfig

_TICK = 0.1  # seconds between two looks at the clock


async def execute(options: argparse.Namespace, definition: str, input_text: str) -> ExitCode:
    """Run one execution of a definition, and print its result.

    Raises AppError, MockConfigError, SettingsError, StoreError, CommandFailed.
    """
    settings = load_settings(os.environ, {"mock_config": options.mock_config}, Path.cwd())
    set_up_logging(settings.log_level)
    place = Place(settings.region, settings.account)
    app = load_app(options.app, settings) if options.app else Stepwell()
    bound = _bind(options, definition, app, place)
    _check_test_case(options.test_case, bound.machine.name, settings)
    store = await open_store(":memory:")
    try:
        api = InProcessApi()
        dispatcher = make_dispatcher(make_functions(app, settings), settings, api, load_mocks(settings))
        limits = EngineSettings(sensitive=marks_by_machine(settings))
        engine = Engine(store, dispatcher, limits, data=make_data_sets(settings))
        context = await open_context(engine, region=settings.region, account=settings.account)
        api.bind(context)
        await connect(app, context)
        await deploy([bound], context)
        await engine.start()
        try:
            row = await _execute(engine, place.machine_arn(bound.machine.name), input_text, options)
        finally:
            await engine.stop(0)
    finally:
        await store.close()
    _print_result(row, options.json)
    return of_status(row.change.status)


def _bind(options: argparse.Namespace, text: str, app: Stepwell, place: Place) -> BoundMachine:
    """The definition as the app would serve it. Raises AppError, with all that is wrong."""
    path = Path(options.file)
    declared = _declared(path, app)
    if declared is None:
        stem = "stdin" if options.file == "-" else path.name.split(".")[0]
        declared = AppMachine(path=path, name=options.name or stem)
    definition = bind_text(text, path, app, place, declared.substitutions)
    faults = definition_faults(path, definition, "STANDARD")
    if faults:
        raise AppError("\n".join(faults))
    return BoundMachine(AppMachine(path=path, name=options.name or declared.name), definition)


def _declared(path: Path, app: Stepwell) -> AppMachine | None:
    """The app's own machine of this file, for its name and substitutions."""
    return next((machine for machine in app.machines.values() if machine.path.resolve() == path.resolve()), None)


def _check_test_case(test_case: str | None, machine: str, settings: Settings) -> None:
    if test_case is None:
        return
    if settings.mock_config is None:
        raise CommandFailed("--test-case needs mocks: name their file with --mock-config.", ExitCode.WRONG_USE)
    if MockConfig.load(settings.mock_config).test_case(machine, test_case) is None:
        raise CommandFailed(
            f"{settings.mock_config} has no test case {test_case!r} for the state machine {machine!r}. Is the name of"
            " the state machine another there? Give it with --name.",
            ExitCode.WRONG_USE,
        )


async def _execute(engine: Engine, machine_arn: str, input_text: str, options: argparse.Namespace) -> ExecutionRow:
    """Start an execution and show it to its end."""
    machine = await engine.store.find_machine(machine_arn)
    assert machine is not None
    name = str(uuid.uuid4())
    arn = execution_arn(machine_arn, name)
    await engine.start_execution(
        StartRequest(
            machine=machine,
            arn=arn,
            name=name,
            input=input_text,
            test_case=options.test_case,
            virtual=options.virtual,
        )
    )
    key = await engine.store.execution_key(arn)
    assert key is not None
    definition = await engine.store.definition(machine.definition_hash)
    progress = Progress(open_screen(sys.stderr), Timing(definition or "", execution_context(arn, name, input_text)))
    try:
        while progress.status is None:
            events = await engine.history(key, progress.last_id + 1, 1_000, False)
            progress.show(Step(e.id, e.previous_id, e.type, e.timestamp, e.details) for e in events)
            if progress.status is None:
                progress.tick(time.time_ns() // 1_000_000)
                await engine.wait_for_turn(key, progress.last_id, _TICK)
    finally:
        progress.close()
    row = await engine.store.find_execution(arn)
    assert row is not None
    return row


def _print_result(row: ExecutionRow, as_json: bool) -> None:
    change = row.change
    if not as_json:
        if change.output is not None:
            print(change.output)
        return
    result: dict[str, object] = {"executionArn": row.new.arn, "status": change.status}
    if change.output is not None:
        result["output"] = json.loads(change.output)
    for member, text in (("error", change.error), ("cause", change.cause)):
        if text is not None:
            result[member] = text
    print(json.dumps(result, ensure_ascii=False))
