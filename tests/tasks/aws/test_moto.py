"""AWS services over real HTTP, on moto's server: what a definition gives reaches the service, and its answer comes
back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stepwell.engine.dispatch import Failed, JobSubmitted, Submitted, Succeeded, Task
from stepwell.language.resource import parse_resource
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws_service import aws_integrations
from tests.tasks.aws.following import Follow, follower

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.xdist_group("moto")

ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of the server."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def follow(task: Callable[..., Task], moto: str) -> Follow:
    return follower(task, {"AWS_ENDPOINT_URL": moto})


@pytest.fixture
def client(moto: str) -> Callable[[str], Any]:
    return lambda service: boto3.client(service, endpoint_url=moto)


@pytest.fixture
def result(follow: Follow) -> Callable[..., Any]:
    """`await result("s3:...", {...})`: the result of a task that succeeds."""

    async def call(resource: str, **given: Any) -> Any:
        *_, last = await follow(resource, given)
        assert isinstance(last, Succeeded | Submitted), last
        return json.loads(last.output)

    return call


async def test_sns_and_sqs(result: Callable[..., Any], client: Callable[[str], Any]) -> None:
    queue = client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    topic = client("sns").create_topic(Name="orders")["TopicArn"]
    sent = await result("sqs:sendMessage", QueueUrl=queue, MessageBody={"id": 1})
    assert sent["MessageId"]
    assert sent["SdkHttpMetadata"]["HttpStatusCode"] == 200
    received = client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(received[0]["Body"]) == {"id": 1}
    assert (await result("sns:publish", TopicArn=topic, Message={"id": 1}))["MessageId"]
    assert (await result("aws-sdk:sns:publish", TopicArn=topic, Message="hello"))["MessageId"]
    assert (await result("sqs:sendMessage.waitForTaskToken", QueueUrl=queue, MessageBody={"t": "x"}))["MessageId"]


async def test_dynamodb(result: Callable[..., Any], client: Callable[[str], Any], follow: Follow) -> None:
    client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"id": {"S": "1"}}
    await result("dynamodb:putItem", TableName="orders", Item={**key, "n": {"N": "1"}})
    await result(
        "dynamodb:updateItem",
        TableName="orders",
        Key=key,
        UpdateExpression="SET n = n + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    assert (await result("dynamodb:getItem", TableName="orders", Key=key))["Item"]["n"] == {"N": "2"}
    assert (await result("aws-sdk:dynamodb:scan", TableName="orders"))["Count"] == 1
    (refused,) = await follow(
        "dynamodb:putItem", {"TableName": "orders", "Item": key, "ConditionExpression": "attribute_not_exists(id)"}
    )
    assert isinstance(refused, Failed)
    assert refused.error == "DynamoDB.ConditionalCheckFailedException"
    (missing,) = await follow("aws-sdk:dynamodb:scan", {"TableName": "none"})
    assert isinstance(missing, Failed)
    assert missing.error == "DynamoDb.ResourceNotFoundException"


async def test_s3(result: Callable[..., Any], client: Callable[[str], Any], follow: Follow) -> None:
    client("s3").create_bucket(Bucket="orders")
    await result("aws-sdk:s3:putObject", Bucket="orders", Key="a/1.json", Body={"id": 1})
    assert json.loads((await result("aws-sdk:s3:getObject", Bucket="orders", Key="a/1.json"))["Body"]) == {"id": 1}
    await result("aws-sdk:s3:copyObject", Bucket="orders", CopySource="orders/a/1.json", Key="b/1.json")
    listed = await result("aws-sdk:s3:listObjectsV2", Bucket="orders", Prefix="b/")
    assert [found["Key"] for found in listed["Contents"]] == ["b/1.json"]
    (missing,) = await follow("aws-sdk:s3:getObject", {"Bucket": "orders", "Key": "none"})
    assert isinstance(missing, Failed)
    assert missing.error == "S3.NoSuchKeyException"


async def test_events(result: Callable[..., Any]) -> None:
    entry = {"Source": "orders", "DetailType": "paid", "Detail": {"id": 1}, "EventBusName": "default"}
    put = await result("events:putEvents", Entries=[entry])
    assert put["FailedEntryCount"] == 0
    assert len(put["Entries"]) == 1


async def test_secrets_and_parameters(result: Callable[..., Any], client: Callable[[str], Any]) -> None:
    client("secretsmanager").create_secret(Name="s", SecretString="hush")
    client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    assert (await result("aws-sdk:secretsmanager:getSecretValue", SecretId="s"))["SecretString"] == "hush"
    assert (await result("aws-sdk:ssm:getParameter", Name="/p"))["Parameter"]["Value"] == "v"


async def test_a_query_of_athena_is_waited_for(result: Callable[..., Any]) -> None:
    place = {"OutputLocation": "s3://orders/"}
    ended = await result("athena:startQueryExecution.sync", QueryString="select 1", ResultConfiguration=place)
    assert ended["QueryExecution"]["Status"]["State"] == "SUCCEEDED"
    assert isinstance(ended["QueryExecution"]["Status"]["SubmissionDateTime"], int)
    id = ended["QueryExecution"]["QueryExecutionId"]
    assert "ResultSet" in await result("athena:getQueryResults", QueryExecutionId=id)


async def test_a_job_of_glue_is_waited_for(result: Callable[..., Any], client: Callable[[str], Any]) -> None:
    client("glue").create_job(Name="j", Role=ROLE, Command={"Name": "glueetl"})
    ended = await result("glue:startJobRun.sync", JobName="j", Arguments={"--day": "1"})
    assert (ended["JobRunState"], ended["JobName"]) == ("SUCCEEDED", "j")


async def test_a_build_of_codebuild_is_waited_for(result: Callable[..., Any], client: Callable[[str], Any]) -> None:
    client("codebuild").create_project(
        name="build-it",
        source={"type": "S3", "location": "orders/code.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/service-role/r",
    )
    ended = await result("codebuild:startBuild.sync", ProjectName="build-it")
    assert ended["Build"]["BuildStatus"] == "SUCCEEDED"


async def test_a_training_job_of_sagemaker_is_waited_for(result: Callable[..., Any]) -> None:
    ended = await result(
        "sagemaker:createTrainingJob.sync",
        TrainingJobName="train",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": "i", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://orders/"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    assert ended["TrainingJobStatus"] == "Completed"


async def test_a_cluster_of_emr_is_created_given_a_step_and_terminated(
    result: Callable[..., Any], follow: Follow
) -> None:
    created = await result(
        "elasticmapreduce:createCluster.sync",
        Name="c",
        ServiceRole="EMR_DefaultRole",
        JobFlowRole="EMR_EC2_DefaultRole",
        Instances={
            "KeepJobFlowAliveWhenNoSteps": True,
            "InstanceGroups": [
                {"Name": "core", "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
            ],
        },
    )
    cluster = created["ClusterId"]
    step = {"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}
    said = await follow("elasticmapreduce:addStep.sync", {"ClusterId": cluster, "Step": step}, most=2)
    assert isinstance(said[0], JobSubmitted)
    assert json.loads(said[0].output)["StepId"].startswith("s-")
    ended = await result("elasticmapreduce:terminateCluster.sync", ClusterId=cluster)
    assert ended["Cluster"]["Status"]["State"] == "TERMINATED"


async def test_the_role_of_a_states_credentials_is_assumed_for_its_calls(moto: str, task: Callable[..., Task]) -> None:
    role = "arn:aws:iam::222222222222:role/other"
    services = aws_integrations(AwsClients([], {"AWS_ENDPOINT_URL": moto}))
    resource = parse_resource("arn:aws:states:::aws-sdk:sts:getCallerIdentity")
    for credentials, account in ((None, "123456789012"), (role, "222222222222"), (role, "222222222222")):
        asked = task(resource, "{}", credentials_role=credentials)
        (done,) = [outcome async for outcome in services["aws-sdk"].run(asked)]
        assert isinstance(done, Succeeded), done
        assert json.loads(done.output)["Account"] == account


async def test_a_role_that_cannot_be_assumed_fails_the_task(moto: str, task: Callable[..., Task]) -> None:
    services = aws_integrations(
        AwsClients([], {"AWS_ENDPOINT_URL": moto, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"})
    )
    resource = parse_resource("arn:aws:states:::aws-sdk:sqs:listQueues")
    (failed,) = [one async for one in services["aws-sdk"].run(task(resource, "{}", credentials_role=ROLE))]
    assert isinstance(failed, Failed)
    assert failed.error == "States.Permissions"
    assert ROLE in (failed.cause or "")
