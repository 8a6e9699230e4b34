"""Jobs of AWS services: what is asked of each service, what its states mean, what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from stepwell.engine.dispatch import Failed, JobSubmitted, StillRunning, Succeeded, Task
from stepwell.language.integrations import INTEGRATIONS
from stepwell.language.resource import parse_resource
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws.jobs import JOBS
from stepwell.tasks.aws.optimised import NOT_CALLS
from stepwell.tasks.aws_job import pace
from stepwell.tasks.aws_service import aws_integrations
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService
from tests.tasks.aws.conftest import Endpoint
from tests.tasks.aws.following import Follow, follower

BUILD = {"id": "p:1", "buildStatus": "SUCCEEDED"}
TASK = "arn:aws:ecs:us-east-1:123456789012:task/c/1"
RAN = {"taskArn": TASK, "clusterArn": "c", "lastStatus": "STOPPED", "containers": [{"exitCode": 0, "name": "a"}]}
RAN_RESULT = {"ClusterArn": "c", "Containers": [{"ExitCode": 0, "Name": "a"}], "LastStatus": "STOPPED", "TaskArn": TASK}
RUNS = {"taskArn": TASK, "clusterArn": "c", "lastStatus": "RUNNING", "containers": [{"name": "a"}]}
DONE = {"State": "TERMINATED", "StateChangeReason": {"Code": "ALL_STEPS_COMPLETED"}}


@dataclass
class Kind:
    """A kind of job: parameters, the service's answers to submission and looks, the result, and the last request."""

    resource: str
    given: dict[str, Any]
    taken: dict[str, Any]
    looks: list[dict[str, Any]]
    result: Any
    asked: dict[str, Any] = field(default_factory=dict)
    path: str = "/"


