"""Called once a minute by a schedule: runs the executions that no state machine runs (`USE_STEP_FUNCTIONS=false`), and
looks after the others: one that has ended without a word, a notification that could not be sent.

Rules that must stay true here:
- An execution is advanced by one caller at a time.
- Each step is the handler's own, so a record and its notifications are the same whoever runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from apps.recovery import machine, notify
from apps.recovery.drs import DrsUnavailable
from apps.recovery.handler import handler
from apps.recovery.records import ExecutionRecord, Records
from apps.recovery.settings import Settings

_log = logging.getLogger(__name__)


def poll(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Advance every execution that no state machine runs, and look after the others."""
    settings = Settings.from_environment()
    records = Records(settings.database)
    advanced, watched = records.under_way("handler"), records.under_way("step_functions")
    for execution_id in advanced:
        advance(execution_id, records)
    for execution_id in watched:
        machine.reconcile(execution_id, records)
    for execution_id in records.all_to_notify():
        notify.send_pending(execution_id, records, settings)
    return {"advanced": len(advanced), "watched": len(watched)}


def advance(execution_id: str, records: Records) -> None:
    """Take an execution as far as it goes without waiting."""
    if not records.lease(execution_id):
        return
    try:
        while (found := records.find(execution_id)) is not None and _step(found):
            pass
    except DrsUnavailable as error:  # the next poll tries again
        _log.warning("execution %s: %s", execution_id, error)
    finally:
        records.release(execution_id)


def _step(execution: ExecutionRecord) -> bool:
    """Start or check the wave that is next; whether there is more to do at once."""
    if execution.status not in ("PENDING", "IN_PROGRESS"):
        return False
    wave = next((wave for wave in execution.waves if wave.status != "COMPLETED"), None)
    if wave is None:
        return False
    event = {
        "execution_id": execution.execution_id,
        "execution_type": execution.execution_type,
        "wave": wave.definition,
    }
    if wave.job_id is None:
        result = handler({**event, "action": "start_wave"}, None)
    else:
        result = handler({**event, "action": "check_wave_status", "job_id": wave.job_id}, None)
    return bool(result["status"] == "COMPLETED")
