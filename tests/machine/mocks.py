"""Documents that an explored execution meets: its input, and what its tasks answer.

Rules that must stay true here:
- Every value tells where it comes from, wherever the execution carries it: a text is its own origin, an object has its
  origin as a member. So what an execution lacks can be given to it at the source, in the next run.
- A document is made of wishes alone, and the same wishes make the same document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

Steps = tuple[str | int, ...]
Place = tuple[str, Steps]  # a source (the input, or the n-th answer of a state), and the way to a value in it

INPUT: Final = "input"
ORIGIN: Final = "@"  # the member that tells the origin of an object, and the beginning of a text that tells its own


class _Mark:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SOME: Final = _Mark("SOME")  # any value: a text that tells its origin
ABSENT: Final = _Mark("ABSENT")  # no value: the member is not there


@dataclass
class Wish:
    value: Any
    owner: object = None  # who insists on the value; None where any other value would do as well


class World:
    """All the documents of one execution."""

    def __init__(self) -> None:
        self.wishes: dict[Place, Wish] = {}

    def wish(self, place: Place, value: Any, owner: object = None) -> bool:
        """Ask for a value at a place. Whether this changes anything: who came first, and insists, keeps what he has."""
        known = self.wishes.get(place)
        if known is None:
            self.wishes[place] = Wish(value, owner)
            return True
        if known.owner is None and owner is None:
            if known.value is not SOME or value is SOME:
                return False
        elif known.owner is not None and known.owner != owner:
            return False
        if known.value is value or (known.value == value and type(known.value) is type(value)):
            known.owner = owner
            return False
        # The newest stands last, so that it is laid over what it replaces.
        del self.wishes[place]
        self.wishes[place] = Wish(value, owner)
        return True

    def document(self, source: str) -> Any:
        """The document of a source: an object, unless something else was asked for."""
        document: Any = {}
        for (of, steps), wish in self.wishes.items():
            if of == source:
                document = _laid(document, steps, wish.value)
        return _signed(document, source, ())


def _laid(document: Any, steps: Steps, value: Any) -> Any:
    if not steps:
        return document if value is SOME else {} if value is ABSENT else value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = list(document) if isinstance(document, list) else []
        items += [SOME] * (step + 1 - len(items))
        items[step] = _laid(items[step], rest, value)
        return items
    members = dict(document) if isinstance(document, dict) else {}
    if value is ABSENT and not rest:
        members.pop(step, None)
    else:
        members[step] = _laid(members.get(step, SOME if not rest else {}), rest, value)
    return members


def _signed(value: Any, source: str, steps: Steps) -> Any:
    if value is SOME:
        return _signature(source, steps)
    if isinstance(value, dict):
        signed = {name: _signed(member, source, (*steps, name)) for name, member in value.items()}
        return {ORIGIN: _signature(source, steps), **signed}
    if isinstance(value, list):
        return [_signed(item, source, (*steps, index)) for index, item in enumerate(value)]
    return value


def _signature(source: str, steps: Steps) -> str:
    return ORIGIN + json.dumps([source, *steps])


def origin(value: Any) -> Place | None:
    """The place that a value comes from, where the value tells."""
    if isinstance(value, dict):
        value = value.get(ORIGIN)
    elif isinstance(value, list):
        place = origin(value[0]) if value else None
        return (place[0], place[1][:-1]) if place is not None and place[1][-1:] == (0,) else None
    if not isinstance(value, str) or not value.startswith(ORIGIN):
        return None
    try:
        source, *steps = json.loads(value[len(ORIGIN) :])
    except ValueError:  # a text that was put together from several
        return None
    return source, tuple(steps)


def locate(data: Any, steps: Steps) -> Place | None:
    """The place at which to wish for what the steps lead to in data that an execution has; None where nobody knows."""
    value, place = data, origin(data)
    for taken, step in enumerate(steps):
        value = follow(value, (step,))
        known = origin(value)
        if known is not None:
            place = known
        elif place is not None:
            place = place[0], (*place[1], steps[taken])
        if value is ABSENT:
            return None if place is None else (place[0], (*place[1], *steps[taken + 1 :]))
    return place


def follow(data: Any, steps: Steps) -> Any:
    """What the steps lead to, or ABSENT."""
    for step in steps:
        try:
            if isinstance(data, str):
                return ABSENT
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return data
