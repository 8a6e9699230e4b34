"""Make the table of AWS's responses that travels in the wheel from the models that botocore ships.

    python tools/strip_response_shapes.py

Writes stepwell/api/operations/test_state_shapes.json: what the optimised integrations of Step Functions answer, which
TestState checks mocked results against, and how the names of SDK integrations differ from botocore's. Run it after an
update of botocore. botocore is needed here, and at run time only to check mocks of the services that are left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

from stepwell.language.integrations import INTEGRATIONS

TARGET = Path(__file__).parent.parent / "stepwell" / "api" / "operations" / "test_state_shapes.json"
KEPT = ("type", "required", "enum", "min", "max", "document")
BOTOCORE = {"states": "stepfunctions", "bedrock": "bedrock-runtime"}
LEFT_OUT = frozenset({"mediaconvert"})  # larger than all others together
POLLS = {
    "athena": ("GetQueryExecution",),
    "sagemaker": ("DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob"),
    "states": ("DescribeExecution",),
}
"""Operations whose answer is the result of a `.sync` integration."""


def strip(shape: dict[str, Any]) -> dict[str, Any]:
    """A shape in short: members, items and values are named by their shapes."""
    short = {name: shape[name] for name in KEPT if name in shape}
    if "members" in shape:
        short["members"] = {name: member["shape"] for name, member in shape["members"].items()}
    for part in ("member", "value"):
        if part in shape:
            short[part] = shape[part]["shape"]
    return short


def responses(model: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The output shapes of the operations that the model has among `names`, with all that they consist of."""
    known = {name.lower(): name for name in model["operations"]}
    operations, shapes = {}, {}
    for name in sorted({known[name.lower()] for name in names if name.lower() in known}):
        output = model["operations"][name].get("output", {}).get("shape")
        operations[name] = output
        pending = [output] if output else []
        while pending:
            shape = pending.pop()
            if shape not in shapes:
                shapes[shape] = short = strip(model["shapes"][shape])
                pending += [*short.get("members", {}).values(), *(short[p] for p in ("member", "value") if p in short)]
    return {"operations": operations, "shapes": dict(sorted(shapes.items()))}


def sdk_names(loader: Loader) -> dict[str, str]:
    """Botocore's name of each service that Step Functions names otherwise: AWS takes the service's id, in small letters
    and without blanks; most of botocore's names differ by hyphens at most."""
    names = {}
    for name in loader.list_available_services("service-2"):
        service_id = loader.load_service_model(name, "service-2")["metadata"]["serviceId"]
        sdk = service_id.lower().replace(" ", "").replace("-", "")
        if sdk != name.replace("-", ""):
            names[sdk] = name
    return names


def main() -> int:
    loader = Loader()
    services = {}
    for service, actions in INTEGRATIONS.items():
        name = BOTOCORE.get(service, service)
        if service in LEFT_OUT or name not in loader.list_available_services("service-2"):
            continue
        found = responses(loader.load_service_model(name, "service-2"), [*actions, *POLLS.get(service, ())])
        if found["operations"]:
            services[service] = found
    table = {"names": sdk_names(loader), "services": services}
    TARGET.write_text(json.dumps(table, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, from botocore {botocore.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
