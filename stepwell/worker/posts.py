"""From what an app declares to what a worker does.

Rules that must stay true here:
- A worker serves what the app leaves to workers; where it leaves nothing to them, all that it has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stepwell.api.arns import ACTIVITY, prefix
from stepwell.app import AppActivity, AppError, Stepwell
from stepwell.assembly import functions_of
from stepwell.tasks.function import DEFAULT_TIMEOUT, Function, FunctionRegistry
from stepwell.tasks.remote import ACTIVITY_PREFIX, LEASE
from stepwell.worker.worker import Post


def make_posts(
    app: Stepwell, region: str, account: str, names: Sequence[str] | None
) -> tuple[FunctionRegistry, list[Post]]:
    """The functions to run, and what to poll for. `names` narrows it down. Raises AppError."""
    wanted = names or _left_to_workers(app) or [*app.functions, *app.activities]
    missing = [name for name in wanted if name not in app.functions and name not in app.activities]
    if missing or not wanted:
        known = ", ".join([*app.functions, *app.activities]) or "none"
        raise AppError(
            f"The app has no {', '.join(missing) or 'functions'}. Its functions and activities are: {known}."
        )
    begins = prefix(region, account, ACTIVITY)
    functions = [function for function in functions_of(app) if function.name in wanted]
    posts = [
        Post(f"{begins}{ACTIVITY_PREFIX}{function.name}", function.name, function.most_at_once, LEASE / 3, True)
        for function in functions
    ]
    taken = {function.name for function in functions}
    for activity in app.activities.values():
        if activity.name in wanted:
            function = _function_of(activity, taken)
            functions.append(function)
            posts.append(
                Post(f"{begins}{activity.name}", function.name, function.most_at_once, activity.heartbeat, False)
            )
    return FunctionRegistry(functions), posts


def _left_to_workers(app: Stepwell) -> list[str]:
    return [*(name for name, function in app.functions.items() if function.worker), *app.activities]


def _function_of(activity: AppActivity, taken: Collection[str]) -> Function:
    """What runs an activity's handler; its log is that of a function of the activity's name. Raises AppError."""
    if activity.name in taken:
        raise AppError(f"A function and an activity are both named {activity.name!r}. Give one of them another name.")
    try:
        return Function.of(
            activity.handler,
            name=activity.name,
            timeout=DEFAULT_TIMEOUT if activity.timeout is None else activity.timeout,
            concurrency=activity.concurrency,
            environment=activity.environment,
        )
    except ValueError as error:
        raise AppError(f"activity {activity.name!r}: {error}") from error
