"""Pages about an industry, fetched over HTTP: an index with links, and behind each an article with a date.

Rules that must stay true here:
- Only links of the index's own folder are followed; what is read is bounded.
- What comes over the network may be anything: it is parsed, never believed.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import httpx

MOST_PAGES = 50
MOST_BYTES = 1_000_000  # a page
AT_ONCE = 8  # requests
PATIENCE = httpx.Timeout(30)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class SiteUnavailable(Exception):
    """The site does not answer as it should; another time it may."""


class NoDocuments(Exception):
    """The site has nothing about the industry."""


@dataclass(frozen=True)
class Page:
    """An article: its title, its text, and the day that it was written on, where it says one."""

    url: str
    title: str
    text: str
    date: datetime.date | None


async def pages_about(industry: str) -> list[Page]:
    """All pages about an industry. Raises SiteUnavailable, NoDocuments."""
    site = os.environ.get("KEYWORDS_SITE_URL", "http://127.0.0.1:9300")
    index_url = f"{site.rstrip('/')}/{quote(industry.strip().lower(), safe='')}/index.html"
    limit = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        index = await _fetch(client, index_url, limit)
        if index is None:
            raise NoDocuments(f"There are no pages about {industry!r}.")
        folder = index_url.rpartition("/")[0] + "/"
        links = dict.fromkeys(urljoin(index_url, link) for link in _read(index).links)
        urls = [url for url in links if url.startswith(folder) and url != index_url][:MOST_PAGES]
        texts = await asyncio.gather(*(_fetch(client, url, limit) for url in urls))
    pages = [_page(url, text) for url, text in zip(urls, texts, strict=True) if text is not None]
    if not pages:
        raise NoDocuments(f"There are no pages about {industry!r}.")
    return pages


async def _fetch(client: httpx.AsyncClient, url: str, limit: asyncio.Semaphore) -> str | None:
    """A page's HTML; None where there is none. Raises SiteUnavailable."""
    try:
        async with limit, client.stream("GET", url) as answer:
            if answer.status_code == 404:
                return None
            if answer.status_code != 200:
                raise SiteUnavailable(f"The site answered {answer.status_code}.")
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise SiteUnavailable("A page of the site is too large.")
            return body.decode("utf-8", "replace")
    except httpx.HTTPError as error:
        raise SiteUnavailable(f"The site does not answer ({type(error).__name__}).") from error


def _page(url: str, html: str) -> Page:
    found = _read(html)
    return Page(url, " ".join(found.title.split()), " ".join("".join(found.text).split()), found.date)


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader


@dataclass
class _Reader(HTMLParser):
    """Links, and what stands in the article: its heading, its date, its text."""

    links: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    title: str = ""
    date: datetime.date | None = None
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag == "time" and self.date is None and _DATE.fullmatch(given.get("datetime") or ""):
            try:
                self.date = datetime.date.fromisoformat(str(given["datetime"]))
            except ValueError:
                self.date = None
        if tag in ("article", "h1", "p", "time"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "p":
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if "article" not in self._open or self._open[-1] == "time":
            return
        if self._open[-1] == "h1":
            self.title += data
        else:
            self.text.append(data)
