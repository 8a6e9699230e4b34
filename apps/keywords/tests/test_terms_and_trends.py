"""Terms, their weights, and what a timeline says."""

from __future__ import annotations

import datetime

from apps.keywords.models import Keyword, TrendsRequest
from apps.keywords.pages import Page, _page
from apps.keywords.terms import key_terms, mentions
from apps.keywords.trends import insights, timeline


def page(month: int, text: str) -> Page:
    return Page("", "", text, datetime.date(2026, month, 1))


def test_terms_are_runs_of_words_that_say_something_the_heaviest_first() -> None:
    texts = [
        "The oat milk of the north is the best oat milk.",
        "Oat milk, again; and a new grinder.",
        "A grinder for the bar.",
    ]
    terms = dict(key_terms(texts, [], 5))
    assert next(iter(terms)) == "oat milk"
    assert terms["oat milk"] == 1.0
    assert "grinder" in terms
    assert not any(term.split()[0] in ("the", "of", "a") for term in terms)
    assert "milk" not in terms  # it never stands alone


def test_what_the_product_says_of_itself_makes_a_term_heavier() -> None:
    texts = ["Repair is good. Rubber is good.", "Repair is better. Rubber is better."]
    assert key_terms(texts, ["We repair shoes"], 1) == [("repair", 1.0)]
    assert key_terms(texts, ["Rubbers of all kinds"], 1) == [("rubber", 1.0)]


def test_nothing_gives_nothing() -> None:
    assert key_terms([], [], 5) == []
    assert key_terms(["the of and"], ["x"], 5) == []


def test_mentions_are_whole_words_in_singular_and_plural() -> None:
    assert mentions("Oat milk, oat milks; goat milk. oat milk oat milk", "oat milk") == 4
    assert mentions("Single-minded", "single") == 0
    assert mentions("anything", "") == 0


def test_a_timeline_tells_what_rises_and_falls() -> None:
    pages = [page(1, "plate plate"), page(2, "plate"), page(3, "rubber"), page(4, "rubber rubber")]
    months = timeline(pages, ["plate", "rubber", "foam"])
    assert [(month.month, month.mentions["rubber"]) for month in months] == [
        ("2026-01", 0),
        ("2026-02", 0),
        ("2026-03", 1),
        ("2026-04", 2),
    ]
    said = insights(months, ["plate", "rubber", "foam"])
    assert said[0].startswith("plate: gone since 2026-02, 1.5 mentions a page until 2026-02 and 0.0 since")
    assert said[1].startswith("rubber: new since 2026-03")
    assert said[2] == "foam: not mentioned."
    assert said[3] == "Mentioned most often: plate (3 times in 4 pages)."
    assert insights([], ["plate"]) == ["No page has a date: there is no timeline."]


def test_a_page_is_read_whatever_it_is_made_of() -> None:
    html = "<h1>No</h1><article><h1>A <b>B</b></h1><time datetime='2026-02-30'>x</time><p>One &amp; two<p>3"
    found = _page("u", html)
    assert (found.title, found.text, found.date) == ("A B", "One & two3", None)


def test_keywords_may_come_as_text_as_a_list_or_as_they_were_given() -> None:
    given: tuple[list[str | Keyword] | str, ...] = ("a, b,a", ["a", "B "], [Keyword("a", 1.0), "b"])
    for keywords in given:
        assert TrendsRequest("x", keywords).terms() == ["a", "b"]
