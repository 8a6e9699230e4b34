"""Where a notification goes: a webhook, an SNS topic, an event bus.

Rules that must stay true here:
- A channel holds no secret: it names the environment variable that has it.
- A channel is checked once, when a rule is written; its text is the same for the same channel.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from stepwell.notify.declared import DeclaredNotice

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
_BUS = re.compile(r"[/.\-_A-Za-z0-9]{1,256}|arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/[/.\-_A-Za-z0-9]{1,256}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


class InvalidChannel(ValueError):
    """A channel that cannot be used; the message says what it takes."""


class Webhook(Struct, frozen=True):
    """`secret` names the environment variable that deliveries are signed with; None leaves them unsigned."""

    url: str
    secret: str | None = None


class Topic(Struct, frozen=True):
    arn: str


class Bus(Struct, frozen=True):
    name: str


Channel: TypeAlias = Webhook | Topic | Bus


def declared_channel(declared: DeclaredNotice) -> Channel:
    """Raises InvalidChannel."""
    given = [each for each in (declared.webhook, declared.topic, declared.bus) if each is not None]
    if len(given) != 1:
        raise InvalidChannel("it takes one of webhook (a URL), topic (an ARN) and bus (a name or an ARN)")
    if declared.webhook is not None:
        return _checked_webhook(Webhook(declared.webhook, declared.secret))
    if declared.secret is not None:
        raise InvalidChannel("secret belongs to a webhook: SNS and EventBridge are called with AWS's credentials")
    if declared.topic is not None:
        if _TOPIC.fullmatch(declared.topic) is None:
            raise InvalidChannel(f"topic {declared.topic!r} is no ARN of an SNS topic")
        return Topic(declared.topic)
    assert declared.bus is not None
    if _BUS.fullmatch(declared.bus) is None:
        raise InvalidChannel(f"bus {declared.bus!r} is neither the name nor the ARN of an event bus")
    return Bus(declared.bus)


def _checked_webhook(webhook: Webhook) -> Webhook:
    try:
        parts = urlsplit(webhook.url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or not webhook.url.isprintable() or " " in webhook.url:
        raise InvalidChannel(f"webhook {webhook.url!r} is no address that begins with https://")
    if parts.username is not None or parts.password is not None:
        raise InvalidChannel("webhook: no user's name or password can stand in its address; sign with a secret instead")
    if webhook.secret is not None and _VARIABLE.fullmatch(webhook.secret) is None:
        raise InvalidChannel(
            "secret: it takes the name of an environment variable that holds the secret, such as WEBHOOK_SECRET, never"
            " the secret itself"
        )
    return webhook


def text_of(channel: Channel) -> str:
    """The JSON text of a channel."""
    match channel:
        case Webhook(url, secret):
            told = {"webhook": url} if secret is None else {"webhook": url, "secret": secret}
        case Topic(arn):
            told = {"topic": arn}
        case Bus(name):
            told = {"bus": name}
    return json.dumps(told)


def read(text: str) -> Channel:
    """The channel of a text that `text_of` has made."""
    told = json.loads(text)
    if "webhook" in told:
        return Webhook(told["webhook"], told.get("secret"))
    return Topic(told["topic"]) if "topic" in told else Bus(told["bus"])


def destination_of(channel: Channel) -> str:
    """What is bounded and rested together: a webhook's origin, a topic, a bus."""
    match channel:
        case Webhook(url):
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.netloc.lower()}"
        case Topic(arn):
            return arn
        case Bus(name):
            return f"event bus {name}"
