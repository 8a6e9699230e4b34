"""All the kinds of code that a function may be.

Rules that must stay true here:
- What is common to them is said by their methods: `usual_concurrency` (calls at once where nobody says it), `variables`
  (of the environment, before the function's own), `configuration` (what clients of AWS Lambda are told).
"""

from __future__ import annotations

from typing import TypeAlias

from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.http_endpoint import HttpEndpoint
from stepwell.tasks.kinds.node_code import NodeCode
from stepwell.tasks.kinds.other_runtime import OtherRuntime
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.kinds.python_code import PythonCode
from stepwell.tasks.kinds.remote_lambda import RemoteLambda

WorkerCode: TypeAlias = PythonCallable | PythonCode | NodeCode
"""Runs in processes that are kept warm."""

Code: TypeAlias = WorkerCode | Command | HttpEndpoint | RemoteLambda | OtherRuntime
