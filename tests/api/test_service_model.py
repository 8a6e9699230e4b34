"""The service model that travels in the wheel is AWS's, whole, and botocore is not needed to serve it."""

from __future__ import annotations

import subprocess
import sys

from botocore.loaders import Loader

from stepwell.api.handlers import HANDLERS
from stepwell.api.service_model import INPUTS, SHAPES
from stepwell.api.validation import compile_operation


def without_documentation(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: without_documentation(member)
            for name, member in value.items()
            if not (name == "documentation" and isinstance(member, str))
        }
    return [without_documentation(item) for item in value] if isinstance(value, list) else value


def test_the_model_has_all_operations_and_a_check_for_each() -> None:
    assert len(INPUTS) == 37
    for operation in INPUTS:
        compile_operation(operation)


def test_every_handler_belongs_to_an_operation_of_the_model() -> None:
    assert set(HANDLERS) <= set(INPUTS)


def test_no_operation_of_the_newest_botocore_is_missing() -> None:
    newest = Loader().load_service_model("stepfunctions", "service-2", "2016-11-23")
    assert set(newest["operations"]) == set(INPUTS)


def test_the_shapes_are_those_of_botocore_without_their_documentation() -> None:
    newest = Loader().load_service_model("stepfunctions", "service-2", "2016-11-23")
    changed = [
        name
        for name, shape in without_documentation(newest["shapes"]).items()  # type: ignore[attr-defined]
        if SHAPES.get(name) != shape
    ]
    assert changed == []


def test_the_server_starts_without_botocore() -> None:
    code = "import sys, stepwell.api.app; sys.exit(any(m.split('.')[0] in ('boto3', 'botocore') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
