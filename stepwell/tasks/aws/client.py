"""Calls of AWS services through boto3, which is imported when the first is made.

Rules that must stay true here:
- Nothing is called unless the user has said so: by naming the service, or by an endpoint of their own for it.
- botocore neither checks nor repeats: the service judges the parameters, the state machine's Retry repeats.
- Everything here blocks and may be called from many threads at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Final

from msgspec import Struct

from stepwell.tasks.aws.dialect import Wire
from stepwell.tasks.aws.faults import RoleRefused, ServiceFault, Unavailable, Unreachable
from stepwell.tasks.aws.model import Operation, ServiceModel
from stepwell.tasks.aws.names import botocore_name
from stepwell.tasks.aws.tracing import handed_on, hands_on

MAX_CALLS: Final = 64
"""Calls at once."""

_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 900  # the longest that a service takes is a function's 15 minutes
_MAX_STREAM: Final = 262_145  # bytes; one more than the result of a task may have, which the execution is told

_KEPT: Final = 256  # clients, and sessions of roles

_HEADERS: Final = "StepwellHeaders"
_MADE_UP: Final = {"aws_access_key_id": "stepwell", "aws_secret_access_key": "stepwell"}


class Answer(Struct, frozen=True):
    members: Mapping[str, object]
    wire: Wire


class AwsClients:
    """Clients by service, region and endpoint.

    `allowed` are the services, as ARNs name them, that may be called where AWS itself has them; "all" stands for every
    one. `environ` is where endpoints are looked up (AWS_ENDPOINT_URL_S3, ..., AWS_ENDPOINT_URL). `made_up` says that
    the credentials in the environment are not the user's: AWS itself is never called with them.
    """

    def __init__(self, allowed: Sequence[str], environ: Mapping[str, str], *, made_up: bool = False) -> None:
        self._all = "all" in allowed
        self._allowed = frozenset(_key(name) for name in allowed)
        self._environ = environ
        self._made_up = made_up
        self._lock = Lock()
        self._session: Any = None  # of botocore
        self._names: Mapping[str, str] = {}  # botocore's, by key
        self._models: dict[str, ServiceModel] = {}
        self._clients: OrderedDict[tuple[str, str, str | None, str | None], Any] = OrderedDict()
        self._roles: OrderedDict[tuple[str, str], Any] = OrderedDict()  # sessions of botocore

    def operation(self, service: str, action: str) -> Operation:
        """The operation of a service, both as an ARN names them. Raises Unavailable."""
        model = self._model(_key(service))
        if not (self._all or _key(service) in self._allowed or self._endpoint(model)):
            raise Unavailable(
                f"AWS services are called only where that is allowed, and {model.service_id} is not. Add {service} to "
                f"aws_services in stepwell.toml (STEPWELL_AWS_SERVICES), or name an endpoint of your own for it in "
                f"{_variable(model)}."
            )
        operation = model.operation(action)
        if operation is None:
            raise Unavailable(f"The model of {model.service_id} in this version of botocore has no action {action}.")
        return operation

    def call(
        self,
        service: str,
        region: str,
        operation: Operation,
        arguments: Mapping[str, object],
        role: str | None = None,
        trace: str | None = None,
    ) -> Answer:
        """`role` is the ARN of a role to call in, `trace` what the call is part of.

        Raises ServiceFault, Unreachable, RoleRefused.
        """
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client(_key(service), region, self._endpoint(operation.model), role)
            with handed_on(trace):
                answer = getattr(client, xform_name(operation.name))(**arguments)
            about = answer.pop("ResponseMetadata")
            members = {name: _read(value) for name, value in answer.items()}
        except ClientError as refused:
            raise _fault(refused.response) from refused
        except BotoCoreError as error:
            raise Unreachable(str(error)) from error
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise Unreachable(f"No request can be made of these parameters: {error!r}") from error
        return Answer(members, Wire(about["HTTPStatusCode"], about.get(_HEADERS, {}), about.get("RequestId", "")))

    def signed(
        self, service: str, region: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Mapping[str, str]:
        """The headers of a request with a signature for a service. Raises Unreachable."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        try:
            with self._lock:
                credentials = self._opened().get_credentials()
        except Unavailable as why:
            raise Unreachable(str(why)) from why
        if credentials is None:
            raise Unreachable("Unable to locate credentials")
        request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
        SigV4Auth(credentials, service, region).add_auth(request)
        return dict(request.headers.items())

    def _endpoint(self, model: ServiceModel) -> str | None:
        """The endpoint that the environment names, by the rules of AWS's SDKs."""
        if self._environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
            return None
        return self._environ.get(_variable(model)) or self._environ.get("AWS_ENDPOINT_URL") or None

    def _model(self, key: str) -> ServiceModel:
        with self._lock:
            found = self._models.get(key)
            if found is None:
                session = self._opened()
                if key not in self._names:
                    raise Unavailable(f"This version of botocore knows no service {key}.")
                found = self._models[key] = ServiceModel(session.get_service_data(self._names[key]))
        return found

    def _client(self, key: str, region: str, endpoint: str | None, role: str | None) -> Any:
        """To make a client is not safe on two threads at once; to use it is."""
        from botocore.config import Config

        with self._lock:
            asked = (key, region, endpoint, role)
            client = self._clients.get(asked)
            if client is None:
                session = self._opened() if role is None else self._in_role(role, region, endpoint)
                client = session.create_client(
                    self._names[key],
                    region_name=region,
                    endpoint_url=endpoint,
                    # An endpoint of the user's own takes any credentials, AWS itself none that were made up.
                    **({} if endpoint is None or not self._made_up or session is not self._session else _MADE_UP),
                    config=Config(
                        retries={"total_max_attempts": 1},
                        parameter_validation=False,
                        response_checksum_validation="when_required",  # recorded: GetObject asks for no checksum
                        connect_timeout=_CONNECT_SECONDS,
                        read_timeout=_READ_SECONDS,
                        max_pool_connections=MAX_CALLS,
                        inject_host_prefix=endpoint is None,
                        s3={"addressing_style": "auto" if endpoint is None else "path"},
                    ),
                )
                client.meta.events.register("response-received", _keep_headers)
                hands_on(client)
                self._clients[asked] = client
                if len(self._clients) > _KEPT:
                    self._clients.popitem(last=False)
        return client

    def _in_role(self, role: str, region: str, endpoint: str | None) -> Any:
        """A session whose credentials are those of a role, fetched from AWS STS and refreshed before they run out.

        Where the service has an endpoint of the user's own, and STS has none, the role means nothing: it is passed
        over.
        """
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.session import Session

        own = self._opened()
        sts = self._environ.get("AWS_ENDPOINT_URL_STS") or self._environ.get("AWS_ENDPOINT_URL") or None
        if endpoint is not None and sts is None:
            return own
        session = self._roles.get((role, region))
        if session is None:
            more = _MADE_UP if sts is not None and self._made_up else {}

            def client_of(service: str, **given: Any) -> Any:
                with self._lock:
                    return own.create_client(service, region_name=region, endpoint_url=sts, **{**given, **more})

            fetcher = AssumeRoleCredentialFetcher(
                client_creator=client_of,
                source_credentials=_source(own, more),
                role_arn=role,
                extra_args={"RoleSessionName": "stepwell"},
            )

            def fetch() -> Any:
                try:
                    return fetcher.fetch_credentials()
                except (BotoCoreError, ClientError) as error:
                    raise RoleRefused(f"The role {role} cannot be assumed: {error}") from error

            session = self._roles[role, region] = Session()
            session._credentials = DeferredRefreshableCredentials(fetch, "assume-role")
            if len(self._roles) > _KEPT:
                self._roles.popitem(last=False)
        return session

    def _opened(self) -> Any:
        """botocore's session. Raises Unavailable."""
        if self._session is None:
            try:
                from botocore.session import Session
            except ImportError:
                raise Unavailable(
                    "AWS services are called through boto3, which is not installed: install stepwell[aws]."
                ) from None
            session = Session()
            if self._made_up:
                session.get_component("credential_provider").remove("env")
            self._names = {_key(name): name for name in session.get_available_services()}
            self._session = session
        return self._session


