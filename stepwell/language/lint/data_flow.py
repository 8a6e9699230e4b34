"""Follows the data through a definition, and tells of members that are read where they cannot be.

The mistake that it is for: an iteration of a Map reads `$.execution_id`, which the Map's input holds and its item does
not. The definition is valid, and fails when it runs.

Rules that must stay true here:
- An ERROR is certain: with the given input, or with any, the read finds nothing. All else is a WARNING.
- What is not known is open: a Task's result, an item of a list that nobody has seen, JSONata.
- The work grows as the definition does: a state whose input is told anew and anew counts as one of which nothing is
  known, and so does an input of very many members (`shape`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from stepwell.language.diagnostics import Diagnostic
from stepwell.language.lint.reads import Read, reads
from stepwell.language.lint.shape import ANYTHING, MOST, UNKNOWN, Shape, shape_of, shape_of_items
from stepwell.language.values import Json, loads

_CODE: Final = "NOT_IN_INPUT"
_OF_THE_EXECUTION: Final = "execution"
"""What begins so is seldom a member of an item."""
_LOOKS: Final = 8
"""How often the input of a state may turn out to be another than it was taken for."""
_TOLD: Final = 20
"""How many members of an input a message names."""


def lint_definition(text: str, example: Json = None) -> tuple[Diagnostic, ...]:
    """What looks wrong in the data flow of a valid definition, in the order of the states.

    `example` is an input that the machine is meant for; with it, more is certain. None gives none.
    """
    try:
        machine = loads(text)
    except ValueError:
        return ()
    if not isinstance(machine, dict):
        return ()
    lint = _Lint(_outer_names(machine))
    lint.walk(machine, "", ANYTHING if example is None else shape_of(example), machine.get("QueryLanguage"))
    return tuple(lint.found)


class _Lint:
    def __init__(self, outer_names: frozenset[str]) -> None:
        self.found: list[Diagnostic] = []
        self._outer_names = outer_names

    def walk(self, program: Mapping[str, Any], location: str, entry: Shape, language: object) -> None:
        """Follow the data through the states of a machine, a branch or an item processor."""
        states = program.get("States")
        if not isinstance(states, Mapping):
            return
        inputs = _inputs(program.get("StartAt"), states, entry, language)
        for name, state in states.items():
            if name in inputs and isinstance(state, Mapping):
                self._state(name, state, f"{location}/States/{name}", inputs[name], language)

    def _state(self, name: str, state: Mapping[str, Any], location: str, shape: Shape, language: object) -> None:
        if state.get("QueryLanguage", language) == "JSONata":
            return
        for read in reads(state, location):
            self._check(read, shape)
        effective = _arguments(state, _effective(state, shape))
        for index, branch in enumerate(state.get("Branches") or ()):
            if isinstance(branch, Mapping):
                self.walk(branch, f"{location}/Branches[{index}]", effective, language)
        for member in ("ItemProcessor", "Iterator"):
            if isinstance(state.get(member), Mapping):
                self.walk(state[member], f"{location}/{member}", _item(name, state, shape), language)

    def _check(self, read: Read, shape: Shape) -> None:
        member = read.member
        if member in shape.members:
            return
        if not shape.is_open:
            held = _named(shape)
            way = _way_out(shape.selected_by or shape.item_of, member)
            self._tell(read, f"$.{member} is read here, and the input holds {held}.{way}", "ERROR")
        elif shape.item_of is not None and self._is_suspicious(read):
            message = (
                f"$.{member} is looked up in the item here, not in the input of the Map '{shape.item_of}', which hands "
                f"each item on alone.{_way_out(shape.item_of, member)}"
            )
            self._tell(read, message, "WARNING")

    def _is_suspicious(self, read: Read) -> bool:
        """Whether a member that an item may well hold is more likely meant of what is outside the Map."""
        return read.beside_all or read.member in self._outer_names or read.member.startswith(_OF_THE_EXECUTION)

    def _tell(self, read: Read, message: str, severity: Any) -> None:
        self.found.append(Diagnostic(_CODE, message, read.location, severity))


def _named(shape: Shape) -> str:
    names = sorted(shape.members)
    more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
    return (", ".join(names[:_TOLD]) or "nothing") + more


def _way_out(map_name: str | None, member: str) -> str:
    if map_name is None:
        return ""
    return f' Hand it on in the ItemSelector of \'{map_name}\': "{member}.$": "$.{member}".'


def _inputs(start: object, states: Mapping[str, Any], entry: Shape, language: object) -> dict[str, Shape]:
    """The shape of each state's input, of those that can be reached."""
    inputs: dict[str, Shape] = {}
    looks: Counter[str] = Counter()
    pending: list[tuple[object, Shape]] = [(start, entry)]
    while pending:
        name, shape = pending.pop()
        state = states.get(name) if isinstance(name, str) else None
        if not isinstance(name, str) or not isinstance(state, Mapping):
            continue
        known = inputs.get(name)
        met = shape if known is None else known.met(shape)
        if met == known:
            continue
        looks[name] += 1
        inputs[name] = met if looks[name] <= _LOOKS else ANYTHING
        if looks[name] <= _LOOKS + 1:
            pending.extend(_nexts(state, inputs[name], language))
    return inputs


