"""The notifications of a running server, from its start to its end.

Rules that must stay true here:
- What is told before the end of the process is in the store: nothing here has to be waited for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stepwell.engine.clock import Clock
from stepwell.notify.post import Post
from stepwell.notify.rules import Rules
from stepwell.notify.senders import Sender
from stepwell.notify.spread import Spread
from stepwell.store.protocol import Store


@asynccontextmanager
async def notifying(store: Store, rules: Rules, sender: Sender, clock: Clock) -> AsyncIterator[Post]:
    """Deliver what executions tell while the block lasts. `rules` are those that the engine asks."""
    post = Post(store.notices, sender, clock.now)
    spread = Spread(store, rules, clock.now, post.wake)
    spread.start()
    post.start()
    try:
        yield post
    finally:
        await spread.stop()
        await post.stop()
