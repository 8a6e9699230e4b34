"""What carries out tasks, from the settings: functions, services, the objects of distributed Maps, mocks.

Rules that must stay true here:
- What carries out the tasks of a service is made, and imported, when the first of them comes: most definitions use few
  services, and every start would pay for all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from stepwell.api.in_process import InProcessApi
from stepwell.app import AppError
from stepwell.aws_environment import MADE_UP
from stepwell.engine.dispatch import Dispatcher
from stepwell.engine.map_run.data_set import DataSets
from stepwell.settings import Settings
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.data_sets import ObjectDataSets
from stepwell.tasks.dispatcher import Integration, TaskDispatcher
from stepwell.tasks.http.targets import Targets
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.mock import MockConfig, MockDispatcher
from stepwell.tasks.object_folder import FolderObjects
from stepwell.tasks.object_s3 import S3Objects


def load_mocks(settings: Settings) -> MockConfig | None:
    """The mocks that the settings name. Raises MockConfigError."""
    return None if settings.mock_config is None else MockConfig.load(settings.mock_config)


def make_dispatcher(
    functions: LambdaService, settings: Settings, api: InProcessApi, mocks: MockConfig | None
) -> Dispatcher:
    """What carries out tasks: the app's functions, AWS services, HTTP APIs and this server's own `api`, behind the
    mocks."""
    dispatcher = TaskDispatcher(functions, _Services(functions, settings, api))
    return dispatcher if mocks is None else MockDispatcher(mocks, dispatcher)


def make_data_sets(settings: Settings) -> DataSets:
    """What distributed Maps read items from and write results to. Raises AppError."""
    if settings.objects_folder is None:
        return ObjectDataSets(S3Objects(settings.region))
    folder = Path(settings.objects_folder)
    if not folder.is_dir():
        raise AppError(f"objects_folder: {folder} is no folder. Make it, with a folder for each bucket.")
    return ObjectDataSets(FolderObjects(folder))


def make_clients(settings: Settings) -> AwsClients:
    """Clients of the AWS services that the settings allow."""
    return AwsClients(settings.aws_services, os.environ, made_up=os.environ.get("AWS_ACCESS_KEY_ID") == MADE_UP)


class _Services:
    """See `Services`."""

    def __init__(self, functions: LambdaService, settings: Settings, api: InProcessApi) -> None:
        self._functions = functions
        self._clients = make_clients(settings)
        self._targets = Targets(settings.http_allowed_hosts)
        self._quotas = settings.aws_quotas
        self._api = api

    def get(self, key: str, /) -> Integration | None:
        match key:
            case "http:invoke":
                return self._http
            case "apigateway:invoke" | "apigateway:invoke.waitForTaskToken":
                return self._gateway
            case "aws-sdk:sfn":
                return self._step_functions
            case "aws-sdk:stepwell":
                return self._later
        return self._aws.get(key)

    @cached_property
    def _http(self) -> Integration:
        from stepwell.api.events.kept import KeptConnections
        from stepwell.tasks.http.pace import OF_AWS, Pace
        from stepwell.tasks.http_invoke import HttpInvoke

        pace = None if self._quotas == "off" else Pace(*OF_AWS)
        return HttpInvoke(KeptConnections(self._api), self._targets, pace)

    @cached_property
    def _gateway(self) -> Integration:
        from stepwell.tasks.apigateway_invoke import ApiGatewayInvoke, signed_by

        return ApiGatewayInvoke(self._targets, signed_by(self._clients))

    @cached_property
    def _step_functions(self) -> Integration:
        from stepwell.tasks.step_functions import StepFunctions

        return StepFunctions(self._api)

    @cached_property
    def _later(self) -> Integration:
        from stepwell.tasks.destinations import Destinations
        from stepwell.tasks.lambda_later import InvokeLater

        return InvokeLater(self._functions, Destinations(self._functions, self._clients))

    @cached_property
    def _aws(self) -> Mapping[str, Integration]:
        from stepwell.tasks.aws_service import aws_integrations

        return aws_integrations(self._clients)