def _nexts(state: Mapping[str, Any], shape: Shape, language: object) -> Iterator[tuple[object, Shape]]:
    """Where a state leads to, each with the shape that it hands on."""
    jsonata = state.get("QueryLanguage", language) == "JSONata"
    output = ANYTHING if jsonata else _output(state, shape)
    rules = (rule for rule in state.get("Choices") or () if isinstance(rule, Mapping))
    targets = (state.get("Next"), state.get("Default"), *(rule.get("Next") for rule in rules))
    for target in dict.fromkeys(target for target in targets if isinstance(target, str)):
        yield target, output
    for catcher in state.get("Catch") or ():
        if isinstance(catcher, Mapping):
            error = Shape({"Error": UNKNOWN, "Cause": UNKNOWN})
            caught = _placed(catcher.get("ResultPath", "$"), shape, error)
            yield catcher.get("Next"), ANYTHING if jsonata else caught


def _output(state: Mapping[str, Any], shape: Shape) -> Shape:
    """What a JSONPath state hands on."""
    effective = _effective(state, shape)
    kind = state.get("Type")
    if kind in ("Pass", "Task", "Map", "Parallel"):
        if kind == "Pass":
            result = shape_of(state["Result"]) if "Result" in state else _arguments(state, effective)
        else:
            result = ANYTHING
        if isinstance(state.get("ResultSelector"), Mapping):
            result = _made(state["ResultSelector"])
        effective = _placed(state.get("ResultPath", "$"), shape, result)
    path = state.get("OutputPath", "$")
    return effective if path == "$" else Shape() if path is None else ANYTHING


def _effective(state: Mapping[str, Any], shape: Shape) -> Shape:
    path = state.get("InputPath", "$")
    return shape if path == "$" else Shape() if path is None else ANYTHING


def _arguments(state: Mapping[str, Any], effective: Shape) -> Shape:
    """What a state works on; that of a Map is its item's matter."""
    if state.get("Type") != "Map" and isinstance(state.get("Parameters"), Mapping):
        return _made(state["Parameters"])
    return effective


def _made(template: Mapping[str, Any]) -> Shape:
    """The shape of what a payload template makes."""
    if len(template) > MOST:
        return ANYTHING
    members = {name.removesuffix(".$"): UNKNOWN if name.endswith(".$") else value for name, value in template.items()}
    return Shape({name: UNKNOWN if isinstance(value, (dict, list)) else value for name, value in members.items()})


def _placed(path: object, shape: Shape, result: Shape) -> Shape:
    """A result that ResultPath puts into the raw input."""
    if path == "$":
        return result
    if path is None:
        return shape
    first = next(iter(reads({"InputPath": path}, "")), None)
    return ANYTHING if first is None else shape.having(first.member)


def _item(name: str, state: Mapping[str, Any], shape: Shape) -> Shape:
    """What an iteration of a Map begins with."""
    selector = state.get("ItemSelector", state.get("Parameters"))
    if "ItemReader" in state or "ItemBatcher" in state:
        return ANYTHING
    if isinstance(selector, Mapping):
        return replace(_made(selector), selected_by=name)
    path = next(iter(reads({"InputPath": state.get("ItemsPath")}, "")), None)
    if path is not None and state.get("ItemsPath") in (f"$.{path.member}", f"$['{path.member}']"):
        items = _effective(state, shape).members.get(path.member)
        if isinstance(items, list):
            return shape_of_items(items, name)
    return Shape(is_open=True, item_of=name)


def _outer_names(machine: Mapping[str, Any]) -> frozenset[str]:
    """The members that states outside of all Maps read, their Maps' own fields included."""
    states = machine.get("States")
    if not isinstance(states, Mapping):
        return frozenset()
    return frozenset(
        read.member for name, state in states.items() if isinstance(state, Mapping) for read in reads(state, name)
    )