KINDS = [
    Kind(
        "athena:startQueryExecution.sync",
        {"QueryString": "select 1"},
        {"QueryExecutionId": "q"},
        [
            {"QueryExecution": {"Status": {"State": "QUEUED"}}},
            {"QueryExecution": {"Status": {"State": "SUCCEEDED", "SubmissionDateTime": 1700000000.5}}},
        ],
        {"QueryExecution": {"Status": {"State": "SUCCEEDED", "SubmissionDateTime": 1700000000500}}},
        {"QueryExecutionId": "q"},
    ),
    Kind(
        "batch:submitJob.sync",
        {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"},
        {"jobId": "1", "jobName": "j"},
        [{"jobs": [{"jobId": "1", "status": "RUNNABLE"}]}, {"jobs": [{"jobId": "1", "status": "SUCCEEDED"}]}],
        {"JobId": "1", "Status": "SUCCEEDED"},
        {"jobs": ["1"]},
        "/v1/describejobs",
    ),
    Kind(
        "bedrock:createModelCustomizationJob.sync",
        {
            "JobName": "j",
            "CustomModelName": "m",
            "RoleArn": "r",
            "BaseModelIdentifier": "b",
            "TrainingDataConfig": {},
            "OutputDataConfig": {},
            "HyperParameters": {},
        },
        {"jobArn": "arn:j"},
        [{"status": "Completed", "jobArn": "arn:j"}],
        {"JobArn": "arn:j", "Status": "Completed"},
        path="/model-customization-jobs/arn%3Aj",
    ),
    Kind(
        "codebuild:startBuild.sync",
        {"ProjectName": "p"},
        {"build": {"id": "p:1", "buildStatus": "IN_PROGRESS"}},
        [{"builds": [{"id": "p:1", "buildStatus": "IN_PROGRESS"}]}, {"builds": [BUILD]}],
        {"Build": {"BuildStatus": "SUCCEEDED", "Id": "p:1"}},
        {"ids": ["p:1"]},
    ),
    Kind(
        "codebuild:startBuildBatch.sync",
        {"ProjectName": "p"},
        {"buildBatch": {"id": "p:1"}},
        [{"buildBatches": [{"id": "p:1", "buildBatchStatus": "SUCCEEDED"}]}],
        {"BuildBatch": {"BuildBatchStatus": "SUCCEEDED", "Id": "p:1"}},
        {"ids": ["p:1"]},
    ),
    Kind(
        "databrew:startJobRun.sync",
        {"Name": "j"},
        {"RunId": "1"},
        [{"State": "RUNNING"}, {"State": "SUCCEEDED", "RunId": "1"}],
        {"RunId": "1", "State": "SUCCEEDED"},
        path="/jobs/j/jobRun/1",
    ),
    Kind(
        "ecs:runTask.sync",
        {"TaskDefinition": "t", "Cluster": "c"},
        {"tasks": [RUNS], "failures": []},
        [{"tasks": []}, {"tasks": [RUNS]}, {"tasks": [RAN]}],
        RAN_RESULT,
        {"cluster": "c", "tasks": [TASK]},
    ),
    Kind(
        "eks:createCluster.sync",
        {"Name": "c", "RoleArn": "r", "ResourcesVpcConfig": {}},
        {"cluster": {"name": "c", "status": "CREATING"}},
        [{"cluster": {"name": "c", "status": "CREATING"}}, {"cluster": {"name": "c", "status": "ACTIVE"}}],
        {"Cluster": {"Name": "c", "Status": "ACTIVE"}},
        path="/clusters/c",
    ),
    Kind(
        "elasticmapreduce:createCluster.sync",
        {"Name": "c", "Instances": {"KeepJobFlowAliveWhenNoSteps": True}},
        {"JobFlowId": "j-1"},
        [
            {"Cluster": {"Id": "j-1", "Status": {"State": "STARTING"}}},
            {"Cluster": {"Id": "j-1", "Status": {"State": "WAITING"}}},
        ],
        {"Cluster": {"Id": "j-1", "Status": {"State": "WAITING"}}, "ClusterId": "j-1"},
        {"ClusterId": "j-1"},
    ),
    Kind(
        "elasticmapreduce:createCluster.sync",
        {"Name": "c", "Instances": {}},
        {"JobFlowId": "j-1"},
        [{"Cluster": {"Id": "j-1", "Status": DONE}}],
        {"Cluster": {"Id": "j-1", "Status": dict(sorted(DONE.items()))}, "ClusterId": "j-1"},
        {"ClusterId": "j-1"},
    ),
    Kind(
        "elasticmapreduce:terminateCluster.sync",
        {"ClusterId": "j-1"},
        {},
        [{"Cluster": {"Id": "j-1", "Status": {"State": "TERMINATED"}}}],
        {"Cluster": {"Id": "j-1", "Status": {"State": "TERMINATED"}}, "ClusterId": "j-1"},
        {"ClusterId": "j-1"},
    ),
    Kind(
        "elasticmapreduce:addStep.sync",
        {"ClusterId": "j-1", "Step": {"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar"}}},
        {"StepIds": ["s-1"]},
        [{"Step": {"Id": "s-1", "Status": {"State": "COMPLETED"}}}],
        {"Step": {"Id": "s-1", "Status": {"State": "COMPLETED"}}, "StepId": "s-1"},
        {"ClusterId": "j-1", "StepId": "s-1"},
    ),
    Kind(
        "emr-containers:startJobRun.sync",
        {"VirtualClusterId": "v", "JobDriver": {}},
        {"id": "1", "virtualClusterId": "v"},
        [{"jobRun": {"id": "1", "state": "COMPLETED"}}],
        {"Id": "1", "State": "COMPLETED"},
        path="/virtualclusters/v/jobruns/1",
    ),
    Kind(
        "emr-serverless:startJobRun.sync",
        {"ApplicationId": "a", "ExecutionRoleArn": "r", "JobDriver": {}},
        {"applicationId": "a", "jobRunId": "1", "arn": "x"},
        [{"jobRun": {"jobRunId": "1", "state": "RUNNING"}}, {"jobRun": {"jobRunId": "1", "state": "SUCCESS"}}],
        {"JobRunId": "1", "State": "SUCCESS"},
        path="/applications/a/jobruns/1",
    ),
    Kind(
        "emr-serverless:stopApplication.sync",
        {"ApplicationId": "a"},
        {},
        [{"application": {"applicationId": "a", "state": "STOPPING"}}, {"application": {"state": "STOPPED"}}],
        {"State": "STOPPED"},
        path="/applications/a",
    ),
    Kind(
        "glue:startJobRun.sync",
        {"JobName": "j", "Arguments": {"--day": "1"}},
        {"JobRunId": "jr_1"},
        [{"JobRun": {"JobRunState": "RUNNING"}}, {"JobRun": {"Id": "jr_1", "JobRunState": "SUCCEEDED"}}],
        {"Id": "jr_1", "JobRunState": "SUCCEEDED"},
        {"JobName": "j", "RunId": "jr_1"},
    ),
    Kind(
        "mediaconvert:createJob.sync",
        {"Role": "r", "Settings": {}},
        {"job": {"id": "1", "role": "r", "settings": {}}},
        [{"job": {"id": "1", "status": "PROGRESSING"}}, {"job": {"id": "1", "status": "COMPLETE"}}],
        {"Job": {"Id": "1", "Status": "COMPLETE"}},
        path="/2017-08-29/jobs/1",
    ),
    *(
        Kind(
            f"sagemaker:create{kind}.sync",
            {f"{kind}Name": "j", **given},
            {f"{kind}Arn": "arn:j"},
            [{f"{kind}Status": "InProgress"}, {f"{kind}Name": "j", f"{kind}Status": "Completed"}],
            {f"{kind}Name": "j", f"{kind}Status": "Completed"},
            {f"{kind}Name": "j"},
        )
        for kind, given in {
            "TrainingJob": {"RoleArn": "r", "OutputDataConfig": {}, "ResourceConfig": {}, "StoppingCondition": {}},
            "TransformJob": {"ModelName": "m", "TransformInput": {}, "TransformOutput": {}, "TransformResources": {}},
            "HyperParameterTuningJob": {"HyperParameterTuningJobConfig": {}},
            "ProcessingJob": {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": "r"},
            "LabelingJob": {
                "LabelAttributeName": "l",
                "InputConfig": {},
                "OutputConfig": {},
                "RoleArn": "r",
                "HumanTaskConfig": {},
            },
        }.items()
    ),
]


@pytest.fixture
def follow(task: Callable[..., Task], endpoint: Endpoint) -> Follow:
    return follower(task, endpoint.environ)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource)
