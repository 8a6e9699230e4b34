"""From what an app, a command or a client says of a notification to a rule.

Rules that must stay true here:
- A rule is checked once, before it is written; a fault says what is taken.
"""

from __future__ import annotations

from collections.abc import Callable

from stepwell.notify.channel import InvalidChannel, declared_channel, text_of
from stepwell.notify.declared import STATUSES, DeclaredNotice
from stepwell.notify.rules import EVERY
from stepwell.store.notices import RuleRow


def rule_of(declared: DeclaredNotice, machine_arn: Callable[[str], str], now: int, *, by_app: bool = False) -> RuleRow:
    """The rule; `machine_arn` gives the ARN of a machine that is given by name. Raises InvalidChannel."""
    statuses = tuple(dict.fromkeys(declared.on))
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown or not statuses:
        raise InvalidChannel(f"on {', '.join(unknown) or 'nothing'}: it takes some of {', '.join(STATUSES)}")
    machine = declared.machine
    if machine != EVERY and not machine.startswith("arn:"):
        machine = machine_arn(machine)
    channel = text_of(declared_channel(declared))
    return RuleRow(machine=machine, statuses=statuses, channel=channel, created=now, declared=by_app)
