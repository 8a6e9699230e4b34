"""What one wave does: its servers are launched by one DRS job, which is then watched.

Rules that must stay true here:
- One call of StartRecovery a wave. It is noted down before it is made: where its answer is lost, or the process dies,
  the next attempt looks for the job first.
- Servers that have launched are left alone.
- What may succeed later raises, and the state machine tries again; the last attempt tells the failure instead, so that
  the record and the notification have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

from apps.recovery import drs, notify
from apps.recovery.drs import DrsRefused, DrsUnavailable
from apps.recovery.plans import BadPlan, wave_servers
from apps.recovery.records import ENDED, Records, Status, WaveRecord
from apps.recovery.settings import Settings

LAST_ATTEMPT: Final = 6
"""`$$.State.RetryCount` of the last attempt: the `MaxAttempts` of the state machine's retriers."""

NO_SERVERS: Final = "No servers in wave"
JOB_NOT_FOUND: Final = "Job not found"

# DRS's own words, and those that its log items are documented with elsewhere.
_EVENTS: Final = {
    "LAUNCH_START": "LAUNCH_STARTED",
    "LAUNCH_STARTED": "LAUNCH_STARTED",
    "LAUNCH_END": "LAUNCH_FINISHED",
    "LAUNCH_FINISHED": "LAUNCH_FINISHED",
    "LAUNCH_FAILED": "LAUNCH_FAILED",
    "CONVERSION_FAIL": "LAUNCH_FAILED",
    "SNAPSHOT_FAIL": "LAUNCH_FAILED",
    "SERVER_SKIPPED": "LAUNCH_FAILED",
}
_LAUNCHES: Final = {"LAUNCHED": "LAUNCH_FINISHED", "FAILED": "LAUNCH_FAILED"}


class WaveResult(TypedDict):
    status: Status
    job_id: str | None
    wave_number: int
    message: str


class ServerStatus(TypedDict):
    status: str
    instance_id: str | None
    timestamp: str | None


class StatusResult(TypedDict, total=False):
    """`error` is there where the wave has failed."""

    status: Status
    job_status: str | None
    server_statuses: Mapping[str, Mapping[str, Any]]
    failed_servers: list[str]
    error: str


def start_wave(event: Mapping[str, Any]) -> WaveResult:
    """Start the servers of a wave. Raises DrsUnavailable where it should be tried again."""
    settings = Settings.from_environment()
    records = Records(settings.database)
    wave = records.add_wave(event["execution_id"], event["execution_type"], event["wave"])
    try:
        result = _start(wave, event["execution_type"] == "drill", settings, records)
    except (DrsRefused, BadPlan) as error:
        result = _not_started(wave, str(error), records)
    except DrsUnavailable as error:
        if event.get("attempt", 0) < LAST_ATTEMPT:
            raise
        result = _not_started(wave, str(error), records)
    notify.send_pending(wave.execution_id, records, settings)
    return result


def check_wave_status(event: Mapping[str, Any]) -> StatusResult:
    """Where the job of a wave stands. Raises DrsUnavailable where it should be asked again."""
    settings = Settings.from_environment()
    records = Records(settings.database)
    wave = records.add_wave(event["execution_id"], event["execution_type"], event["wave"])
    job_id = event["job_id"]
    try:
        job = drs.describe_job(job_id)
        items = [] if job is None else drs.job_log(job_id)
    except (DrsUnavailable, DrsRefused) as error:
        if isinstance(error, DrsUnavailable) and event.get("attempt", 0) < LAST_ATTEMPT:
            raise
        result = StatusResult(
            status="FAILED", job_status=None, server_statuses=wave.server_statuses, failed_servers=[], error=str(error)
        )
    else:
        result = _judged(job, items)
    # Servers that an earlier job has launched stay in the record.
    servers = {**wave.server_statuses, **result["server_statuses"]}
    records.checked(
        wave, result["status"], result["job_status"], servers, result["failed_servers"], result.get("error")
    )
    notify.send_pending(wave.execution_id, records, settings)
    return result


def _start(wave: WaveRecord, is_drill: bool, settings: Settings, records: Records) -> WaveResult:
    if wave.status in ENDED:
        return _result(wave, wave.status, wave.job_id, wave.message or "")
    if wave.job_id is not None:
        return _result(wave, "IN_PROGRESS", wave.job_id, wave.message or "")
    servers = wave_servers(settings.plans, wave.definition)
    waiting = [id for id in servers if wave.server_statuses.get(id, {}).get("status") != "LAUNCH_FINISHED"]
    if not waiting:
        message = "All servers have launched" if servers else NO_SERVERS
        records.checked(wave, "COMPLETED", None, wave.server_statuses, (), message)
        return _result(wave, "COMPLETED", None, message)
    job_id = None
    if wave.intended_at is not None:
        job_id = drs.find_job(waiting, is_drill, wave.intended_at, records.known_jobs())
    if job_id is None:
        records.intend(wave)
        job_id = drs.start_recovery(waiting, is_drill)
    message = f"{'Drill' if is_drill else 'Recovery'} of {len(waiting)} servers started"
    records.started(wave, job_id, message)
    return _result(wave, "IN_PROGRESS", job_id, message)


def _not_started(wave: WaveRecord, reason: str, records: Records) -> WaveResult:
    records.checked(wave, "FAILED", None, wave.server_statuses, (), reason)
    return _result(wave, "FAILED", None, reason)


def _result(wave: WaveRecord, status: Status, job_id: str | None, message: str) -> WaveResult:
    return {"status": status, "job_id": job_id, "wave_number": wave.wave_number, "message": message}


def _judged(job: Mapping[str, Any] | None, items: Iterable[Mapping[str, Any]]) -> StatusResult:
    if job is None:
        return {
            **{"status": "FAILED", "job_status": None, "server_statuses": {}, "failed_servers": []},
            "error": JOB_NOT_FOUND,
        }
    servers = server_statuses(job, items)
    failed = [id for id, server in servers.items() if server["status"] == "LAUNCH_FAILED"]
    job_status = str(job["status"])
    result: StatusResult = {
        "status": "IN_PROGRESS",
        "job_status": job_status,
        "server_statuses": servers,
        "failed_servers": failed,
    }
    if job_status == "FAILED":
        return {**result, "status": "FAILED", "error": f"Job {job['jobID']} failed"}
    if job_status != "COMPLETED":
        return result
    if failed:
        return {**result, "status": "FAILED", "error": f"Servers failed to launch: {', '.join(failed)}"}
    return {**result, "status": "COMPLETED"}


def server_statuses(job: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> dict[str, ServerStatus]:
    """The status of each server, from a job's log and, for what that does not tell, from the job itself."""
    found: dict[str, ServerStatus] = {}
    for item in items:
        data = item.get("eventData", {})
        id, status = data.get("sourceServerID"), _EVENTS.get(item.get("event", ""))
        if id is not None and status is not None:
            found[id] = {
                "status": status,
                "instance_id": data.get("targetInstanceID"),
                "timestamp": item["logDateTime"],
            }
    for server in job.get("participatingServers", ()):
        id, status = server["sourceServerID"], _LAUNCHES.get(server.get("launchStatus", ""))
        told = found.get(id)
        if status is not None and (told is None or told["status"] == "LAUNCH_STARTED"):
            moment = job.get("endDateTime") or (told["timestamp"] if told else None)
            found[id] = {"status": status, "instance_id": server.get("recoveryInstanceID"), "timestamp": moment}
        elif told is not None and told["instance_id"] is None:
            told["instance_id"] = server.get("recoveryInstanceID")
    return found
