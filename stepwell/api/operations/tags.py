"""Tags of machines and activities.

Rules that must stay true here:
- Only a machine's own ARN has tags, not that of a version or an alias (recorded).
"""

from __future__ import annotations

from stepwell.api import arns, faults, tagging
from stepwell.api.request import Answer, Request


async def tag_resource(request: Request) -> Answer:
    arn = await _resource(request)
    tags = tagging.requested_tags(request)
    if not await request.context.store.set_tags(arn, tags, (), tagging.MAX_TAGS):
        raise faults.too_many_tags(arn, tagging.MAX_TAGS)
    return {}


async def untag_resource(request: Request) -> Answer:
    arn = await _resource(request)
    keys = [key for key in request.items("tagKeys") if isinstance(key, str)]
    await request.context.store.set_tags(arn, {}, keys, tagging.MAX_TAGS)
    return {}


async def list_tags_for_resource(request: Request) -> Answer:
    arn = await _resource(request)
    return {"tags": tagging.answered_tags(await request.context.store.tags(arn))}


async def _resource(request: Request) -> str:
    """The ARN of the resource that a request names. Raises InvalidArn, ResourceNotFound."""
    arn, store = request.text("resourceArn"), request.context.store
    kind = arns.parts_of(arn, arns.STATE_MACHINE, arns.ACTIVITY)[5]
    found = await (store.find_machine(arn) if kind == arns.STATE_MACHINE else store.find_activity(arn))
    if found is None:
        raise faults.resource_not_found(arn)
    return arn