def _source(session: Any, made_up: Mapping[str, str]) -> Any:
    """The credentials that a role is assumed with."""
    from botocore.credentials import Credentials

    if made_up:
        return Credentials(made_up["aws_access_key_id"], made_up["aws_secret_access_key"])
    return session.get_credentials() or Credentials(None, None)


def _key(service: str) -> str:
    """The same for a service, however an ARN or botocore writes it."""
    return botocore_name(service).replace("-", "").removesuffix("service")


def _variable(model: ServiceModel) -> str:
    return f"AWS_ENDPOINT_URL_{model.service_id.replace(' ', '_').replace('-', '_').upper()}"


def _keep_headers(response_dict: Any, parsed_response: Any, **_: object) -> None:
    """botocore writes the names of headers in small letters; the answer of an optimised integration does not."""
    if response_dict is not None and parsed_response is not None:
        parsed_response.setdefault("ResponseMetadata", {})[_HEADERS] = dict(response_dict["headers"])


def _read(value: object) -> object:
    """What is streamed is read here, where it may block."""
    if not hasattr(value, "read"):
        return value
    try:
        return value.read(_MAX_STREAM)
    finally:
        value.close()  # type: ignore[attr-defined]  # botocore's stream


def _fault(response: Any) -> ServiceFault:
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    return ServiceFault(
        str(error.get("Code", "Unknown")),
        error.get("Message"),
        about.get("HTTPStatusCode", 0),
        about.get("RequestId", ""),
        about.get("HostId") or None,
    )
