"""What the API takes and gives. The schemas of `/jobs/openapi.json` are made of these.

Rules that must stay true here:
- Names are fixed: clients of this API exist.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrchestrateRequest:
    """What to look for key terms for: an industry, what is special about the product, and what it offers."""

    industry: str
    usp: str
    key_services: list[str] | str | None = None


@dataclass(frozen=True)
class Keyword:
    """A term and its weight, from 0 to 1: the heaviest has 1."""

    term: str
    weight: float


@dataclass(frozen=True)
class KeywordsFound:
    """Key terms, the heaviest first, and the pages that they come from."""

    keywords: list[Keyword]
    sources: list[str]


@dataclass(frozen=True)
class TrendsRequest:
    """Which terms to follow through the dated pages about an industry; as `/orchestrate` gives them will do."""

    industry: str
    keywords: list[str | Keyword] | str

    def terms(self) -> list[str]:
        """The terms themselves, each once, in order."""
        given = self.keywords.split(",") if isinstance(self.keywords, str) else self.keywords
        terms = [keyword.term if isinstance(keyword, Keyword) else keyword for keyword in given]
        return list(dict.fromkeys(term.strip().lower() for term in terms if term.strip()))


@dataclass(frozen=True)
class Month:
    """How often each term is mentioned in the pages of a month (`2026-03`)."""

    month: str
    documents: int
    mentions: dict[str, int]


@dataclass(frozen=True)
class TrendsFound:
    """The months, the oldest first, and what they say."""

    timeline: list[Month]
    insights: list[str]