async def test_a_job_is_submitted_and_looked_at_until_it_has_succeeded(
    endpoint: Endpoint, follow: Follow, kind: Kind
) -> None:
    for answer in (kind.taken, *kind.looks):
        endpoint.answer(json.dumps(answer))
    first, *waits, last = await follow(kind.resource, kind.given)
    assert isinstance(first, JobSubmitted), first
    assert all(isinstance(word, StillRunning) for word in waits)
    assert len(waits) == len(kind.looks) - 1
    assert isinstance(last, Succeeded), last
    assert json.loads(last.output) == kind.result
    asked = endpoint.requests[-1]
    assert (json.loads(asked.body or "{}"), asked.path) == (kind.asked, kind.path)


def test_every_job_that_the_language_offers_is_described() -> None:
    offered = {
        f"{service}:{action}"
        for service, actions in INTEGRATIONS.items()
        for action, patterns in actions.items()
        if "sync" in patterns and service != "states"
    }
    assert offered - NOT_CALLS == set(JOBS)


@pytest.mark.parametrize(
    ("resource", "given", "taken", "look"),
    [
        ("batch:submitJob", {"JobName": "j"}, {"jobId": "1"}, {"jobs": [{"jobId": "1", "status": "FAILED"}]}),
        ("glue:startJobRun", {"JobName": "j"}, {"JobRunId": "1"}, {"JobRun": {"JobRunState": "TIMEOUT"}}),
        ("codebuild:startBuild", {"ProjectName": "p"}, {"build": BUILD}, {"builds": [{"buildStatus": "FAULT"}]}),
        (
            "ecs:runTask",
            {"TaskDefinition": "t"},
            {"tasks": [RUNS]},
            {"tasks": [{**RAN, "containers": [{"exitCode": 0}, {"exitCode": 3}]}]},
        ),
        (
            "athena:startQueryExecution",
            {"QueryString": "x"},
            {"QueryExecutionId": "q"},
            {"QueryExecution": {"Status": {"State": "FAILED"}}},
        ),
    ],
)
async def test_a_job_that_fails_fails_its_task_with_what_the_service_says_of_it(
    endpoint: Endpoint, follow: Follow, resource: str, given: Any, taken: Any, look: Any
) -> None:
    if resource == "batch:submitJob":
        given = {**given, "JobQueue": "q", "JobDefinition": "d"}
    endpoint.answer(json.dumps(taken))
    endpoint.answer(json.dumps(look))
    *_, last = await follow(f"{resource}.sync", given)
    assert isinstance(last, Failed)
    assert last.error == "States.TaskFailed"
    assert isinstance(json.loads(last.cause or ""), dict)


