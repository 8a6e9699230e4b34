"""Task: schedules one attempt, and takes its outcome.

Rules that must stay true here:
- An attempt has a token of its own; an outcome with another token is stale and changes nothing.
- Scheduled and Started are written once an attempt, in the turn that schedules it; an activity is Started when a worker
  claims it.
- The events' family follows the resource: `LambdaFunction…` for a function's ARN, `Activity…` for an activity, `Task…`
  for a service integration.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from msgspec.structs import replace

from stepwell.language.errors import QueryError
from stepwell.language.model import Expression, Task
from stepwell.language.scope import Scope
from stepwell.language.task_arguments import argument_faults
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Frame
from stepwell.machine.failure import RUNTIME, TIMEOUT, Failure, StateFailed, too_large
from stepwell.machine.run import Run, exceeds_limit
from stepwell.machine.transition import exit_state, fail_state
from stepwell.machine.turn import TaskEffect

_FAMILY = {"function": "LambdaFunction", "activity": "Activity", "service": "Task"}


def token_of(key: int, path: str, secret: bytes) -> str:
    """The task token: tells the execution and the frame; `secret` makes it impossible to guess."""
    return urlsafe_b64encode(b"\x01" + key.to_bytes(8, "big") + secret + path.encode()).decode()


def perform(run: Run, frame: Frame, state: Task) -> None:
    """Schedule an attempt: the first, or a retry."""
    resource = state.resource
    if state.name in run.execution.absent:
        raise QueryError(f"The activity {resource.arn} does not exist.", RUNTIME)
    frame.token = token_of(run.execution.key, frame.path, run.entropy.bytes(18))
    scope = run.scope(frame, state)
    inner = scope.on(state.flow.enter(scope))
    arguments = frame.input.with_value(state.flow.arguments(inner))
    faults = argument_faults(resource, arguments.value)
    if faults:
        raise QueryError(
            f"The Parameters '{arguments.text}' could not be used to start the Task: [{', '.join(faults)}]", RUNTIME
        )
    timeout = _seconds(state.timeout, inner)
    heartbeat = _seconds(state.heartbeat, inner)
    details: dict[str, Json] = {}
    if resource.kind == "service":
        details["resourceType"] = resource.service
        details["resource"] = resource.event_resource
        details["region"] = run.execution.region
        details["parameters"] = arguments.text
    else:
        details["resource"] = resource.arn
        details["input"] = arguments.text
    if timeout is not None:
        details["timeoutInSeconds"] = timeout
    if heartbeat is not None:
        details["heartbeatInSeconds"] = heartbeat
    role = None if state.credentials is None else _role(state.credentials.evaluate(inner))
    if state.credentials is not None:
        details["taskCredentials"] = {"roleArn": role}
    if exceeds_limit(arguments.text):
        raise StateFailed(too_large(state.name, terminal=True))
    family = _FAMILY[resource.kind]
    frame.scheduled_id = run.event(frame, f"{family}Scheduled", details)
    frame.doing = "task"
    frame.claimed = resource.kind != "activity"
    frame.submitted = False
    if frame.claimed:
        run.event(frame, f"{family}Started", _about(state))
    deadline = None
    if timeout is not None:
        deadline = run.now + timeout * 1000
        run.set_timer(frame, "timeout", deadline)
    frame.heartbeat_ms = (heartbeat or 0) * 1000
    if frame.heartbeat_ms and frame.claimed:
        run.set_timer(frame, "heartbeat", run.now + frame.heartbeat_ms)
    run.add_effect(
        TaskEffect(
            id=frame.scheduled_id,
            path=frame.path,
            resource=resource,
            input=arguments.text,
            token=frame.token,
            state_name=state.name,
            deadline=deadline,
            call=run.count_call(state.name),
            role=role if isinstance(role, str) else None,
        )
    )


def _seconds(expression: Expression | None, scope: Scope) -> int | None:
    if expression is None:
        return None
    value = expression.evaluate(scope)
    assert isinstance(value, int)  # the language answers with a whole number, or raises QueryError
    return value


def _role(value: Json) -> Json:
    return value.get("RoleArn") if isinstance(value, dict) else None


def _about(state: Task) -> dict[str, Json]:
    """What every event of a service integration repeats."""
    if state.resource.kind != "service":
        return {}
    return {"resource": state.resource.event_resource, "resourceType": state.resource.service}


def claimed(run: Run, frame: Frame, _state: Task, worker_name: str | None) -> None:
    """A worker has taken the activity's task. Its heartbeats count from now on."""
    frame.claimed = True
    run.event(frame, "ActivityStarted", {} if worker_name is None else {"workerName": worker_name})
    run.remove_effect(frame.scheduled_id)
    beat(run, frame)


