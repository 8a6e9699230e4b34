"""What an app declares beside its functions and machines, as it is stored: schedules, and who is told of executions.

Rules that must stay true here:
- Everything that can be wrong with it is found before the store is touched, and all of it is told at once.
"""

from __future__ import annotations

import os

from stepwell.api.context import real_now
from stepwell.app import AppError, Stepwell
from stepwell.assembly import Place
from stepwell.dispatching import make_clients
from stepwell.notify.channel import InvalidChannel
from stepwell.notify.declaration import rule_of
from stepwell.notify.rules import Rules
from stepwell.notify.senders import Sender, Senders
from stepwell.schedule.definition import InvalidSchedule
from stepwell.schedule.deploy import declared_row, deploy
from stepwell.schedule.registry import Schedules
from stepwell.settings import Settings
from stepwell.store.notices import RuleRow
from stepwell.store.schedules import ScheduleRow
from stepwell.tasks.http.targets import Targets


def bind_schedules(app: Stepwell, place: Place) -> list[ScheduleRow]:
    """The app's schedules as they are stored. Raises AppError, with all that is wrong."""
    rows: list[ScheduleRow] = []
    faults: list[str] = []
    for schedule in app.schedules:
        targets = (
            schedule.machine and place.machine_arn(schedule.machine),
            schedule.function and place.function_arn(schedule.function),
            schedule.target,
        )
        try:
            rows.append(declared_row(schedule, targets, place.role_arn("scheduler"), place.scheduler_prefix))
        except InvalidSchedule as fault:
            faults.append(f"schedule {schedule.name!r}: {fault}.")
    if faults:
        raise AppError("\n".join(faults))
    return rows


def bind_notices(app: Stepwell, place: Place) -> list[RuleRow]:
    """Who is to be told of executions. Raises AppError, with all that is wrong."""
    rows: list[RuleRow] = []
    faults: list[str] = []
    for notice in app.notifications:
        try:
            rows.append(rule_of(notice, place.machine_arn, real_now(), by_app=True))
        except InvalidChannel as fault:
            faults.append(f"notify {notice.machine!r}: {fault}.")
    if faults:
        raise AppError("\n".join(faults))
    return rows


def make_sender(settings: Settings) -> Sender:
    """What carries notifications out of the house."""
    return Senders(Targets(settings.http_allowed_hosts), os.environ, make_clients(settings), settings.region)


async def redeclare(app: Stepwell, place: Place, schedules: Schedules, rules: Rules) -> None:
    """Make what an app declares now what holds, while the server runs. Raises AppError: nothing has changed then."""
    rows, notices = bind_schedules(app, place), bind_notices(app, place)
    await deploy(schedules, rows, place.scheduler_prefix)
    await rules.declare(notices)
