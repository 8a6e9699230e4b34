"""A compiled definition: immutable objects whose paths, templates and rules are ready to run.

Rules that must stay true here:
- Nothing in a model is parsed, looked up by text or built again at run time.
- A state asks its `DataFlow` for what it reads and writes; it does not know which query language answers.
- A model knows no execution: everything that differs between two runs comes in through the `Scope`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct, field

from stepwell.language.scope import Scope
from stepwell.language.values import Json


class Expression(Protocol):
    """A field whose value is known at run time: a literal, a path, an intrinsic call, a JSONata expression."""

    def evaluate(self, scope: Scope) -> Json:
        """The value. Raises QueryError, and Overrun where the scope is in a hurry."""
        ...


class Exit(NamedTuple):
    """What a state leaves behind: its output, and the variables that it sets (Assign)."""

    output: Json
    assigned: Mapping[str, Json]


class DataFlow(Protocol):
    """How a state turns its input into arguments, and a result into its output.

    Every method may raise QueryError. A method that changes nothing returns the very object that it was given, so that
    the caller can keep the text that belongs to it.
    """

    def enter(self, scope: Scope) -> Json:
        """The effective input. `scope.input` is the raw input (JSONPath: InputPath; JSONata: the raw input)."""
        ...

    def arguments(self, scope: Scope) -> Json:
        """What the state works on. `scope.input` is the effective input (JSONPath: Parameters;
        JSONata: Arguments)."""
        ...

    def leave(self, raw: Json, result: Json, scope: Scope) -> Exit:
        """The state's output and Assign (JSONPath: ResultSelector, ResultPath, OutputPath; JSONata: Output).

        `raw` is the raw input; `scope.input` is the effective input.
        """
        ...


class CatchFlow(Protocol):
    """How a catcher turns an error into the input of the next state."""

    def leave(self, raw: Json, error_output: Json, scope: Scope) -> Exit:
        """The output and Assign of the state that failed; `error_output` is `{"Error": …, "Cause": …}`.

        Raises QueryError.
        """
        ...


class Retrier(Struct, frozen=True):
    """One entry of Retry. Times are in seconds."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False


class Catcher(Struct, frozen=True):
    """One entry of Catch."""

    error_equals: tuple[str, ...]
    next: str
    flow: CatchFlow


class StateBase(Struct, frozen=True, kw_only=True):
    """What all states share. `next` is None where the state ends its branch."""

    name: str
    flow: DataFlow
    next: str | None = None
    comment: str | None = None


class Pass(StateBase, frozen=True, kw_only=True):
    """`has_result` tells a `Result` of null from none."""

    result: Json = None
    has_result: bool = False


class Succeed(StateBase, frozen=True, kw_only=True):
    pass


class Fail(StateBase, frozen=True, kw_only=True):
    """`error` and `cause` evaluate to a string; None where the definition gives none. Scope: the raw input."""

    error: Expression | None = None
    cause: Expression | None = None


class Rule(Protocol):
    """A Choice rule or a condition."""

    def matches(self, scope: Scope) -> bool:
        """Whether the rule holds. Raises QueryError (a Variable that leads nowhere, a value of the wrong type)."""
        ...


class ChoiceBranch(Struct, frozen=True):
    """`flow` is how the state is left where the rule matches: the rule has an Assign and an Output of its own."""

    rule: Rule
    next: str
    flow: DataFlow
    comment: str | None = None


class Choice(StateBase, frozen=True, kw_only=True):
    """`next` is never used: the first branch that matches names the next state, else `default`."""

    branches: tuple[ChoiceBranch, ...]
    default: str | None = None


