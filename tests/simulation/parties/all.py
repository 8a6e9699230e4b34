"""Who there is in a world, by its plan."""

from __future__ import annotations

from tests.simulation.disk import Disk
from tests.simulation.outside import Outside
from tests.simulation.parties.clients import Clients
from tests.simulation.parties.jobs import JobClients
from tests.simulation.parties.party import Party, Scene
from tests.simulation.parties.retention import Retention
from tests.simulation.parties.schedules import ScheduleClients
from tests.simulation.parties.versions import Operators
from tests.simulation.parties.workers import Workers
from tests.simulation.plan import Plan


def parties_of(scene: Scene, plan: Plan, outside: Outside, disk: Disk, *, secretive: bool) -> list[Party]:
    """`secretive`: what is stored of an input is not what was given."""
    parties: list[Party] = [Clients(scene, plan, secretive=secretive), Workers(scene, plan.workers, outside)]
    if plan.jobs is not None:
        parties.append(JobClients(scene, plan.jobs))
    if plan.schedules is not None:
        parties.append(ScheduleClients(scene, plan.schedules))
    if plan.versions is not None:
        parties.append(Operators(scene, plan.versions))
    if plan.retention_days:
        parties.append(Retention(scene, plan.retention_days, disk.connection))
    return parties
