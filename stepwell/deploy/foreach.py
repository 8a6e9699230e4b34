"""`Fn::ForEach`: resources, or members of a property, once for each item of a list.

Rules that must stay true here:
- `${Name}` and `&{Name}` of the loop are filled in everywhere below it, keys included, before anything else is
  resolved; so is `{"Ref": "Name"}`.
- Loops inside loops multiply; what they come to is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from stepwell.deploy.faults import TemplateError
from stepwell.language.values import Json

PREFIX: Final = "Fn::ForEach::"
MOST: Final = 10_000  # members that loops make of one template
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")

Resolve = Callable[[Json, str], Json]


def unfold(value: Json, resolve: Resolve, at: str = "") -> Json:
    """The value with its loops unfolded. `resolve` gives the items of a loop. Raises TemplateError."""
    return _Unfolding(resolve).unfold(value, at)


class _Unfolding:
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._made = 0

    def unfold(self, value: Json, at: str) -> Json:
        if isinstance(value, list):
            return [self.unfold(item, at) for item in value]
        if not isinstance(value, dict):
            return value
        unfolded: dict[str, Json] = {}
        for key, member in value.items():
            if not key.startswith(PREFIX):
                unfolded[key] = self.unfold(member, f"{at}.{key}" if at else key)
                continue
            for name, made in self._loop(member, f"{at}.{key}" if at else key):
                if name in unfolded:
                    raise TemplateError(at, f"{key} makes {name} a second time.")
                unfolded[name] = made
        return unfolded

    def _loop(self, loop: Json, at: str) -> list[tuple[str, Json]]:
        if not (isinstance(loop, list) and len(loop) == 3 and isinstance(loop[0], str) and isinstance(loop[2], dict)):
            raise TemplateError(at, "Fn::ForEach takes [name, list, {key: value}].")
        name, items, body = loop
        found = self._resolve(items, at)
        if not isinstance(found, list):
            raise TemplateError(at, "Fn::ForEach goes through a list.")
        made: list[tuple[str, Json]] = []
        for item in found:
            filled = self.unfold(_fill(body, str(name), str(item)), at)
            assert isinstance(filled, dict)
            made.extend(filled.items())
            self._made += len(filled)
            if self._made > MOST:
                raise TemplateError(at, f"its loops make more than {MOST:,} members.")
        return made


def _fill(value: Json, name: str, item: str) -> Json:
    if isinstance(value, str):
        plain = _NOT_ALPHANUMERIC.sub("", item)
        return value.replace(f"${{{name}}}", item).replace(f"&{{{name}}}", plain)
    if isinstance(value, list):
        return [_fill(part, name, item) for part in value]
    if isinstance(value, dict):
        if value == {"Ref": name}:
            return item
        return {str(_fill(key, name, item)): _fill(part, name, item) for key, part in value.items()}
    return value