def beat(run: Run, frame: Frame) -> None:
    """The task is alive."""
    if frame.heartbeat_ms:
        run.set_timer(frame, "heartbeat", run.now + frame.heartbeat_ms)


def submitted(run: Run, frame: Frame, state: Task, output: str, child: str) -> None:
    """The call was taken; who holds the token tells the end, or the `child` that was started."""
    run.event(frame, "TaskSubmitted", {**_about(state), "output": output})
    frame.child = child
    if child or state.resource.pattern == "waitForTaskToken":
        frame.submitted = True
        run.remove_effect(frame.scheduled_id)


def job_submitted(run: Run, frame: Frame, state: Task, output: str, effect: TaskEffect) -> None:
    """A service has taken the job. To follow it is an effect of its own, which knows the service's answer."""
    run.remove_effect(frame.scheduled_id)
    frame.scheduled_id = run.event(frame, "TaskSubmitted", {**_about(state), "output": output})
    run.add_effect(replace(effect, id=frame.scheduled_id, submitted=output))


def succeeded(run: Run, frame: Frame, state: Task, output: str) -> None:
    """The task is done; `output` is its result. A result that is too large fails the task."""
    if exceeds_limit(output):
        called = state.resource.service if state.resource.kind == "service" else state.resource.arn
        failure = too_large(called, terminal=False)
        failed(run, frame, state, failure.error, failure.cause)
        return
    _settle(run, frame, state)
    result = Datum.of_text(output)
    value = result.value
    run.event(frame, f"{_FAMILY[state.resource.kind]}Succeeded", {**_about(state), "output": output})
    scope = run.scope(frame, state, result_size=len(output))
    inner = scope.on(state.flow.enter(scope))
    exit_state(run, frame, state, state.flow.leave(scope.input, value, inner), state.next, result)


def failed(run: Run, frame: Frame, state: Task, error: str | None, cause: str | None, kind: str = "Failed") -> None:
    """The task has failed. `kind` is the ending of the event's type: Failed, TimedOut or SubmitFailed."""
    _settle(run, frame, state)
    details = _about(state)
    if error is not None:
        details["error"] = error
    if cause is not None:
        details["cause"] = cause
    run.event(frame, f"{_FAMILY[state.resource.kind]}{kind}", details)
    fail_state(run, frame, state, Failure(error, cause))


def timed_out(run: Run, frame: Frame, state: Task, *, heartbeat: bool) -> None:
    """The attempt has run over TimeoutSeconds, or missed a heartbeat. AWS reports both as `States.Timeout`."""
    _close(run, frame, state)
    run.event(frame, f"{_FAMILY[state.resource.kind]}TimedOut", {**_about(state), "error": TIMEOUT})
    fail_state(run, frame, state, Failure(TIMEOUT, None, heartbeat=heartbeat))


def _settle(run: Run, frame: Frame, state: Task) -> None:
    """Close an attempt that was answered. One that nobody has claimed (a mock answers it) starts now."""
    if not frame.claimed:
        claimed(run, frame, state, None)
    frame.child = ""
    _close(run, frame, state)


def _close(run: Run, frame: Frame, state: Task) -> None:
    """The attempt is over: its token is spent, nothing waits for it any more."""
    run.abort_child(frame)
    frame.token = ""
    frame.doing = "ready"
    run.remove_effect(frame.scheduled_id)
    if state.timeout is not None:
        run.clear_timer(frame, "timeout")
    if frame.heartbeat_ms:
        run.clear_timer(frame, "heartbeat")