async def test_the_answer_to_the_submission_is_what_the_integration_answers_without_sync(
    endpoint: Endpoint, follow: Follow
) -> None:
    endpoint.answer('{"JobRunId": "jr_1"}')
    (submitted,) = await follow("glue:startJobRun.sync", {"JobName": "j"}, most=1)
    assert isinstance(submitted, JobSubmitted)
    answer = json.loads(submitted.output)
    assert answer["JobRunId"] == "jr_1"
    assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200


async def test_a_submission_that_is_refused_fails_the_task(endpoint: Endpoint, follow: Follow) -> None:
    endpoint.answer('{"__type": "ConcurrentRunsExceededException", "message": "Concurrent runs exceeded"}', 400)
    (failed,) = await follow("glue:startJobRun.sync", {"JobName": "j"})
    assert isinstance(failed, Failed)
    assert failed.error == "Glue.ConcurrentRunsExceededException"


async def test_a_task_that_ecs_cannot_place_fails_with_the_failures(endpoint: Endpoint, follow: Follow) -> None:
    endpoint.answer('{"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]}')
    (failed,) = await follow("ecs:runTask.sync", {"TaskDefinition": "t"})
    assert isinstance(failed, Failed)
    assert failed.error == "AmazonECS.Unknown"
    assert json.loads(failed.cause or "")["Failures"] == [{"Reason": "RESOURCE:MEMORY"}]


@pytest.mark.parametrize(("error", "status"), [("ThrottlingException", 400), ("InternalServerException", 500)])
async def test_a_look_that_is_not_answered_is_repeated(
    endpoint: Endpoint, follow: Follow, error: str, status: int
) -> None:
    endpoint.answer('{"JobRunId": "1"}')
    endpoint.answer(json.dumps({"__type": error, "message": "later"}), status)
    endpoint.answer('{"JobRun": {"JobRunState": "SUCCEEDED"}}')
    said = await follow("glue:startJobRun.sync", {"JobName": "j"})
    assert [type(word) for word in said] == [JobSubmitted, StillRunning, Succeeded]


async def test_a_look_that_is_refused_fails_the_task(endpoint: Endpoint, follow: Follow) -> None:
    endpoint.answer('{"JobRunId": "1"}')
    endpoint.answer('{"__type": "AccessDeniedException", "message": "no"}', 400)
    *_, last = await follow("glue:startJobRun.sync", {"JobName": "j"})
    assert isinstance(last, Failed)
    assert last.error == "Glue.AccessDeniedException"


