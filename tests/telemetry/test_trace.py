"""Traces as they come in and are handed on: W3C Trace Context, and AWS's X-Ray."""

from __future__ import annotations

import pytest

from stepwell.engine.trace import Trace, below, headers_of, span_id, trace_of, variables_of, xray_of

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{ID}-{PARENT}-01"
ARN = "arn:aws:states:us-east-1:123456789012:execution:m:e"


def test_a_trace_is_handed_on_as_it_came_where_no_spans_are_told() -> None:
    line = trace_of(GIVEN, "vendor=1,other=2")
    assert line is not None
    assert headers_of(below(line, ARN, 7)) == {"traceparent": GIVEN, "tracestate": "vendor=1,other=2"}


def test_whoever_works_for_an_execution_hangs_below_its_span_where_spans_are_told() -> None:
    line = Trace(ID, PARENT, True, True, "vendor=1").encode()
    assert headers_of(below(line, ARN, 7)) == {
        "traceparent": f"00-{ID}-{span_id(ARN, 7)}-01",
        "tracestate": "vendor=1",
    }


def test_the_id_of_a_span_is_the_same_whenever_it_is_asked_for_and_another_for_each_event() -> None:
    assert span_id(ARN, 7) == span_id(ARN, 7)
    assert len({span_id(ARN, 7), span_id(ARN, 8), span_id(ARN + "x", 7)}) == 3


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"ff-{ID}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{PARENT}-01",
        f"00-{ID}-{PARENT}-01-more",
        f"00-{ID}-{PARENT}",
    ],
)
def test_what_is_no_trace_is_passed_over(header: str) -> None:
    assert trace_of(header) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert trace_of(f"01-{ID}-{PARENT}-01-more") == trace_of(GIVEN)


def test_a_trace_that_is_not_sampled_stays_so() -> None:
    line = trace_of(f"00-{ID}-{PARENT}-00")
    assert line is not None
    assert headers_of(line)["traceparent"].endswith("-00")
    assert xray_of(line).endswith("Sampled=0")


def test_x_rays_header_is_a_trace_too_and_programs_find_it_in_both_forms() -> None:
    header = f"Root=1-{ID[:8]}-{ID[8:]};Parent={PARENT};Sampled=1"
    line = trace_of(None, None, header)
    assert line is not None
    assert variables_of(line) == {"TRACEPARENT": GIVEN, "_X_AMZN_TRACE_ID": header}
    assert trace_of(None, None, "Root=1-5759e988-bd862e3fe1be46a994272793") is None


def test_a_line_is_read_back_as_it_was_written() -> None:
    for trace in (Trace(ID, PARENT, True), Trace(ID, PARENT, False, True), Trace(ID, PARENT, True, True, "a=1, b=2")):
        assert Trace.decode(trace.encode()) == trace


def test_a_state_that_no_header_may_hold_is_dropped() -> None:
    assert trace_of(GIVEN, "a=1\r\nx: y") == trace_of(GIVEN)
    assert trace_of(GIVEN, "a" * 600) == trace_of(GIVEN)
