"""Which recorded cases are the core: what a case asks for is read off its calls and its definitions.

Rules that must stay true here:
- A case is left out for what it uses, never for what it is called or for whether it passes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Case = Mapping[str, Any]

# A variable in a path: `$name`, but neither `$`, `$.a`, `$['a']` nor the context object `$$`.
_VARIABLE = re.compile(r"(?<![$\w])\$[A-Za-z_]\w*")


def left_out(case: Case) -> list[str]:
    """What a case uses beyond the core; empty for a case in scope."""
    operations = {step["op"] for step in case["steps"]}
    arguments = [step.get("args") or {} for step in case["steps"]]
    nodes = [node for argument in arguments for text in _definitions(argument) for node in _nodes(text)]
    uses = {
        "JSONata": any(node.get("QueryLanguage") == "JSONata" for node in nodes),
        "variables": any("Assign" in node or _names_a_variable(node) for node in nodes),
        "Express": case["kind"] == "express" or any(argument.get("type") == "EXPRESS" for argument in arguments),
        "TestState": "test_state" in operations,
        "versions and aliases": any("version" in operation or "alias" in operation for operation in operations)
        or any(argument.get("publish") for argument in arguments),
        "distributed Map": any("map_run" in operation for operation in operations)
        or any(node.get("Mode") == "DISTRIBUTED" for node in nodes),
    }
    return [name for name, used in uses.items() if used]


def _definitions(arguments: Mapping[str, Any]) -> Iterator[Any]:
    """The definitions among the arguments of a call; a text that is no JSON is left as it is."""
    for name, value in arguments.items():
        if name != "definition":
            continue
        while isinstance(value, dict) and set(value) == {"$json"}:
            value = value["$json"]
        try:
            yield json.loads(value) if isinstance(value, str) else value
        except ValueError:
            yield value


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a definition, from the outside in."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _nodes(member)
    elif isinstance(value, list):
        for member in value:
            yield from _nodes(member)


def _names_a_variable(node: Mapping[str, Any]) -> bool:
    """Whether a path or an intrinsic call among a node's own members names a variable."""
    return any(
        isinstance(value, str) and (name.endswith((".$", "Path")) or name == "Variable") and _VARIABLE.search(value)
        for name, value in node.items()
    )