async def test_what_was_to_be_deleted_is_gone_once_the_service_knows_it_no_more(
    endpoint: Endpoint, follow: Follow
) -> None:
    endpoint.answer('{"cluster": {"name": "c", "status": "DELETING"}}')
    endpoint.answer('{"cluster": {"name": "c", "status": "DELETING"}}')
    endpoint.answer('{"message": "No cluster found"}', 404, x_amzn_errortype="ResourceNotFoundException")
    said = await follow("eks:deleteCluster.sync", {"Name": "c"})
    assert [type(word) for word in said] == [JobSubmitted, StillRunning, Succeeded]


async def test_a_call_that_is_repeated_after_a_crash_carries_the_same_token(endpoint: Endpoint, follow: Follow) -> None:
    tokens = []
    for _ in range(2):
        endpoint.answer('{"QueryExecutionId": "q"}')
        await follow("athena:startQueryExecution.sync", {"QueryString": "select 1"}, most=1)
        tokens.append(json.loads(endpoint.requests[-1].body)["ClientRequestToken"])
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 36
    endpoint.answer('{"QueryExecutionId": "q"}')
    given = {"QueryString": "select 1", "ClientRequestToken": "mine"}
    await follow("athena:startQueryExecution.sync", given, most=1)
    assert json.loads(endpoint.requests[-1].body)["ClientRequestToken"] == "mine"


async def test_a_job_that_nobody_wants_is_stopped_at_the_service(endpoint: Endpoint, task: Callable[..., Task]) -> None:
    endpoint.answer("{}")
    services = aws_integrations(AwsClients([], endpoint.environ))
    dispatcher = TaskDispatcher(LambdaService(FunctionRegistry()), services)
    resource = parse_resource("arn:aws:states:::glue:startJobRun.sync")
    await dispatcher.withdraw(task(resource, '{"JobName": "j"}', submitted='{"JobRunId": "jr_1"}'))
    assert endpoint.requests[0].headers["X-Amz-Target"] == "AWSGlue.BatchStopJobRun"
    assert json.loads(endpoint.requests[0].body) == {"JobName": "j", "JobRunIds": ["jr_1"]}


def test_looks_are_close_at_first_and_a_minute_apart_in_the_end() -> None:
    assert [round(pace(looks), 1) for looks in (0, 1, 5)] == [1.0, 1.5, 7.6]
    assert pace(10_000) == 60.0


# -- actions that are calls of another name


async def test_an_instance_group_of_emr_is_found_by_its_name(endpoint: Endpoint, follow: Follow) -> None:
    endpoint.answer('{"InstanceGroups": [{"Id": "ig-1", "Name": "other"}, {"Id": "ig-2", "Name": "core"}]}')
    endpoint.answer("{}")
    given = {"ClusterId": "j-1", "InstanceGroupName": "core", "InstanceGroup": {"InstanceCount": 8}}
    (done,) = await follow("elasticmapreduce:modifyInstanceGroupByName", given)
    assert isinstance(done, Succeeded), done
    assert json.loads(endpoint.requests[-1].body) == {
        "ClusterId": "j-1",
        "InstanceGroups": [{"InstanceCount": 8, "InstanceGroupId": "ig-2"}],
    }


async def test_a_model_of_bedrock_takes_and_gives_json(endpoint: Endpoint, follow: Follow) -> None:
    endpoint.answer('{"completion": "Hello"}', type="application/json")
    (done,) = await follow("bedrock:invokeModel", {"ModelId": "m", "Body": {"prompt": "Hi"}})
    assert isinstance(done, Succeeded), done
    assert json.loads(done.output) == {"Body": {"completion": "Hello"}, "ContentType": "application/json"}
    assert (endpoint.requests[0].path, endpoint.requests[0].body) == ("/model/m/invoke", b'{"prompt":"Hi"}')
