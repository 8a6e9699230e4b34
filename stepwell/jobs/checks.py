"""What is wrong with the job types of an app, found before anything is opened.

Rules that must stay true here:
- All of it is told at once, each with the way out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stepwell.jobs.arguments import Arguments
from stepwell.jobs.declaration import JobRoute, JobType


def job_faults(types: Mapping[str, JobType], routes: Mapping[str, JobRoute], machines: Collection[str]) -> list[str]:
    """A line for each fault; `machines` are the names of the app's state machines."""
    faults = []
    for name, job in types.items():
        if job.handler is not None:
            try:
                Arguments.of(job.handler).output.schema("{name}")
                Arguments.of(job.handler).model.schema("{name}")
            except (TypeError, RuntimeError) as error:
                faults.append(f"job {name!r}: its annotations make no schema: {error}")
            if job.machine_name in machines:
                faults.append(f"job {name!r}: the state machine {job.machine_name!r} is its own; rename the other one.")
        elif job.machine not in machines:
            known = ", ".join(machines) or "none"
            faults.append(f"job {name!r}: the app has no state machine {job.machine!r}; it has: {known}.")
    for path, route in routes.items():
        if route.job not in types:
            known = ", ".join(types) or "none"
            faults.append(f"the route {path}: the app has no job type {route.job!r}; it has: {known}.")
    return faults
