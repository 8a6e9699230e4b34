"""How a server is set up: `stepwell.toml`, then `STEPWELL_…` variables, then the command line.

Rules that must stay true here:
- A setting is one field of `Settings`; its description stands beside it, and docs/settings.md lists the same.
- A later source overrides an earlier one, setting by setting. What overrides nothing is still checked.
- A mistake is reported with its source, its name and its value, and with a way out; under a misspelt name may stand a
  secret, so that value is not told. Only a variable that resembles no setting is passed over: it is somebody else's.
- A relative path in a file is relative to that file; elsewhere it is relative to the current folder.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import msgspec
from msgspec import Meta

from stepwell.api.admission.limits import Limits
from stepwell.auth.table import VARIABLES as AUTH_VARIABLES
from stepwell.auth.table import AuthError, AuthTable, read_table, with_variables
from stepwell.engine.clock import ClockName
from stepwell.tasks.function_table import FunctionTable

CONFIG_FILE = "stepwell.toml"
CONFIG_VARIABLE = "STEPWELL_CONFIG"
PREFIX = "STEPWELL_"
VAULT_KEY_VARIABLE = "STEPWELL_VAULT_KEY"  # no setting: nothing that shows settings shows keys
AWS_VARIABLES = {"SFN_MOCK_CONFIG": "mock_config"}  # read below the STEPWELL_ name of the same setting

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(Limits, frozen=True, kw_only=True):
    """Everything that can be set; what bounds a server stands in `Limits`."""

    app: Annotated[
        Annotated[str, Meta(pattern=r"^[^\s:]+(:[^\s:]+)?$|\.(ya?ml|json|template)$")] | None,
        Meta(
            title="`module:attribute`, the attribute being `app` when left out, or the path of a template",
            description="The app to serve: docs/templates.md tells of SAM and CloudFormation templates.",
        ),
    ] = None
    parameters: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of `NAME=VALUE`; in a variable they are separated by commas",
            description="Values for the parameters of a template.",
        ),
    ] = ()
    host: Annotated[
        str, Meta(title="an address or a host name", description="The address to listen on.", min_length=1)
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(title="a whole number from 0 to 65535", description="The port; 0 takes a free one.", ge=0, le=65535)
    ] = 8083
    store: Annotated[
        str, Meta(title="the path of a SQLite file, or a URL", description="Where executions are kept.", min_length=1)
    ] = "stepwell.db"
    region: Annotated[
        str,
        Meta(title="a region's name", description="The AWS region in ARNs.", pattern=r"^[a-z]{2,}(-[a-z0-9]+)+$"),
    ] = "us-east-1"
    account: Annotated[str, Meta(title="12 digits", description="The AWS account in ARNs.", pattern=r"^\d{12}$")] = (
        "123456789012"
    )
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of host names; in a variable they are separated by commas",
            description="Hosts that requests may name besides this machine; `.example.com` allows all below it.",
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of origins, or `*`; in a variable they are separated by commas",
            description="Whose pages may use the jobs API from a browser: `https://app.example.com`.",
        ),
    ] = ()
    allow_unauthenticated: Annotated[
        bool,
        Meta(
            title="true or false",
            description="Listen on an address that other machines reach, although nobody is asked who they are.",
        ),
    ] = False
    grace: Annotated[
        float,
        Meta(
            title="a number of seconds, at least 0",
            description="How long running handlers and requests may go on after a stop.",
            ge=0,
        ),
    ] = 10.0
    client_patience: Annotated[
        float,
        Meta(
            title="a number of seconds, at least 1",
            description="How long a client may take to send a request, or to read the next piece of an answer.",
            ge=1,
        ),
    ] = 30.0
    mock_config: Annotated[
        str | None,
        Meta(
            title="the path of a JSON file",
            description="The mocks, as Step Functions Local reads them. Also read from `SFN_MOCK_CONFIG`.",
        ),
    ] = None
    clock: Annotated[
        ClockName,
        Meta(
            title="real, virtual or virtual-held",
            description="The clock of executions that ask for none: docs/testing.md tells what a virtual one does.",
        ),
    ] = "real"
    express_executions: Annotated[
        int,
        Meta(
            title="a whole number, at least 1",
            description="How many Express executions run at once; more are refused, as AWS throttles.",
            ge=1,
        ),
    ] = 1000
    retention_days: Annotated[
        int,
        Meta(
            title="a whole number of days; 0 is for ever",
            description="How long an execution and its history are kept after its end.",
            ge=0,
        ),
    ] = 90
    objects_folder: Annotated[
        str | None,
        Meta(
            title="the path of a folder",
            description="What stands in for S3 where distributed Maps read and write: one folder a bucket.",
        ),
    ] = None
    aws_services: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of services as ARNs name them, or `all`; in a variable they are separated by commas",
            description="AWS services that tasks may call; none else but those with an endpoint of your own:"
            " docs/aws-services.md.",
        ),
    ] = ()
    sensitive: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of `MACHINE PATH …`, `*` standing for all machines; in a variable they are separated by"
            " commas",
            description="What of the inputs of executions is secret: docs/vault.md.",
        ),
    ] = ()
    vault_kms_key: Annotated[
        str | None,
        Meta(
            title="an id, an ARN or an alias of a key of AWS KMS",
            description="What wraps the keys that secrets are sealed with, in place of a key file: docs/vault.md.",
        ),
    ] = None
    functions: Annotated[
        Mapping[str, FunctionTable],
        Meta(
            title="tables `[functions.NAME]`, in stepwell.toml only",
            description="How named functions run: docs/functions.md.",
        ),
    ] = {}  # msgspec makes one for each
    remote_functions: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of names, in which `*` stands for anything; in a variable they are separated by commas",
            description="Functions that workers run, besides those that the app leaves to them: docs/workers.md.",
        ),
    ] = ()
    worker_lease: Annotated[
        float,
        Meta(
            title="a number of seconds, at least 1",
            description="How long a worker may be silent before its call is given to another.",
            ge=1,
        ),
    ] = 30.0
    watch: Annotated[
        bool,
        Meta(title="true or false", description="Reload code and definitions when they change: docs/functions.md."),
    ] = False
    log_days: Annotated[
        float,
        Meta(title="a number of days, more than 0", description="How long log lines are kept: docs/logs.md.", gt=0),
    ] = 7.0
    log_megabytes: Annotated[
        float,
        Meta(
            title="a number of megabytes, more than 0",
            description="What all log lines may take in the store; the oldest go first.",
            gt=0,
        ),
    ] = 100.0
    http_allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            title="a list of hosts (`localhost:8080`, `.internal.example`); in a variable they are separated by commas",
            description="Hosts that HTTP tasks may call although they are not public, or not HTTPS: docs/http.md.",
        ),
    ] = ()
    log_level: Annotated[
        LogLevel,
        Meta(title="debug, info, warning or error", description="The least severe messages that are logged."),
    ] = "warning"
    auth: AuthTable = AuthTable()


AUTH = "auth"  # the table: docs/auth.md
_INHERITED = frozenset(Limits.__struct_fields__)  # come last
_FIELDS = {
    field.name: field
    for field in sorted(msgspec.structs.fields(Settings), key=lambda field: field.name in _INHERITED)
    if field.name != AUTH
}
_TAKEN = (CONFIG_VARIABLE, VAULT_KEY_VARIABLE, *AUTH_VARIABLES)  # read elsewhere
_LISTS = (
    "allowed_hosts",
    "aws_services",
    "cors_origins",
    "http_allowed_hosts",
    "parameters",
    "remote_functions",
    "sensitive",
)
_PATHS = ("mock_config", "objects_folder", "store")


class SettingsError(Exception):
    """A setting that cannot be used; the message says where it comes from, what it is and what to do."""


def load_settings(
    environ: Mapping[str, str], options: Mapping[str, object], folder: Path, config: str | None = None
) -> Settings:
    """The settings in force.

    `options` are those of the command line by setting name; None stands for an option that was not given. `folder` is
    the current folder. `config` is the file named on the command line; else `STEPWELL_CONFIG` names it, else it is
    `stepwell.toml` in `folder` when there is one. Raises SettingsError.
    """
    values: dict[str, object] = {}
    for source in (_from_file(_config_path(environ, folder, config)), _from_variables(environ), _from_options(options)):
        values.update(source)
    try:
        values[AUTH] = with_variables(values.get(AUTH, AuthTable()), environ)  # type: ignore[arg-type]
    except AuthError as error:
        raise SettingsError(str(error)) from error
    settings = Settings(**values)  # type: ignore[arg-type]  # each value was converted to its field's type
    if settings.auth.is_empty and not (is_loopback(settings.host) or settings.allow_unauthenticated):
        raise SettingsError(
            f"host {settings.host!r} can be reached from other machines, and nobody is asked who they are. Say who may"
            " call in [auth] of stepwell.toml, or as STEPWELL_ACCESS_KEYS=ID:SECRET (docs/auth.md); or listen on"
            " 127.0.0.1; or say allow_unauthenticated = true (STEPWELL_ALLOW_UNAUTHENTICATED=1) where the network"
            " itself keeps others out."
        )
    return settings


def is_template(app: str) -> bool:
    """Whether what `app` names is the file of a template, not a module."""
    return app.lower().endswith((".yaml", ".yml", ".json", ".template"))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def default_text(name: str) -> str:
    """The default of a setting as the documentation writes it; empty where there is none."""
    value = _FIELDS[name].default
    if value is None or value in ((), msgspec.NODEFAULT):
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def described() -> Iterator[tuple[str, str, str, str]]:
    """Name, what it takes, default and meaning of every setting, in order."""
    for name, field in _FIELDS.items():
        meta = next(part for part in get_args(field.type) if isinstance(part, Meta))
        yield name, str(meta.title), default_text(name), str(meta.description)


def _config_path(environ: Mapping[str, str], folder: Path, config: str | None) -> Path | None:
    named = config or environ.get(CONFIG_VARIABLE)
    if named:
        path = folder / named
        if not path.is_file():
            source = "--config" if config else CONFIG_VARIABLE
            raise SettingsError(f"{source} names {named}, which is no file. Create it, or leave {source} out.")
        return path
    path = folder / CONFIG_FILE
    return path if path.is_file() else None


def _from_file(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    import tomllib  # late: most starts find no file

    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    values: dict[str, object] = {}
    for name, value in table.items():
        if name == AUTH:
            values[name] = _auth(value, path)
            continue
        if name not in _FIELDS:
            raise SettingsError(f"{path}: {name}: there is no such setting. {_way_out(name)}")
        values[name] = _converted(name, value, f"{path}: {name}", strict=True)
    for name in _PATHS:
        text = values.get(name)
        if isinstance(text, str) and "://" not in text:
            values[name] = str(path.parent / text)
    if is_template(app := str(values.get("app"))):
        values["app"] = str(path.parent / app)
    if tables := cast("Mapping[str, FunctionTable]", values.get("functions", {})):
        values["functions"] = {name: function.below(path.parent) for name, function in tables.items()}
    return values


def _auth(value: object, path: Path) -> AuthTable:
    try:
        return read_table(value, path)
    except AuthError as error:
        raise SettingsError(str(error)) from error


def _from_variables(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for variable, name in AWS_VARIABLES.items():
        if environ.get(variable):
            values[name] = _converted(name, environ[variable], variable, strict=False)
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in _TAKEN:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in _FIELDS:
            value = [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
            values[name] = _converted(name, value, variable, strict=False)
        elif near := _near(name, 0.75):
            raise SettingsError(f"{variable}: there is no such setting. Did you mean {PREFIX}{near.upper()}?")
    return values


def _from_options(options: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _converted(name, value, f"--{name.replace('_', '-')}", strict=False)
        for name, value in options.items()
        if value is not None
    }


def _converted(name: str, value: object, source: str, *, strict: bool) -> object:
    try:
        return msgspec.convert(value, _FIELDS[name].type, strict=strict)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # a variable may hold what is no UTF-8
        if isinstance(value, dict):  # a table may hold much; what is wrong in it is told, not all of it
            raise SettingsError(f"{source}: {str(error).replace('`$', '`' + name)}.") from error
        takes = next(takes for found, takes, _, _ in described() if found == name)
        default = default_text(name)
        way_out = f" Leave it out for {default}." if default else ""
        raise SettingsError(f"{source} = {value!r} cannot be used: it takes {takes}.{way_out}") from error


def _way_out(name: str) -> str:
    near = _near(name, 0.6)
    return f"Did you mean {near}?" if near else f"Settings are: {', '.join(_FIELDS)}."


def _near(name: str, likeness: float) -> str | None:
    """The setting that is named most like that, if any is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, _FIELDS, 1, likeness)), None)
