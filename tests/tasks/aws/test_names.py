"""Names are those that AWS's SDKs for Java have."""

import pytest

from stepwell.tasks.aws.names import botocore_name, exception_name, pascal, sdk_member, service_name


@pytest.mark.parametrize(
    ("service_id", "name"),
    [
        ("DynamoDB", "DynamoDb"),
        ("SFN", "Sfn"),
        ("S3", "S3"),
        ("EC2", "Ec2"),
        ("Secrets Manager", "SecretsManager"),
        ("EventBridge", "EventBridge"),
        ("ACM PCA", "AcmPca"),
        ("Route 53", "Route53"),
        ("Config Service", "Config"),
    ],
)
def test_an_error_begins_with_the_name_of_the_service_s_client(service_id: str, name: str) -> None:
    assert service_name(service_id) == name


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("NoSuchKey", "NoSuchKeyException"),
        ("ResourceNotFoundException", "ResourceNotFoundException"),
        ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
        ("InternalServerError", "InternalServerErrorException"),
        ("KMSInvalidStateException", "KmsInvalidStateException"),
    ],
)
def test_an_error_ends_with_the_word_exception(shape: str, name: str) -> None:
    assert pascal(exception_name(shape)) == name


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("executionArn", "ExecutionArn"),
        ("ETag", "ETag"),
        ("ChecksumCRC32", "ChecksumCRC32"),
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("MD5OfMessageBody", "Md5OfMessageBody"),
        ("ACL", "Acl"),
        ("S", "S"),
        ("NS", "Ns"),
        ("Equals", "EqualsValue"),
        ("NULL", "Nul"),
    ],
)
def test_the_capitals_that_a_member_begins_with_are_one_word(member: str, name: str) -> None:
    assert sdk_member(member) == name


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("sfn", "stepfunctions"),
        ("cloudwatchlogs", "logs"),
        ("dynamodb", "dynamodb"),
        ("databasemigrationservice", "dms"),
    ],
)
def test_botocore_has_names_of_its_own(service: str, name: str) -> None:
    assert botocore_name(service) == name
