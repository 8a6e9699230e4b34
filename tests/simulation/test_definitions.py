"""The random state machines: sound, and no field of the language is left out.

What fields there are is not said here: it is heard from the language itself, while it reads the definitions. A field
that is added to the language fails these tests until `definitions` knows it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from stepwell.language.definition import program
from stepwell.language.definition.legal import JSONPATH, LEGAL_FIELDS, QUERY_LANGUAGES, QueryLanguage
from stepwell.language.definition.machine import validate_definition
from stepwell.language.definition.node import Node
from tests.simulation.chance import stream
from tests.simulation.definitions import Maker, State, machines

DRAWN = 1_500

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
    """The fields that the language allows at each place, and those that were there."""

    def __init__(self) -> None:
        self.allowed: dict[str, set[str]] = defaultdict(set)
        self.seen: dict[str, set[str]] = defaultdict(set)

    def at(self, place: str, allowed: Collection[str], members: Collection[str]) -> None:
        self.allowed[place] |= set(allowed)
        self.seen[place] |= set(members)


@pytest.fixture(scope="module")
def heard() -> Heard:
    """What the language says while it reads many definitions, of both kinds."""
    heard = Heard()
    allow, check_fields = Node.allow, program.check_fields

    def told(node: Node, names: Collection[str]) -> None:
        reader = sys._getframe(1).f_code.co_name
        # A rule and those inside it are read by one function, which allows a little less each time.
        heard.at(reader if reader == "_check_rule" else f"{reader}: {' '.join(sorted(names))}", names, node.members)
        allow(node, names)

    def told_of_state(node: Node, kind: str, language: QueryLanguage) -> None:
        legal = LEGAL_FIELDS[kind]
        own = legal.jsonpath if language == JSONPATH else legal.jsonata
        heard.at(f"{kind} in {language}", legal.shared | own, node.members)
        check_fields(node, kind, language)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Node, "allow", told)
        patch.setattr(program, "check_fields", told_of_state)
        for seed in range(DRAWN):
            express = seed % 5 == 0
            maker = Maker(stream(seed, "fields"), steady=seed % 2 == 0)
            kind: Any = "EXPRESS" if express else "STANDARD"
            assert validate_definition(json.dumps(maker.machine(express=express)), machine_type=kind) == ()
    return heard


def test_every_field_of_every_type_of_state_is_reached(heard: Heard) -> None:
    states = {f"{kind} in {language}" for kind in LEGAL_FIELDS for language in QUERY_LANGUAGES}
    assert states <= set(heard.allowed)
    assert {place: missing(heard, place) for place in states if missing(heard, place)} == {}


def test_every_field_of_every_other_object_is_reached(heard: Heard) -> None:
    """Retriers, catchers, rules, readers, batchers, writers, configurations, branches, the machine itself."""
    others = [place for place in heard.allowed if " in " not in place]
    assert len(others) > 12
    assert {place: missing(heard, place) for place in others if missing(heard, place)} == {}


def missing(heard: Heard, place: str) -> set[str]:
    return heard.allowed[place] - heard.seen[place]
