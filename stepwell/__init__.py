"""Stepwell: jobs that outlive a request, run as AWS Step Functions state machines on your own machine."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it, without the 8 ms that `typing` takes to import
if TYPE_CHECKING:
    from stepwell.app import ApiKeyHeader as ApiKeyHeader
    from stepwell.app import BasicLogin as BasicLogin
    from stepwell.app import Command as Command
    from stepwell.app import EventCalls as EventCalls
    from stepwell.app import HttpEndpoint as HttpEndpoint
    from stepwell.app import NodeCode as NodeCode
    from stepwell.app import OAuthClient as OAuthClient
    from stepwell.app import OtherRuntime as OtherRuntime
    from stepwell.app import PythonCode as PythonCode
    from stepwell.app import RemoteLambda as RemoteLambda
    from stepwell.app import Secret as Secret
    from stepwell.app import Stepwell as Stepwell

__version__ = "0.1.0"
__all__ = [
    "ApiKeyHeader",
    "BasicLogin",
    "Command",
    "EventCalls",
    "HttpEndpoint",
    "NodeCode",
    "OAuthClient",
    "OtherRuntime",
    "PythonCode",
    "RemoteLambda",
    "Secret",
    "Stepwell",
]


def __getattr__(name: str) -> object:
    # Late, so that the command line starts without what it does not need.
    if name in __all__:
        from stepwell import app

        return getattr(app, name)
    raise AttributeError(f"module 'stepwell' has no attribute {name!r}")
