"""The two functions behind the state machines, as AWS Lambda would run them: `handler(event, context)`.

Rules that must stay true here:
- Each may run twice: it only reads, and answers with what it has read.
- `context.progress` is Stepwell's; without it nothing is told, and nothing is missing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from apps.keywords.models import Keyword, KeywordsFound, OrchestrateRequest, TrendsFound, TrendsRequest
from apps.keywords.pages import pages_about
from apps.keywords.terms import key_terms
from apps.keywords.trends import insights, timeline

MOST_KEYWORDS = 20


async def orchestrate_processor(event: Any, context: Any) -> Any:
    """Key terms of the pages about an industry. Raises SiteUnavailable, NoDocuments."""
    asked = msgspec.convert(event, OrchestrateRequest)
    _tell(context, 0.1, "fetching the pages")
    pages = await pages_about(asked.industry)
    _tell(context, 0.6, f"weighing the terms of {len(pages)} pages")
    services = asked.key_services or []
    related = [asked.usp, *([services] if isinstance(services, str) else services)]
    terms = key_terms([f"{page.title}. {page.text}" for page in pages], related, MOST_KEYWORDS)
    found = KeywordsFound([Keyword(term, weight) for term, weight in terms], [page.url for page in pages])
    return msgspec.to_builtins(found)


async def trends_processor(event: Any, context: Any) -> Any:
    """A timeline of terms, with insights. Raises SiteUnavailable, NoDocuments."""
    asked = msgspec.convert(event, TrendsRequest)
    _tell(context, 0.1, "fetching the pages")
    pages = await pages_about(asked.industry)
    terms = asked.terms()
    _tell(context, 0.6, f"following {len(terms)} terms through {len(pages)} pages")
    months = timeline(pages, terms)
    return msgspec.to_builtins(TrendsFound(months, insights(months, terms)))


def _tell(context: Any, fraction: float, message: str) -> None:
    progress = getattr(context, "progress", None)
    if progress is not None:
        progress(fraction, message)
