"""Make the service model that travels in the wheel from the one that botocore ships.

    python tools/strip_service_model.py

Writes stepwell/api/service-2.json: AWS's model of Step Functions without its documentation. Run it after an update of
botocore, and look at the difference: a new operation or member is one that the server does not know yet. botocore is
needed here only, never at run time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import botocore
from botocore.loaders import Loader

TARGET = Path(__file__).parent.parent / "stepwell" / "api" / "service-2.json"


def strip(value: object) -> object:
    """The same model without its texts. A member that is itself called `documentation` keeps its place."""
    if isinstance(value, dict):
        return {k: strip(v) for k, v in value.items() if not (k == "documentation" and isinstance(v, str))}
    if isinstance(value, list):
        return [strip(item) for item in value]
    return value


def main() -> int:
    model = strip(Loader().load_service_model("stepfunctions", "service-2", "2016-11-23"))
    TARGET.write_text(json.dumps(model, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, from botocore {botocore.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
