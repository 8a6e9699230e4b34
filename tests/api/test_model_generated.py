"""Requests that are generated from AWS's service model: sound ones, and ones that break a single constraint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stepwell.api.service_model import INPUTS, SHAPES
from tests.api.conftest import Aws
from tests.api.sound import DECLARED, STRUCTURES, Request, Sound

# -- sound requests


@pytest.mark.parametrize("operation", sorted(STRUCTURES))
async def test_a_request_of_what_is_required_is_answered(aws: Aws, operation: str) -> None:
    sound = await Sound(aws).build()
    answer = await aws.post(operation, await sound.request(operation))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("operation", sorted(STRUCTURES))
async def test_a_request_of_any_text_gets_an_error_that_the_operation_declares(aws: Aws, operation: str) -> None:
    answer = await aws.post(operation, sample(INPUTS[operation]))
    if answer.status_code != 200:
        assert answer.json()["__type"] in {*DECLARED[operation], "ValidationException"}, answer.text


def sample(name: str) -> Any:
    """A value that satisfies the constraints of a shape, with its required members only."""
    shape = SHAPES[name]
    match shape["type"]:
        case "structure":
            return {member: sample(shape["members"][member]["shape"]) for member in shape.get("required", ())}
        case "list":
            return [sample(shape["member"]["shape"])] * max(1, shape.get("min", 0))
        case "map":
            return {"a": sample(shape["value"]["shape"])}
        case "string":
            return shape["enum"][0] if "enum" in shape else "a" * max(1, shape.get("min", 0))
        case "boolean":
            return False
        case "integer" | "long":
            return shape.get("min", 0)
    return float(shape.get("min", 0))


# -- requests that break one constraint


def violations(operation: str) -> Iterator[tuple[Request, str, str]]:
    """Requests with one fault each: the request, the member that is told, and the constraint in AWS's words."""
    shape = INPUTS[operation]
    yield from ((request, path, said) for request, path, said in _of_structure(shape, "", sample(shape)))


def _of_structure(name: str, path: str, whole: Request) -> Iterator[tuple[Request, str, str]]:
    shape = SHAPES[name]
    for member, found in shape["members"].items():
        where = f"{path}.{member}" if path else member
        if member in shape.get("required", ()):
            yield {key: value for key, value in whole.items() if key != member}, where, "Member must not be null"
        for value, inner, said in _of_value(found["shape"], where):
            yield {**whole, member: value}, inner, said


def _of_value(name: str, path: str) -> Iterator[tuple[Any, str, str]]:
    shape = SHAPES[name]
    least, most = shape.get("min"), shape.get("max")
    match shape["type"]:
        case "structure":
            yield from _of_structure(name, path, sample(name))
        case "list":
            yield from _of_list(shape, path)
        case "map":
            for value, _, said in _of_value(shape["value"]["shape"], path):
                yield {"k": value}, f"{path}.k.member", said
        case "string":
            if least and "pattern" not in shape:  # an empty text would break the pattern too
                yield "", path, f"Member must have length greater than or equal to {least}"
            if most is not None:
                yield "a" * (most + 1), path, f"Member must have length less than or equal to {most}"
            if "enum" in shape:
                yield "OTHER", path, "Member must satisfy enum value set: ["
            if "pattern" in shape:
                yield " é", path, f"Member must satisfy regular expression pattern: {shape['pattern']}"
        case "integer" | "long" | "float" | "double":
            if least is not None:
                yield least - 1, path, f"Member must have value greater than or equal to {least}"
            if most is not None:
                yield most + 1, path, f"Member must have value less than or equal to {most}"


def _of_list(shape: Request, path: str) -> Iterator[tuple[Any, str, str]]:
    item, least, most = shape["member"]["shape"], shape.get("min"), shape.get("max")
    if least:
        yield [], path, f"Member must have length greater than or equal to {least}"
    if most is not None:
        yield [sample(item)] * (most + 1), path, f"Member must have length less than or equal to {most}"
    for value, inner, said in _of_value(item, f"{path}.1.member"):
        if SHAPES[item]["type"] == "string":
            yield [value], path, "Member must satisfy constraint: ["
        else:
            yield [value], inner, said


@pytest.mark.parametrize("operation", sorted(STRUCTURES))
async def test_a_broken_constraint_is_told_with_the_member_that_breaks_it(aws: Aws, operation: str) -> None:
    for request, path, constraint in violations(operation):
        answer = await aws.post(operation, request)
        assert answer.status_code == 400, (path, constraint, answer.text)
        body = answer.json()
        assert body["__type"] == "ValidationException"
        start, _, told = body["message"].partition(f" at '{path}' failed to satisfy constraint: ")
        assert start.startswith("1 validation error detected: Value "), body
        assert told.startswith(constraint), (path, body)


@pytest.mark.parametrize("operation", sorted(STRUCTURES))
async def test_a_member_of_another_type_cannot_be_read(aws: Aws, operation: str) -> None:
    whole = sample(INPUTS[operation])
    for member, found in STRUCTURES[operation]["members"].items():
        wrong: Any = "text" if SHAPES[found["shape"]]["type"] != "string" else 5
        answer = await aws.post(operation, {**whole, member: wrong})
        assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException"), member


def test_the_model_has_enough_constraints_for_this_to_mean_something() -> None:
    assert sum(len(list(violations(operation))) for operation in STRUCTURES) > 150
