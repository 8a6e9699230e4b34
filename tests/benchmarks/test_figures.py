"""How runs become figures, and figures tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.figure import (
    Failure,
    Sample,
    at_least,
    at_most,
    figures,
    from_record,
    markdown,
    number,
    percentile,
    table,
)
from benchmarks.report import PAGE, Report
from benchmarks.runs import sample


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (50, 5), (90, 9), (99, 10), (100, 10)], ids=lambda value: str(value)
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, expected: float) -> None:
    assert percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], percent) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.31849, "0.318"), (4.5178, "4.52"), (123.4, "123"), (12_345, "12,300"), (1_234_567, "1,235,000")],
)
def test_a_number_shows_the_digits_that_count(value: float, expected: str) -> None:
    assert number(value) == expected


def test_a_figure_is_the_median_of_its_runs() -> None:
    runs = [[Sample("starts", value, "/s"), Sample("p99", value / 10, "ms")] for value in (5.0, 1.0, 3.0)]
    starts, p99 = figures("flood", runs)
    assert (starts.median, min(starts.runs), max(starts.runs)) == (3, 1, 5)
    assert (p99.what, p99.median) == ("p99", 0.3)


def test_a_bar_is_reached_from_its_own_side() -> None:
    rate, seconds = at_least(1_000, 2_000), at_most(4, 2)
    assert [rate.verdict(value) for value in (999, 1_000, 2_000)] == ["missed: 0.999 of it", "met", "beyond"]
    assert [seconds.verdict(value) for value in (8, 4, 2)] == ["missed: 2 of it", "met", "beyond"]


def test_a_table_has_figures_and_what_failed() -> None:
    found = figures("flood", [[Sample("starts", 3_210, "/s", at_least(3_000, 6_000), "64 connections")]])
    lines = table(found, [Failure("chain", "run 2 of 5: it has not ended after 90 s")]).splitlines()
    assert lines[2] == "| flood | starts | 3,200/s |  | 3,000 | 6,000 | met | 64 connections |"
    assert lines[3].startswith("| chain | failed: run 2 of 5: it has not ended after 90 s |")


def test_a_cell_never_breaks_its_table() -> None:
    assert markdown(("a", "b"), [("x|y", "one\ntwo")]).splitlines()[2] == "| x/y | one two |"


def test_what_is_written_is_read_back() -> None:
    (figure,) = figures("m", [[Sample("rss", 1, "MB", at_most(200), "", [(0, 1), (1, 2)])], [Sample("rss", 2, "MB")]])
    assert from_record(json.loads(json.dumps(figure.record()))).record() == figure.record()
    written = {"what": "rss", "value": 1, "unit": "MB", "bar": None, "beside": "", "curve": []}
    assert sample(written) == Sample("rss", 1, "MB", None, "", [])


def test_a_report_replaces_its_own_place_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter <!-- large: begin -->")
    Report("bench", page, tmp_path).write("a machine", figures("w", [[Sample("x", 1, "s")]]), [])
    text = page.read_text()
    assert text.startswith("before\n<!-- bench: begin -->\na machine\n")
    assert text.endswith("<!-- bench: end -->\nafter <!-- large: begin -->")
    assert "old" not in text
    assert json.loads((tmp_path / "bench.json").read_text())["figures"][0]["runs"] == [1]


@pytest.mark.parametrize("report", ["bench", "large", "peers", "profile"])
def test_every_report_has_its_place_on_the_page(report: str) -> None:
    text = PAGE.read_text("utf-8")
    assert text.count(f"<!-- {report}: begin -->") == text.count(f"<!-- {report}: end -->") == 1
