"""Tells of waves that have ended: to an SNS topic, to a webhook, to both.

Rules that must stay true here:
- A notification that cannot be sent holds up no recovery: it stays noted down, and goes out with the next step or poll.
- One may come twice, never not at all: `notification_id` is the same then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from apps.recovery.records import ExecutionRecord, Records, WaveRecord
from apps.recovery.settings import Settings

_log = logging.getLogger(__name__)
_SECONDS = 5.0


def send_pending(execution_id: str, records: Records, settings: Settings) -> None:
    """Tell of the waves of an execution whose end has not been told."""
    waves = records.to_notify(execution_id)
    execution = records.find(execution_id) if waves else None
    if execution is None:
        return
    for wave in waves:
        try:
            _send(_message(execution, wave), settings)
        except (httpx.HTTPError, BotoCoreError, ClientError) as error:
            _log.warning("execution %s, wave %d: nobody could be told: %s", execution_id, wave.wave_number, error)
            return
        records.notified(wave)


def _message(execution: ExecutionRecord, wave: WaveRecord) -> dict[str, Any]:
    return {
        "notification_id": f"{execution.execution_id}/{execution.attempt}/{wave.wave_number}",
        "execution_id": execution.execution_id,
        "plan_id": execution.plan_id,
        "execution_type": execution.execution_type,
        "wave_number": wave.wave_number,
        "status": wave.status,
        "job_id": wave.job_id,
        "message": wave.message,
        "failed_servers": list(wave.failed_servers),
        "ended_at": wave.ended_at,
    }


def _send(message: dict[str, Any], settings: Settings) -> None:
    """Raises httpx.HTTPError, BotoCoreError, ClientError."""
    text = json.dumps(message)
    if settings.topic_arn is not None:
        sns = boto3.client("sns", config=Config(connect_timeout=_SECONDS, read_timeout=_SECONDS))
        subject = f"Wave {message['wave_number']} {message['status']}"
        sns.publish(TopicArn=settings.topic_arn, Subject=subject, Message=text)
    if settings.webhook_url is not None:
        headers = {"Content-Type": "application/json"}
        if settings.webhook_secret is not None:
            proof = hmac.new(settings.webhook_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
            headers["X-Recovery-Signature"] = f"sha256={proof}"
        httpx.post(settings.webhook_url, content=text, headers=headers, timeout=_SECONDS).raise_for_status()
