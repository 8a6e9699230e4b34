"""Definitions that people run on AWS validate here, or are refused for what is wrong with them.

The samples are not part of the repository: they are looked for in the folder `definitions` of the folder that
STEPWELL_SHARED names, or of `shared` beside the checkout. Their placeholders, `${Name}`, are filled in first.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from stepwell.language.definition import compile_definition, validate_definition
from stepwell.language.diagnostics import InvalidDefinition

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("STEPWELL_SHARED") or REPOSITORY.parent / "shared")
SAMPLES = sorted((SHARED / "definitions").glob("*.asl.*")) if SHARED.is_dir() else []

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
FILLINGS = [
    (r'"?Resource"?: *"?\$\{[^}"]*\}"?', f'"Resource": "{FUNCTION}"'),
    (r"Seconds: \$\{[^}]*\}", "Seconds: 5"),
    (r"arn:\$\{[^}]*\}:", "arn:aws:"),
    (r"\$\{[^}]*\}", "Name"),
]
REFUSED = {
    # The file is no JSON: `"Messages": "Messages.$": "$.Messages"`.
    "sfn-iot-data-analytics-dataset-statemachine-statemachine.asl.json": "INVALID_JSON_DESCRIPTION",
    # QueryLanguage stands among the states, so the machine's own language is JSONPath.
    "shared-fallback-state-jsonata-statemachine-statemachine.asl.json": "at /States/QueryLanguage",
}


def filled(sample: Path) -> str:
    """The sample as JSON text, without placeholders."""
    text = sample.read_text()
    for pattern, filling in FILLINGS:
        text = re.sub(pattern, filling, text)
    if sample.suffix != ".yaml":
        return text
    yaml = pytest.importorskip("yaml")
    return json.dumps(yaml.safe_load(text))


@pytest.mark.skipif(not SAMPLES, reason="no sample definitions are at hand")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_validates_and_compiles_or_is_refused_for_its_fault(sample: Path) -> None:
    text = filled(sample)
    errors = validate_definition(text)
    if sample.name in REFUSED:
        assert REFUSED[sample.name] in InvalidDefinition(errors).aws_message()
        return
    assert errors == ()
    assert set(kept_from_running(text)) <= {"JSONata", "Assign"}


def kept_from_running(text: str) -> list[str]:
    """The parts of the language that a good definition needs and that cannot be run yet."""
    try:
        compile_definition(text)
    except InvalidDefinition as refusal:
        return re.findall("'(\\w+)' is not supported yet", refusal.aws_message())
    return []
