"""The state machine of a job type that is a plain function: one Task, retried.

Rules that must stay true here:
- The function's own time-out limits each run of the handler, not the state's: a job that a crash has interrupted is
  picked up with its full time.
- What the process had no part in (it was killed, it could not be started) is retried as what the handler raised is.
"""

from __future__ import annotations

import json
from typing import Any, Final

from stepwell.jobs.declaration import JobType

_FIRST_PAUSE: Final = 2  # seconds, twice as long each time
_LONGEST_PAUSE: Final = 60  # seconds


def definition_of(job: JobType, function_arn: str) -> str:
    """The definition's text."""
    state: dict[str, Any] = {"Type": "Task", "Resource": function_arn}
    if job.retries:
        state["Retry"] = [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": _FIRST_PAUSE,
                "BackoffRate": 2,
                "MaxDelaySeconds": _LONGEST_PAUSE,
                "MaxAttempts": job.retries,
                "JitterStrategy": "FULL",
            }
        ]
    state["End"] = True
    machine = {"Comment": f"The job {job.name}.", "StartAt": "Run", "States": {"Run": state}}
    return json.dumps(machine, indent=2)
