"""What a template comes to: an immutable description of what there is to run, and of what is not run here.

Rules that must stay true here:
- Nothing here has been opened, unpacked or started: a description is only read.
- Every function, machine and activity is named by the name that its ARN ends with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from stepwell.language.values import Json
from stepwell.tasks.kinds.event_calls import EventCalls


@dataclass(frozen=True, slots=True)
class Folder:
    """Code that stands in a folder of this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class Archive:
    """Code in a `.zip` of this machine, to be unpacked."""

    path: Path


@dataclass(frozen=True, slots=True)
class Inline:
    """Code that stands in the template itself, as the module `index`."""

    text: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Code that is not on this machine, or in no form that runs here; `reason` says what it is and what to do."""

    reason: str


Code: TypeAlias = Folder | Archive | Inline | Elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function. `timeout` is in seconds, `memory` in MB; `concurrency` is what it reserves: 0
    refuses all calls, None is any. `notes` are what its user should know."""

    logical_id: str
    name: str
    runtime: str | None
    handler: str | None
    code: Code
    layers: tuple[Folder | Archive, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    memory: int = 128
    concurrency: int | None = None
    events: EventCalls = field(default_factory=EventCalls)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """A state machine. `definition` is JSON text with everything filled in; `source` is where it stands,
    and `substitutions` what was filled into it.
    `configuration` is what CreateStateMachine is told of logging and tracing. `publish` says that each new definition
    is a version, `aliases` are those that route to the newest one."""

    logical_id: str
    name: str
    type: str
    definition: str
    source: Path
    substitutions: Mapping[str, str] = field(default_factory=dict)
    role_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, Json] = field(default_factory=dict)
    publish: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A function or a state machine, by name."""

    kind: Literal["function", "machine"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """A schedule. `expression` is `rate(…)`, `cron(…)` or `at(…)`; `input` is JSON text, None for the service's own
    event; `window` is the flexible time window in minutes; `kind` says which service defines it."""

    logical_id: str
    name: str
    kind: Literal["rule", "scheduler"]
    expression: str
    target: Target
    timezone: str = "UTC"
    input: str | None = None
    enabled: bool = True
    start: str | None = None
    end: str | None = None
    window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """An HTTP route. `path` is API Gateway's (`/orders/{id}`, `/{proxy+}`), `method` in capitals or ANY; `payload` is
    the event's format. `rest` says that the API is a REST API. `sync` waits for the end of an Express execution."""

    logical_id: str
    api: str
    stage: str
    method: str
    path: str
    target: Target
    payload: Literal["1.0", "2.0"]
    rest: bool = False
    sync: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """A connection of EventBridge's. `members` are those of CreateConnection, secrets included: never shown."""

    logical_id: str
    name: str
    members: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotRun:
    """A resource, or a part of one, that has no meaning here. `reason` is empty where its type says it all."""

    type: str
    logical_id: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.type})" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template, read. `files` are those that were read for it, `notes` what its user should know."""

    path: Path
    functions: tuple[FunctionSpec, ...] = ()
    machines: tuple[MachineSpec, ...] = ()
    activities: tuple[str, ...] = ()
    schedules: tuple[ScheduleSpec, ...] = ()
    routes: tuple[RouteSpec, ...] = ()
    connections: tuple[ConnectionSpec, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
