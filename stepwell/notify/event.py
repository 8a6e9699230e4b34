"""The event that tells of a change of status, as AWS Step Functions sends it to EventBridge.

Rules that must stay true here:
- Values marked sensitive are references in what the store holds, and stay so here.
- The id follows from the execution, the turn and the status: the same change has the same id, however often it is told.

See the AWS Step Functions developer guide, "Automating Step Functions event delivery with EventBridge".
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from msgspec import Struct

from stepwell.store.protocol import EffectRow, ExecutionRow

DETAIL_TYPE = "Step Functions Execution Status Change"
SOURCE = "aws.states"

_IDS = uuid.UUID("1c9e4f0e-6a52-4f0a-9d0c-0a8f0b6a2f11")
_MOST_DATA = 248 * 1024  # bytes of input and output together; more is left out, as AWS leaves it out


class StatusChange(Struct, frozen=True):
    """One event, and the status that it tells of. `body` is its JSON text."""

    id: str
    status: str
    body: str


def changes(row: ExecutionRow, effect: EffectRow) -> list[StatusChange]:
    """The events of a row of the outbox, in order."""
    statuses, at, stop, error, cause, redrives, redriven = json.loads(effect.data)
    found = []
    for status in statuses:
        ended = status != "RUNNING"
        id_ = str(uuid.uuid5(_IDS, f"{row.new.key} {row.new.arn} {effect.id} {status}"))
        detail = {
            "executionArn": row.new.arn,
            "stateMachineArn": row.new.machine_arn,
            "name": row.new.name,
            "status": status,
            "startDate": row.new.start_date,
            "stopDate": stop if ended else None,
            **_data(row.new.input, row.change.output if status == "SUCCEEDED" else None),
            "error": error if ended else None,
            "cause": cause if ended else None,
            "stateMachineVersionArn": row.new.version_arn,
            "stateMachineAliasArn": row.new.alias_arn,
            "redriveCount": redrives,
            "redriveDate": redriven,
            **_redrive_status(status),
        }
        found.append(StatusChange(id_, status, _event(id_, row.new.arn, stop if ended and stop else at, detail)))
    return found


def _data(input: str, output: str | None) -> dict[str, object]:
    included = len(json.dumps(input)) + (0 if output is None else len(json.dumps(output))) <= _MOST_DATA
    details = {"included": included}
    return {
        "input": input if included else None,
        "output": output if included else None,
        "inputDetails": details,
        "outputDetails": None if output is None else details,
    }


def _redrive_status(status: str) -> dict[str, str | None]:
    if status in ("RUNNING", "SUCCEEDED"):
        reason = f"Execution is {status} and cannot be redriven"
        return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
    return {"redriveStatus": "REDRIVABLE", "redriveStatusReason": None}


def _event(id_: str, arn: str, at: int, detail: dict[str, object]) -> str:
    _, _, _, region, account, _ = arn.split(":", 5)
    event = {
        "version": "0",
        "id": id_,
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": account,
        "time": datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [arn],
        "detail": detail,
    }
    return json.dumps(event, ensure_ascii=True, separators=(",", ":"))
