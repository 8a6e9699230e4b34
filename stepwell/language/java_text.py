"""How AWS writes a value inside a sentence: as Java's `toString` does.

Rules that must stay true here:
- Strings stand bare, objects are `{a=1, b=x}`, lists `[1, 2]`: the form that the recorded cases of States.Format show.
- Key order that Java leaves to a hash table is that of Java's `HashMap`, since users see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepwell.language.values import Json


def java_text(value: Json) -> str:
    """The value as Java prints it. The depth of the value is no depth of calls."""
    if isinstance(value, str):
        return value
    pieces: list[str] = []
    waiting: list[tuple[str, Json]] = [("", value)]  # texts, each with a value behind it or a closing bracket as text
    while waiting:
        before, item = waiting.pop()
        pieces.append(before)
        if isinstance(item, dict):
            pieces.append("{")
            waiting.append(("", "}"))
            members = list(item.items())
            waiting += [(f", {key}=", member) for key, member in members[:0:-1]]
            waiting += [(f"{key}=", member) for key, member in members[:1]]
        elif isinstance(item, list):
            pieces.append("[")
            waiting.append(("", "]"))
            waiting += [(", ", member) for member in item[:0:-1]]
            waiting += [("", member) for member in item[:1]]
        else:
            pieces.append(_java_scalar(item))
    return "".join(pieces)


def _java_scalar(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _java_double(value) if isinstance(value, float) else str(value)


def _java_double(value: float) -> str:
    """`Double.toString`: plain from 10^-3 to below 10^7, else `1.0E10`."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{value:f}"
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    power = int(exponent or "0")
    digits = whole + fraction
    significant = digits.lstrip("0")
    power += len(whole) - 1 - (len(digits) - len(significant))
    significant = significant.rstrip("0")
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{power}"


def hash_map_order(keys: Iterable[str]) -> list[str]:
    """The keys in the order in which a Java `HashMap` filled with them, in this order, would give them back."""
    given = list(keys)
    size = 16
    while len(given) > size * 3 // 4:
        size *= 2
    return sorted(given, key=lambda key: _spread_hash(key) & (size - 1))


def in_hash_map_order(value: Mapping[str, Json]) -> dict[str, Json]:
    """The same members in the order of `hash_map_order`."""
    return {key: value[key] for key in hash_map_order(value)}


def _spread_hash(key: str) -> int:
    code = 0
    for unit in memoryview(key.encode("utf-16-le", "surrogatepass")).cast("H"):
        code = (31 * code + unit) & 0xFFFFFFFF
    return code ^ (code >> 16)
