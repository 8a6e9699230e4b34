"""Redrive: an execution that failed, timed out or was aborted goes on from what had not succeeded.

Rules that must stay true here:
- What has succeeded is not run again: finished branches and iterations keep their outputs (AWS documentation,
  "Redrive behavior of individual states").
- A state that was entered is not entered again but performed anew, its retries counted from none; only a Fail state is
  entered again, and fails again. A state that had not been entered is entered.
- A map run is not begun again but redriven itself; it redrives its Standard children and lets Express ones begin anew.
- What goes on hangs from ExecutionRedriven.
"""

from __future__ import annotations

from stepwell.language.model import Fail, Map, Parallel
from stepwell.machine.execution import Execution, Frame, RedriveToken
from stepwell.machine.run import Run
from stepwell.machine.stimulus import Redrive

KEPT_TOKENS = 10  # API reference, `clientToken` of RedriveExecution


def can_redrive(execution: Execution) -> bool:
    """Whether the execution has ended without success."""
    return execution.status not in ("RUNNING", "SUCCEEDED")


def redrive(run: Run, stimulus: Redrive) -> bool:
    """Take up all branches that were left behind. The execution is one that `can_redrive` names."""
    execution = run.execution
    tokens = execution.redrive_tokens
    if stimulus.client_token is not None:
        tokens = (*tokens, RedriveToken(stimulus.client_token, run.now))[-KEPT_TOKENS:]
    run.reopen(tokens)
    redriven_id = run.note(execution.last_event_id, "ExecutionRedriven", {"redriveCount": run.redrive_count})
    if stimulus.anew:
        run.remove_all()
    root = run.frame("")
    if root is None:  # it broke down before its first state
        root = run.begin(redriven_id)
    else:
        _take_up(run, root, redriven_id)
    if run.program.timeout_seconds is not None:
        run.set_timer(root, "execution", run.now + run.program.timeout_seconds * 1000)
    return True


def _take_up(run: Run, frame: Frame, redriven_id: int) -> None:
    """Let a branch, and what is left behind below it, take turns again."""
    if frame.doing == "done":
        return
    state = frame.program.states[frame.state]
    frame.last_id = redriven_id
    if frame.doing != "ready":
        frame.doing = "ready" if isinstance(state, Fail) else "again"
    run.queue.append(frame)
    if isinstance(state, Map | Parallel):
        for index in range(frame.started):
            child = run.frame(frame.child_path(index))
            if child is not None:
                _take_up(run, child, redriven_id)
