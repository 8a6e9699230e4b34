"""Which integration carries out which resource."""

from stepwell.engine.dispatch import Failed, Succeeded
from stepwell.language.model import Resource
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService


async def test_a_resource_that_nothing_carries_out_fails_and_names_the_way_out(task):
    arn = "arn:aws:states:::sqs:sendMessage"
    dispatcher = TaskDispatcher(LambdaService(FunctionRegistry()))
    (failed,) = [outcome async for outcome in dispatcher.run(task(Resource(arn, "service", "sqs", "sendMessage")))]
    assert isinstance(failed, Failed)
    assert failed.error == "Stepwell.UnsupportedResource"
    assert arn in failed.cause
    assert "SFN_MOCK_CONFIG" in failed.cause


async def test_an_integration_can_be_added_by_service_action_and_pattern(task):
    class Sync:
        async def run(self, task):
            yield Succeeded('"done"')

    dispatcher = TaskDispatcher(LambdaService(FunctionRegistry()), {"states:startExecution.sync": Sync()})
    resource = Resource("arn:aws:states:::states:startExecution.sync", "service", "states", "startExecution", "sync")
    assert [outcome async for outcome in dispatcher.run(task(resource))] == [Succeeded('"done"')]
