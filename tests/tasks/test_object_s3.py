"""S3 as the source of items and the place of results, against answers that boto3's stubber gives."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from stepwell.tasks.object_s3 import S3Objects
from stepwell.tasks.objects import Entry, ObjectError


@pytest.fixture
def s3():
    """An S3, and the stubber behind it."""
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    objects = S3Objects("us-east-1")
    objects._client = client
    with Stubber(client) as stubber:
        yield objects, stubber


def body(text: bytes, tag: str = '"1"') -> dict:
    return {"Body": StreamingBody(io.BytesIO(text), len(text)), "ETag": tag}


async def test_an_object_is_fetched_into_a_file_that_can_be_discarded(s3) -> None:
    objects, stubber = s3
    stubber.add_response("get_object", body(b"[1]"), {"Bucket": "b", "Key": "k"})
    fetched = await objects.fetch("b", "k", None, None)
    assert (fetched.path.read_bytes(), fetched.pin) == (b"[1]", '"1"')
    fetched.discard()
    assert not fetched.path.exists()


async def test_an_object_that_has_changed_is_refused(s3) -> None:
    objects, stubber = s3
    stubber.add_response("get_object", body(b"[1]", '"2"'), {"Bucket": "b", "Key": "k", "VersionId": "v"})
    with pytest.raises(ObjectError, match="has changed"):
        await objects.fetch("b", "k", "v", '"1"')


async def test_a_failed_call_is_told_in_the_words_of_the_service(s3) -> None:
    objects, stubber = s3
    stubber.add_client_error("get_object", "NoSuchKey", "The specified key does not exist.", 404)
    with pytest.raises(
        ObjectError, match=r"^The specified key does not exist\. \(Service: Amazon S3; Status Code: 404; "
    ):
        await objects.fetch("b", "k", None, None)


async def test_a_listing_goes_on_behind_the_last_key_until_nothing_comes(s3) -> None:
    objects, stubber = s3
    when = datetime(2026, 1, 1, tzinfo=UTC)
    for key, after in (("p/1", None), ("p/2", "p/1"), (None, "p/2")):
        expected = {"Bucket": "b", "Prefix": "p/"} | ({"StartAfter": after} if after else {})
        found = [{"Key": key, "Size": 3, "ETag": '"1"', "LastModified": when}] if key else []
        stubber.add_response("list_objects_v2", {"Contents": found}, expected)
    assert [entry async for entry in objects.entries("b", "p/", "")] == [
        Entry("p/1", 3, '"1"', 1767225600),
        Entry("p/2", 3, '"1"', 1767225600),
    ]
