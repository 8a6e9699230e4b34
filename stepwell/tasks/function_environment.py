"""The environment that a function's code finds.

Rules that must stay true here:
- Code sees the server's environment without what is Stepwell's own (`STEPWELL_…`: database URLs, keys, tokens),
  Lambda's variables, those of its kind, and the function's own on top. The rest of the server's environment is handed
  on: proxies, certificates, AWS credentials and endpoints are what handlers reach the world with.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from stepwell.tasks.function import Function
from stepwell.tasks.invocation import LATEST
from stepwell.tasks.logs import new_stream

LOG_STREAM: Final = "AWS_LAMBDA_LOG_STREAM_NAME"


def environment(function: Function, region: str) -> Mapping[str, str]:
    """The variables of a function's processes, with those that AWS Lambda sets."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("STEPWELL_")}
    return {
        **inherited,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_size(function)),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        LOG_STREAM: new_stream(),
        "AWS_REGION": region,
        "TZ": ":UTC",
        **function.code.variables(inherited),
        **function.environment,
    }


def memory_size(function: Function) -> int:
    """The memory of a function in MB: what it declares, else all that the machine has, for nothing less limits it."""
    return function.memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
