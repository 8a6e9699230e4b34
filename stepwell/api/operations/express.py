"""Synchronous executions of Express state machines: started and answered in one request.

Rules that must stay true here:
- The answer is HTTP 200 however the workflow has ended: errors are for what was not run.
- Duration and memory are told as AWS bills them: by 100 ms and by 64 MB, of which an execution here counts as one.
"""

from __future__ import annotations

from typing import Final

from stepwell.api import faults
from stepwell.api.operations.executions import requested_start
from stepwell.api.request import Answer, Request, seconds
from stepwell.engine import errors
from stepwell.engine.express import EXPRESS

_BILLED_STEP: Final = 100  # milliseconds
_BILLED_MEMORY: Final = 64  # MB


async def start_sync_execution(request: Request) -> Answer:
    start = await requested_start(request)
    if start.machine.type != EXPRESS:
        raise faults.machine_type_not_supported()
    try:
        row = await request.context.engine.run_execution(start)
    except errors.TooManyExecutions:
        raise faults.throttling() from None
    new, change = row.new, row.change
    assert change.stop_date is not None
    included = request.optional_text("includedData") != "METADATA_ONLY"
    steps = max(1, -((new.start_date - change.stop_date) // _BILLED_STEP))
    answer: Answer = {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "name": new.name,
        "startDate": seconds(new.start_date),
        "stopDate": seconds(change.stop_date),
        "status": change.status,
        "inputDetails": {"included": included},
        "outputDetails": {"included": included},
        "billingDetails": {
            "billedMemoryUsedInMB": _BILLED_MEMORY,
            "billedDurationInMilliseconds": steps * _BILLED_STEP,
        },
    }
    payload = {"input": new.input, "output": change.output, "error": change.error, "cause": change.cause}
    if included:
        answer.update((name, text) for name, text in payload.items() if text is not None)
    if new.trace_header is not None:
        answer["traceHeader"] = new.trace_header
    return answer
