"""Whatever is sent to whichever door, the server refuses it by name and goes on; `make fuzz` goes on for longer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.api.doors import _PREFIXES
from stepwell.api.service_model import INPUTS
from tests.fuzz import doors, operations
from tests.fuzz.target import CORPUS, Fault, Target
from tests.fuzz.world import World, http_request

# One server for all of them.
pytestmark = pytest.mark.xdist_group("fuzz-doors")


@pytest.fixture(scope="module", autouse=True)
def world() -> Iterator[World]:
    yield doors.world()
    for made in (doors.guarded_world, doors.world):
        if made.cache_info().currsize:
            made().close()
            made.cache_clear()


@pytest.mark.parametrize("target", doors.TARGETS, ids=lambda target: target.name)
def test_any_request_is_answered_or_refused_by_name(target: Target) -> None:
    for data in islice(target.inputs(0), target.short):
        try:
            target.try_one(data)
        except Fault as fault:
            pytest.fail(f"{fault}\nthe request: {data!r}")


@settings(max_examples=74, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(INPUTS)), st.randoms(use_true_random=False))
def test_what_the_service_model_can_make_of_an_operation_is_answered_or_refused(operation: str, random: Random) -> None:
    doors.world().knock(operations.request(random, {}, operation))


@pytest.mark.parametrize("path", sorted((CORPUS / "http").iterdir()), ids=lambda path: path.name)
def test_what_was_once_a_fault_is_none_any_more(world: World, path: Any) -> None:
    world.knock(path.read_bytes())


def test_every_door_is_knocked_at() -> None:
    paths = {request.split(b" ")[1].decode() for requests in doors.DOORS.values() for request in requests}
    begin = {re.split("[/?]", path[1:])[0] for path in paths}
    assert {f"/{name}" for name in begin} >= set(_PREFIXES) - {"/console", "/admin"}  # these have no routes yet


def test_what_may_wait_ends_with_its_client(world: World) -> None:
    status, _, _ = world.knock(
        http_request(
            "POST",
            "/",
            b'{"activityArn": "arn:aws:states:us-east-1:123456789012:activity:idle"}',
            {"X-Amz-Target": "AWSStepFunctions.GetActivityTask", "Content-Type": "application/x-amz-json-1.0"},
        )
    )
    assert status in (0, 400)
