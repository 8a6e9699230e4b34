"""Where a command writes: a terminal with colours and a live part, or a plain stream.

Rules that must stay true here:
- Colours and the live part are for a terminal only; `NO_COLOR` and `TERM=dumb` are honoured.
- What is written is the same words on both; only the live part is missing from a plain stream.
- A character that the stream cannot show never stops a command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

Words: TypeAlias = Sequence[tuple[str, str]]
"""A line: texts, each with its style ("" for none)."""

STYLES = {
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "ABORTED": "yellow",
    "ACTIVE": "green",
    "DELETING": "yellow",
}


class Screen(Protocol):
    def line(self, words: Words) -> None:
        """Write a line."""
        ...

    def live(self, lines: Sequence[Words]) -> None:
        """Show these lines below all others until they are replaced."""
        ...

    def close(self) -> None:
        """Take the live part away."""
        ...


def open_screen(stream: IO[str]) -> Screen:
    """The screen for a stream."""
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return TerminalScreen(stream)
    return PlainScreen(stream)


class PlainScreen:
    """A file, a pipe, a log."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def line(self, words: Words) -> None:
        text = "".join(text for text, _ in words)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=self._stream, flush=True)

    def live(self, lines: Sequence[Words]) -> None:
        """A plain stream has no live part."""

    def close(self) -> None:
        """There is nothing to take away."""


class TerminalScreen:
    """A terminal."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None

    def line(self, words: Words) -> None:
        self._console.print(_rich(words), soft_wrap=True)

    def live(self, lines: Sequence[Words]) -> None:
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            if not lines:
                return
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        text = Text("\n", no_wrap=True, overflow="ellipsis").join([_rich(words) for words in lines])
        self._live.update(text, refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _rich(words: Words) -> Text:
    from rich.text import Text

    return Text.assemble(*words, no_wrap=True, overflow="ellipsis")


def table(screen: Screen, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows in columns; a status has its colour."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def words(row: Sequence[str], style: str | None) -> Words:
        last = len(row) - 1
        return [
            (
                text if column == last else text.ljust(widths[column] + 2),
                STYLES.get(text, "") if style is None else style,
            )
            for column, text in enumerate(row)
        ]

    screen.line(words(head, "bold"))
    for row in rows:
        screen.line(words(row, None))


def moment(seconds: float) -> str:
    """A time of day with its date, as the local clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """How long something takes: `0.12 s`, `8.4 s`, `20 s`, `2 min 05 s`, `1 h 03 min`, `2 d 04 h`."""
    if seconds < 1:
        return f"{max(seconds, 0):.2f} s"
    if seconds < 60:
        return f"{int(seconds * 10) / 10:g} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24:02} h"
