"""A definition as a file holds it: in JSON, or in YAML where the file's name says so.

Rules that must stay true here:
- JSON is handed on as it stands: what is wrong with it is told by the definition's own validation.
- Whatever was to be filled in is filled in before: `Seconds: ${Seconds}` is a number then.
"""

from __future__ import annotations

import json
from pathlib import PurePath


def definition_json(text: str, source: str | PurePath) -> str:
    """The definition as JSON text. Raises TemplateError where a file of YAML cannot be read or holds no object."""
    if PurePath(source).suffix.lower() not in (".yaml", ".yml") or text.lstrip().startswith("{"):
        return text
    from stepwell.deploy.document import read_document  # most definitions need no reader of YAML
    from stepwell.deploy.faults import TemplateError

    value = read_document(text, str(source))
    if not isinstance(value, dict):
        raise TemplateError("", f"{source} holds no definition: it must be an object with StartAt and States.")
    return json.dumps(value, indent=2, ensure_ascii=False)
