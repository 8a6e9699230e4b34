"""The random state machines: sound, and no field of the language is left out.

What fields there are is not said here: it is heard from the language itself, while it reads the definitions. A field
that is added to the language fails these tests until `definitions` knows it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Collection
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings

from stepwell.language.comparators import COMPARATORS
from stepwell.language.definition import jsonata, program, task
from stepwell.language.definition.legal import JSONPATH, LEGAL_FIELDS, QUERY_LANGUAGES, QueryLanguage
from stepwell.language.definition.machine import validate_definition
from stepwell.language.definition.node import MAX_WHOLE, Node
from stepwell.language.intrinsics.functions import FUNCTIONS
from stepwell.language.jsonata.functions import NAMES
from stepwell.language.model import Pattern, Resource
from tests.simulation.chance import stream
from tests.simulation.definitions import Maker, machines
from tests.simulation.drawn.draw import State

DRAWN = 2_000

drawn = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(machines())
@drawn
def test_every_machine_is_sound(definition: State) -> None:
    assert validate_definition(json.dumps(definition)) == ()


@given(machines(steady=True, express=True))
@drawn
def test_every_express_machine_is_sound(definition: State) -> None:
    assert validate_definition(json.dumps(definition), machine_type="EXPRESS") == ()


class Heard:
    """The fields and values that the language allows at each place, and those that were there."""

    def __init__(self) -> None:
        self.allowed: dict[str, set[str]] = defaultdict(set)
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.numbers: dict[str, set[str]] = defaultdict(set)
        self.operands: dict[str, set[str]] = defaultdict(set)
        self.expressions: dict[str, set[bool]] = defaultdict(set)
        self.resources: set[tuple[str, str]] = set()
        self.texts: list[str] = []

    def at(self, place: str, allowed: Collection[str], members: Collection[str]) -> None:
        self.allowed[place] |= set(allowed)
        self.seen[place] |= set(members)


@pytest.fixture(scope="module")
def heard() -> Heard:
    """What the language says while it reads many definitions, of both kinds."""
    heard = Heard()
    with pytest.MonkeyPatch.context() as patch:
        listen(patch, heard)
        for seed in range(DRAWN):
            express = seed % 5 == 0
            maker = Maker(stream(seed, "fields"), steady=seed % 2 == 0)
            text = json.dumps(maker.machine(express=express))
            heard.texts.append(text)
            assert validate_definition(text, machine_type="EXPRESS" if express else "STANDARD") == ()
    return heard


def listen(patch: pytest.MonkeyPatch, heard: Heard) -> None:
    """Hear what the language asks of the objects that it reads."""
    allow, one_of, whole = Node.allow, Node.one_of, Node.whole
    check_fields, is_expression, parse_resource = program.check_fields, jsonata.is_expression, task.parse_resource

    def told(node: Node, names: Collection[str]) -> None:
        reader = asked_by()
        # A rule and those inside it are read by one function, which allows a little less each time.
        heard.at(reader if reader == "_check_rule" else f"{reader}: {' '.join(sorted(names))}", names, node.members)
        for name in COMPARATORS.keys() & node.members.keys():
            heard.operands[name].add(str(node.members[name]))
        allow(node, names)

    def told_of_state(node: Node, kind: str, language: QueryLanguage) -> None:
        legal = LEGAL_FIELDS[kind]
        own = legal.jsonpath if language == JSONPATH else legal.jsonata
        heard.at(f"{kind} in {language}", legal.shared | own, node.members)
        check_fields(node, kind, language)

    def told_of_choice(node: Node, name: str, values: Collection[str]) -> str | None:
        present = node.members.get(name)
        heard.at(f"{asked_by()}: values of {name}", values, [str(present)] if present is not None else [])
        return one_of(node, name, values)

    def told_of_number(node: Node, name: str, low: int, high: int = MAX_WHOLE) -> int | None:
        if name in node.members:
            heard.numbers[name].add(str(node.members[name]))
        return whole(node, name, low, high)

    def told_of_expression(node: Node, name: str) -> bool:
        found = is_expression(node, name)
        if name in node.members:
            heard.expressions[name].add(found)
        return found

    def told_of_resource(text: str) -> Resource:
        found = parse_resource(text)
        heard.resources.add((found.kind, found.pattern))
        return found

    patch.setattr(Node, "allow", told)
    patch.setattr(Node, "one_of", told_of_choice)
    patch.setattr(Node, "whole", told_of_number)
    patch.setattr(program, "check_fields", told_of_state)
    patch.setattr(jsonata, "is_expression", told_of_expression)
    patch.setattr(task, "parse_resource", told_of_resource)


def asked_by() -> str:
    return sys._getframe(2).f_code.co_name


def test_every_field_of_every_type_of_state_is_reached(heard: Heard) -> None:
    states = {f"{kind} in {language}" for kind in LEGAL_FIELDS for language in QUERY_LANGUAGES}
    assert states <= set(heard.allowed)
    assert {place: missing(heard, place) for place in states if missing(heard, place)} == {}


def test_every_field_of_every_other_object_is_reached(heard: Heard) -> None:
    """Retriers, catchers, rules, readers, batchers, writers, configurations, branches, the machine itself."""
    others = [place for place in heard.allowed if " in " not in place]
    assert len(others) > 12
    assert {place: missing(heard, place) for place in others if missing(heard, place)} == {}


def test_every_value_of_every_enumeration_is_reached(heard: Heard) -> None:
    """Types of input, transformations, delimiters, kinds of jitter, modes."""
    places = [place for place in heard.allowed if ": values of " in place]
    assert len(places) > 8
    assert {place: missing(heard, place) for place in places if missing(heard, place)} == {}


def test_every_number_takes_more_than_one_value(heard: Heard) -> None:
    assert len(heard.numbers) > 10
    assert [name for name, values in heard.numbers.items() if len(values) < 2] == []


def test_every_comparator_is_reached_and_those_for_truth_values_with_both(heard: Heard) -> None:
    assert set(heard.operands) == set(COMPARATORS)
    truths = [name for name, comparator in COMPARATORS.items() if comparator.operand == "boolean"]
    assert len(truths) > 5
    assert [name for name in truths if heard.operands[name] != {"True", "False"}] == []


def test_whatever_may_be_an_expression_is_one_and_is_a_plain_value(heard: Heard) -> None:
    assert len(heard.expressions) > 12
    assert [name for name, found in heard.expressions.items() if found != {True, False}] == []


def test_every_kind_of_resource_is_reached_and_every_pattern_of_integration(heard: Heard) -> None:
    assert {kind for kind, _ in heard.resources} == {"function", "activity", "service"}
    assert {pattern for _, pattern in heard.resources} == set(get_args(Pattern))


def test_every_intrinsic_and_every_function_of_step_functions_is_reached(heard: Heard) -> None:
    text = "\n".join(heard.texts)
    assert set(FUNCTIONS) - set(re.findall(r"States\.(\w+)\(", text)) == set()
    assert NAMES - {"eval"} - set(re.findall(r"\$(\w+)\(", text)) == set()


def missing(heard: Heard, place: str) -> set[str]:
    return heard.allowed[place] - heard.seen[place]
