"""Make the README's picture of the demo: `CI=true make demo | python tools/demo_picture.py docs/demo.svg`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

STYLES = (
    (re.compile(r"^\d\d:\d\d:\d\d\.\d+"), "dim"),
    (re.compile(r"\bSUCCEEDED\b"), "bold green"),
    (re.compile(r"^\s+(?:catalog_\w+|\w+_id|\w+_at)\b"), "cyan"),
    (re.compile(r"\b(?:POST|GET)\b"), "bold magenta"),
    (re.compile(r"\b(?:entered|left|ended)\b"), "blue"),
    (re.compile(r"waits .*"), "yellow"),
    (re.compile(r"\$[\d.]+"), "green"),
)


def main() -> None:
    console = Console(record=True, width=118, file=sys.stderr, force_terminal=True)
    console.print(Text("$ make demo", style="bold"))
    for line in sys.stdin.read().splitlines():
        if line.startswith(("make", ".venv")):
            continue
        text = Text(line)
        for pattern, style in STYLES:
            text.highlight_regex(pattern, style)
        console.print(text, no_wrap=True, overflow="ellipsis")
    picture = console.export_svg(title="stepwell")
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)  # whoever looks at it calls nobody
    Path(sys.argv[1]).write_text(picture)


if __name__ == "__main__":
    main()
