"""A handler that writes to its socket to the server harms its own call, and nobody else's."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.patience import PATIENCE

FRAMES = [
    {"head": {"done": 999}, "body": "1"},
    {"head": {"done": "1"}, "body": "1"},
    {"head": {"done": 1, "error": 7}, "body": "1"},
    {"head": {"done": 1}, "body": "\xff\xfe"},
    {"head": {"ready": True, "asynchronous": False}},
    {"head": {"log": 5, "stream": 1}, "body": "x"},
    {"head": {"log": None, "stream": "one"}, "body": "x"},
    {"head": {"progress": 1, "fraction": "half"}},
    {"head": {}},
    {"head": [1]},
    {"head": None},
    {"head": {"done": True}, "body": "1"},
]


@pytest.mark.parametrize("frame", FRAMES, ids=[json.dumps(frame["head"]) for frame in FRAMES])
async def test_a_frame_that_makes_no_sense_ends_its_process(serve, frame) -> None:
    service = serve("wild:either", concurrency=1, timeout=2 * PATIENCE)
    async with asyncio.timeout(PATIENCE):
        answer = (await service.invoke("f", json.dumps({"do": "says", **frame}))).answer
        assert answer.error == "Runtime.ExitError"
        assert "signal: killed" in answer.payload
        assert (await service.invoke("f", "{}")).answer.payload == "{}"


async def test_garbage_ends_its_process(serve) -> None:
    service = serve("wild:either", concurrency=1, timeout=2 * PATIENCE)
    async with asyncio.timeout(PATIENCE):
        answer = (await service.invoke("f", json.dumps({"do": "garbage"}))).answer
        assert answer.error == "Runtime.ExitError"
        assert (await service.invoke("f", "{}")).answer.payload == "{}"


async def test_a_forged_answer_is_the_calls_own(serve) -> None:
    """Code in the handler's process may say what it likes about its own call."""
    service = serve("wild:either", concurrency=1, timeout=2 * PATIENCE)
    async with asyncio.timeout(PATIENCE):
        forged = {"do": "says", "head": {"done": 1}, "body": '"forged"'}
        assert (await service.invoke("f", json.dumps(forged))).answer.payload == '"forged"'
