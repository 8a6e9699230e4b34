"""Where EventBridge Scheduler's clients find the schedules of a server.

Rules that must stay true here:
- The paths are those of AWS's service model; nothing else is served below them.
"""

from __future__ import annotations

from starlette.routing import Route

from stepwell.api.context import ApiContext
from stepwell.api.scheduler.groups import GroupRoutes
from stepwell.api.scheduler.schedules import ScheduleRoutes
from stepwell.api.scheduler.wire import Handler, answering
from stepwell.schedule.registry import Schedules


def scheduler_routes(schedules: Schedules, context: ApiContext) -> list[Route]:
    """The routes of a server, for `create_app`."""
    on_schedules, on_groups = ScheduleRoutes(schedules, context), GroupRoutes(schedules, context)

    def route(path: str, method: str, handle: Handler) -> Route:
        return Route(path, answering(context, handle), methods=[method])

    return [
        route("/schedules", "GET", on_schedules.list),
        route("/schedules/{name}", "POST", on_schedules.create),
        route("/schedules/{name}", "GET", on_schedules.get),
        route("/schedules/{name}", "PUT", on_schedules.update),
        route("/schedules/{name}", "DELETE", on_schedules.delete),
        route("/schedule-groups", "GET", on_groups.list),
        route("/schedule-groups/{name}", "POST", on_groups.create),
        route("/schedule-groups/{name}", "GET", on_groups.get),
        route("/schedule-groups/{name}", "DELETE", on_groups.delete),
        route("/tags/arn:{rest:path}", "POST", on_groups.tag),
        route("/tags/arn:{rest:path}", "GET", on_groups.tags),
        route("/tags/arn:{rest:path}", "DELETE", on_groups.untag),
    ]