class Duration(Protocol):
    """How long a Wait state waits, in any of its four forms."""

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait. `now` and the answer are milliseconds since 1970 (UTC). Raises QueryError."""
        ...


class Wait(StateBase, frozen=True, kw_only=True):
    duration: Duration


Pattern: TypeAlias = Literal["", "sync", "sync:2", "waitForTaskToken"]


class Resource(Struct, frozen=True):
    """What a Task calls.

    `kind` is "function" for a Lambda function's ARN, "activity" for an activity's ARN, "service" for
    `arn:aws:states:::…`. For a service, `service` and `action` are `lambda` and `invoke`, or `aws-sdk:dynamodb` and
    `getItem`; `pattern` is what follows the dot of the action ("" for request-response).
    """

    arn: str
    kind: Literal["function", "activity", "service"]
    service: str = ""
    action: str = ""
    pattern: Pattern = ""

    @property
    def event_resource(self) -> str:
        """`resource` as history events write it: `invoke.waitForTaskToken`."""
        return f"{self.action}.{self.pattern}" if self.pattern else self.action


class Task(StateBase, frozen=True, kw_only=True):
    """`timeout` and `heartbeat` evaluate to whole seconds; the scope is that of `arguments`."""

    resource: Resource
    timeout: Expression | None = None
    heartbeat: Expression | None = None
    credentials: Expression | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


class Parallel(StateBase, frozen=True, kw_only=True):
    branches: tuple[Program, ...]
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


class ItemReader(Struct, frozen=True, kw_only=True):
    """Where the items of a distributed Map come from.

    `action` is that of S3: getObject or listObjectsV2. `arguments` evaluates to its parameters. `config` is
    ReaderConfig as it stands in the definition; `max_items` evaluates to a whole number, of which 0 means no limit.
    """

    action: str
    arguments: Expression | None = None
    config: Mapping[str, Json] = field(default_factory=dict)
    max_items: Expression | None = None


class ItemBatcher(Struct, frozen=True, kw_only=True):
    """How many items, and how many bytes of them, a child of a distributed Map works on; `input` evaluates to what all
    batches share."""

    max_items: Expression | None = None
    max_bytes: Expression | None = None
    input: Expression | None = None


class ResultWriter(Struct, frozen=True, kw_only=True):
    """Where the results of a distributed Map go, and in which form. Without `exports` they are the state's result."""

    exports: bool
    arguments: Expression | None = None
    transformation: str | None = None
    output_type: str = "JSON"


class Distribution(Struct, frozen=True, kw_only=True):
    """What only a distributed Map has. `definition` is the text of its processor as a machine of its own; `express`
    says that its children are Express workflows."""

    definition: str
    express: bool = False
    label: str | None = None
    reader: ItemReader | None = None
    batcher: ItemBatcher | None = None
    writer: ResultWriter | None = None


class Map(StateBase, frozen=True, kw_only=True):
    """`items` evaluates to a list (it raises QueryError otherwise); its scope is the effective input.

    They may be others when they are evaluated again, where `items_vary` says so.
    `item_selector` (ItemSelector, or the older Parameters) is evaluated once an item, with `$$.Map.Item` in the context
    and the effective input as `$`; None hands the item on. `max_concurrency` evaluates to a whole number, 0 meaning no
    limit of the definition's own. `tolerated_count` evaluates to a whole number of iterations that may fail,
    `tolerated_percentage` to a number from 0 to 100; None where the definition says nothing. `distributed` says that
    ProcessorConfig.Mode is DISTRIBUTED; `distribution` then holds what only such a Map has, and `distributed_fields`
    the same fields as they stand in the definition.
    """

    processor: Program
    items: Expression
    items_vary: bool = False
    item_selector: Expression | None = None
    max_concurrency: Expression | None = None
    tolerated_count: Expression | None = None
    tolerated_percentage: Expression | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    distribution: Distribution | None = None
    distributed: bool = False
    distributed_fields: Mapping[str, Json] = field(default_factory=dict)


State: TypeAlias = Pass | Succeed | Fail | Choice | Wait | Task | Parallel | Map


class Program(Struct, frozen=True, kw_only=True):
    """A state machine, a branch of a Parallel, or the processor of a Map.

    `timeout_seconds` is the machine's own; branches have none.
    """

    start_at: str
    states: Mapping[str, State]
    timeout_seconds: int | None = None
    comment: str | None = None
