"""Where an execution stands: a header and a tree of frames.

Rules that must stay true here:
- A frame is a branch of the execution that is on its way: the root, a branch of a Parallel, an iteration of a Map.
- The path of a frame names its place: "" is the root; a child's path is its parent's, then the id of the event that
  entered the parent's state, a dot, the child's index and a slash ("5.0/", "5.0/17.3/"). All paths that begin with a
  frame's path are below it.
- `advance` never changes a frame of an execution: it works on clones, and the engine puts them in place.
"""

from __future__ import annotations

from copy import copy
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct, field

from stepwell.language.model import Program
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.variables import NO_VARIABLES, Variables

Status: TypeAlias = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]

# What kind of workflow it is. The history of an Express execution has no limit, and none of them is ever redriven.
Workflow: TypeAlias = Literal["STANDARD", "EXPRESS", "SYNC_EXPRESS"]

# What a frame is doing: about to enter its state; waiting for a timer of Wait or Retry; waiting for a task's outcome;
# waiting for its children, or for a map run; done, its output kept for its parent; failed in a state that it has
# entered; about to perform again, after a redrive, a state that it has entered.
Doing: TypeAlias = Literal["ready", "wait", "retry", "task", "children", "mapRun", "done", "failed", "again"]


class Frame(Struct):
    """One branch. `state` is the state it is in, or is about to enter; `input` is that state's raw input.

    `last_id` is the event that the branch's next event hangs from. `retries` counts the retries of each retrier of the
    state, `retry_count` all of them. `token` and `scheduled_id` belong to the open task; `claimed` says that it
    has started, `submitted` that only its token can end it any more; `child` is the ARN of the execution or map run
    that it waits for. `map_run` is the map run of its state, which a redrive takes up, and `redrives` how often it did.
    `total`, `started`, `ended` count the children of a Map or Parallel; `limit` is how many may run at once. `index` is
    this frame's place among its siblings and `item` the value of its Map item.

    `items` are those of a Map, where they would be others if they were evaluated again. `memo` spares work and is never
    stored: the effective input and the items of a Map.
    """

    path: str
    program: Program
    state: str
    input: Datum
    last_id: int
    doing: Doing = "ready"
    entered_id: int = 0
    entered_at: int = 0
    retries: tuple[int, ...] = ()
    retry_count: int = 0
    token: str = ""
    scheduled_id: int = 0
    heartbeat_ms: int = 0
    claimed: bool = False
    submitted: bool = False
    child: str = ""
    map_run: str = ""
    redrives: int = 0
    total: int = 0
    started: int = 0
    ended: int = 0
    limit: int = 0
    index: int = 0
    item: Datum | None = None
    output: Datum | None = None
    variables: Variables = NO_VARIABLES
    items: Datum | None = None
    memo: tuple[Json, list[Json]] | None = None

    def clone(self) -> Frame:
        return copy(self)

    def child_path(self, index: int) -> str:
        return f"{self.path}{self.entered_id}.{index}/"

    @property
    def children_prefix(self) -> str:
        """What the paths of all children of the present state begin with."""
        return f"{self.path}{self.entered_id}."


def parent_path(path: str) -> str:
    """The path of the parent of a frame that is not the root."""
    return path[: path.rfind("/", 0, -1) + 1]


class RedriveToken(NamedTuple):
    """The client token of a redrive, and when that was: the same token again redrives nothing."""

    text: str
    date: int


class Execution(Struct):
    """One execution as a turn sees it. Times are milliseconds since 1970.

    `calls` counts the calls of each Task state; it is kept only where a test case of the mocks was named. `absent`
    holds the names of the states whose activity does not exist. A `doomed` one, whose machine is being deleted,
    enters no further state. `opaque` is the brand of the texts that its expressions must not look into, `trace`
    what whoever works for it is told that it is part of. `open` holds the paths of the frames that are not done: few,
    however many children a Map has had.
    """

    key: int
    arn: str
    name: str
    machine_arn: str
    machine_name: str
    role_arn: str
    start_date: int
    input: Datum
    status: Status = "RUNNING"
    last_event_id: int = 0
    redrive_count: int = 0
    redrive_date: int | None = None
    redrive_tokens: tuple[RedriveToken, ...] = ()
    version_arn: str | None = None
    alias_arn: str | None = None
    test_case: str | None = None
    workflow: Workflow = "STANDARD"
    calls: dict[str, int] = field(default_factory=dict)
    frames: dict[str, Frame] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    absent: frozenset[str] = frozenset()
    doomed: bool = False
    opaque: str | None = None
    trace: str | None = None

    @property
    def region(self) -> str:
        return self.arn.split(":", 4)[3]
