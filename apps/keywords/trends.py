"""A timeline of terms through dated pages, and what it says.

Rules that must stay true here:
- An insight is a sentence about numbers that stand in the timeline.
- A page without a date counts for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from apps.keywords.models import Month
from apps.keywords.pages import Page
from apps.keywords.terms import mentions

_CLEAR = 0.25  # mentions a page by which one half must differ from the other


def timeline(pages: Sequence[Page], terms: Sequence[str]) -> list[Month]:
    """The months that have pages, the oldest first."""
    by_month: defaultdict[str, list[str]] = defaultdict(list)
    for page in pages:
        if page.date is not None:
            by_month[f"{page.date:%Y-%m}"].append(page.text)
    return [
        Month(month, len(texts), {term: sum(mentions(text, term) for text in texts) for term in terms})
        for month, texts in sorted(by_month.items())
    ]


def insights(months: Sequence[Month], terms: Sequence[str]) -> list[str]:
    """What the months say about each term, then about all of them."""
    if not months:
        return ["No page has a date: there is no timeline."]
    said = [_of_term(months, term) for term in terms]
    totals = {term: sum(month.mentions[term] for month in months) for term in terms}
    if len(terms) > 1 and any(totals.values()):
        first = max(totals, key=lambda term: totals[term])
        said.append(f"Mentioned most often: {first} ({totals[first]} times in {_pages(months)} pages).")
    return said


def _of_term(months: Sequence[Month], term: str) -> str:
    found = [month for month in months if month.mentions[term]]
    if not found:
        return f"{term}: not mentioned."
    peak = max(found, key=lambda month: month.mentions[term])
    half = len(months) // 2
    before, after = _rate(months[:half], term), _rate(months[half:], term)
    if half and after - before > _CLEAR:
        course = "rising" if before else f"new since {found[0].month}"
    elif half and before - after > _CLEAR:
        course = "falling" if after else f"gone since {found[-1].month}"
    else:
        course = "steady"
    return (
        f"{term}: {course}, {before:.1f} mentions a page until {months[max(half - 1, 0)].month} and {after:.1f} since;"
        f" most in {peak.month} ({peak.mentions[term]})."
    )


def _rate(months: Sequence[Month], term: str) -> float:
    """Mentions a page."""
    pages = _pages(months)
    return sum(month.mentions[term] for month in months) / pages if pages else 0.0


def _pages(months: Sequence[Month]) -> int:
    return sum(month.documents for month in months)
