"""What a handler tells of its progress: bounded by a rate, checked at once, nothing where nobody listens."""

from __future__ import annotations

import pytest

from stepwell.tasks import lambda_context
from stepwell.tasks.lambda_context import LambdaContext


def context(told: list[tuple[float, str | None]] | None) -> LambdaContext:
    return LambdaContext(
        aws_request_id="r",
        invoked_function_arn="arn",
        timeout=1,
        idempotency_key=None,
        client_context=None,
        report=None if told is None else lambda fraction, message: told.append((fraction, message)),
    )


def test_a_burst_is_told_and_a_flood_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(lambda_context.time, "monotonic", lambda: now)
    told: list[tuple[float, str | None]] = []
    given = context(told)
    for n in range(1_000):
        given.progress(n / 1_000, "x")
    assert len(told) == 20
    now += 0.5
    for _ in range(1_000):
        given.progress(1, None)
    assert told[20:] == [(1.0, None)] * 10


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_is_within_0_and_1(fraction: float) -> None:
    with pytest.raises(ValueError, match="not within 0 and 1"):
        context([]).progress(fraction)


def test_without_a_listener_nothing_happens() -> None:
    context(None).progress(0.5, "half")
