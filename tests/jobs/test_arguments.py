"""Typed arguments: what an input must look like, and what is said of one that does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict

import msgspec
import pytest

from stepwell import Stepwell
from stepwell.jobs.arguments import Arguments
from stepwell.jobs.handler import attach_handler
from tests.jobs.conftest import Houses
from tests.jobs.sample_app import app

pydantic = pytest.importorskip("pydantic")


@dataclass
class Place:
    city: str
    zip: int | None = None


class Asked(TypedDict):
    place: Place


class Many(msgspec.Struct):
    places: list[Place]


class Customer(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    since: date


def members(industry: str, count: int = 1, kind: Literal["a", "b"] = "a") -> None: ...


def dataclass_(place: Place) -> Place: ...


def typed_dict(asked: Asked) -> None: ...


def struct(asked: Many, context: Any) -> None: ...


def model(customer: Customer) -> Customer: ...


def model_among_others(customer: Customer, count: int = 1) -> None: ...


def anything(event): ...  # type: ignore[no-untyped-def]


def nothing() -> None: ...


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (members, {"industry": "x"}),
        (dataclass_, {"city": "x", "zip": None}),
        (typed_dict, {"place": {"city": "x"}}),
        (struct, {"places": []}),
        (model, {"name": "Ann", "since": "2026-01-01"}),
        (model_among_others, {"customer": {"name": "Ann", "since": "2026-01-01"}}),
        (anything, [1, "x"]),
        (nothing, {}),
    ],
)
def test_an_input_that_fits_becomes_arguments(function: Any, value: Any) -> None:
    arguments = Arguments.of(function)
    assert arguments.model.faults(value) == []
    positional, named = arguments.bind(value)
    if function is model:
        assert positional == (Customer(name="Ann", since=date(2026, 1, 1)),)
    if function is members:
        assert named == {"industry": "x", "count": 1, "kind": "a"}
    function(*positional, **named, **({"context": None} if function is struct else {}))


@pytest.mark.parametrize(
    ("function", "value", "faults"),
    [
        (members, {}, [("/industry", "industry is missing", "industry: string", None)]),
        (members, {"industry": 3}, [("/industry", "Expected str, got int", "str", "3")]),
        (
            members,
            {"industry": 3, "count": "x", "typo": True},
            [
                ("/industry", "Expected str, got int", "str", "3"),
                ("/count", "Expected int, got str", "int", '"x"'),
                ("/typo", "typo is not known here", "one of industry, count, kind", "true"),
            ],
        ),
        (members, {"industry": "x", "kind": "c"}, [("/kind", "Invalid enum value 'c'", "one of a, b", '"c"')]),
        (members, [], [("", "Expected object, got array", "object", "[]")]),
        (typed_dict, {"place": {"city": 1}}, [("/place/city", "Expected str, got int", "str", "1")]),
        (
            struct,
            {"places": [{"city": "x"}, {}]},
            [("/places/1", "Object missing required field city", "array", "{}")],
        ),
    ],
)
def test_a_fault_names_the_member_its_value_and_what_would_be_taken(
    function: Any, value: Any, faults: list[tuple[str, str, str, str | None]]
) -> None:
    found = Arguments.of(function).model.faults(value)
    assert [(fault.pointer, fault.detail, fault.value) for fault in found] == [(p, d, v) for p, d, _, v in faults]
    assert all(fault.expected for fault in found)


def test_faults_of_pydantic_s_models_have_the_same_form() -> None:
    found = Arguments.of(model).model.faults({"name": "A"})
    assert {fault.pointer for fault in found} == {"/name", "/since"}
    assert [fault.value for fault in found if fault.pointer == "/name"] == ['"A"']


def test_schemas_are_those_that_inputs_are_checked_against() -> None:
    schema, components = Arguments.of(members).model.schema("#/x/{name}")
    assert schema == {"$ref": "#/x/MembersInput"}
    assert components["MembersInput"]["required"] == ["industry"]
    assert components["MembersInput"]["additionalProperties"] is False
    schema, _ = Arguments.of(model).model.schema("#/x/{name}")
    assert schema["properties"]["name"]["minLength"] == 2
    schema, components = Arguments.of(dataclass_).output.schema("#/x/{name}")
    assert schema == {"$ref": "#/x/Place"}


def test_the_handler_binds_and_answers_with_json_values() -> None:
    def receipt(place: Place, context: Any) -> Place:
        return Place(place.city.upper(), context)

    async def later(n: int) -> Customer:
        return Customer(name="Ann", since=date(2026, 1, n))

    def odd(n: int) -> object:
        return object()

    assert attach_handler(receipt)({"city": "x"}, 7) == {"city": "X", "zip": 7}
    assert asyncio.run(attach_handler(later)({"n": 2}, None)) == {"name": "Ann", "since": "2026-01-02"}
    with pytest.raises(TypeError, match="object is no JSON value"):
        attach_handler(odd)({"n": 1}, None)


def test_a_handler_whose_arguments_cannot_be_named_is_told() -> None:
    def star(*names: str) -> None: ...

    with pytest.raises(TypeError, match="write out the arguments"):
        Arguments.of(star)


async def test_a_wrong_input_is_a_problem_with_all_that_is_wrong(houses: Houses) -> None:
    async with houses.open(app) as house:
        answer = await house.post("trends", {"industry": 3})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert {error["pointer"]: error["expected"] for error in problem["errors"]} == {
            "#/industry": "str",
            "#/keywords": "keywords: array of string",
        }
        assert problem["instance"] == "/jobs/trends"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"n=1", "application/x-www-form-urlencoded", 415),
        (b'{"n": 1}', "text/plain", 415),
        (b'"' + b"x" * 300_000 + b'"', "application/json", 413),
        (b'{"n": 1}', "application/vnd.n+json", 202),
    ],
)
async def test_a_body_that_cannot_be_taken_says_what_can(
    houses: Houses, content: bytes, kind: str, status: int
) -> None:
    async with houses.open(app) as house:
        answer = await house.http.post("/jobs/single", content=content, headers={"content-type": kind})
        assert answer.status_code == status


def test_a_declaration_that_cannot_be_used_says_why() -> None:
    other = Stepwell()
    for arguments, said in (
        ({"name": "a b"}, "only letters, digits"),
        ({"name": "docs"}, "not 'docs'"),
        ({"name": "a", "retries": -1}, "retries=-1"),
        ({"name": "a", "timeout": "soon"}, "timeout='soon' is no time"),
        ({"name": "a", "ttl": 0}, "more than 0"),
        ({"name": "a", "concurrency": 0}, "lets no job run"),
    ):
        with pytest.raises(ValueError, match=said):
            other.job(**arguments)(nothing)
    other.job("a")(nothing)
    with pytest.raises(ValueError, match="two job types"):
        other.job("a")(nothing)
