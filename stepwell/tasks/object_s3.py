"""S3 through boto3, which is imported when the first object is asked for.

Rules that must stay true here:
- Where S3 is, and with which credentials, is what boto3 takes from its surroundings (`AWS_ENDPOINT_URL_S3`, …).
- A failed call is told with S3's own words.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from stepwell.tasks.objects import CHANGED, Entry, Fetched, ObjectError

T = TypeVar("T")

_MISSING = "The package boto3 is not installed, which reads S3: install stepwell[aws], or set objects_folder."


class S3Objects:
    def __init__(self, region: str) -> None:
        self._region = region
        self._client: Any = None

    async def fetch(self, bucket: str, key: str, version: str | None, pin: str | None) -> Fetched:
        return await self._call(partial(self._fetch, bucket=bucket, key=key, version=version, pin=pin))

    def _fetch(self, s3: Any, bucket: str, key: str, version: str | None, pin: str | None) -> Fetched:
        options = {} if version is None else {"VersionId": version}
        answer = s3.get_object(Bucket=bucket, Key=key, **options)
        found = answer["ETag"]
        if pin is not None and found != pin:
            raise ObjectError(CHANGED.format(bucket=bucket, key=key))
        descriptor, name = tempfile.mkstemp(prefix="stepwell-items-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in answer["Body"].iter_chunks(1 << 20):
                    file.write(chunk)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Fetched(Path(name), found, temporary=True)

    async def entries(self, bucket: str, prefix: str, after: str) -> AsyncIterator[Entry]:
        while True:
            page = await self._call(partial(_page, bucket=bucket, prefix=prefix, after=after))
            for entry in page:
                yield entry
            if not page:
                return
            after = page[-1].key

    async def store(self, bucket: str, key: str, path: Path) -> None:
        await self._call(lambda s3: s3.upload_file(str(path), bucket, key))

    async def _call(self, work: Callable[[Any], T]) -> T:
        """Do it on a thread. Raises ObjectError."""
        return await asyncio.to_thread(self._call_now, work)

    def _call_now(self, work: Callable[[Any], T]) -> T:
        try:
            import boto3
            from boto3.exceptions import Boto3Error
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise ObjectError(_MISSING) from None
        try:
            if self._client is None:
                self._client = boto3.client("s3", region_name=self._region)
            return work(self._client)
        except ClientError as error:
            raise ObjectError(_told(error.response)) from error
        except (BotoCoreError, Boto3Error) as error:
            raise ObjectError(str(error)) from error


def _page(s3: Any, bucket: str, prefix: str, after: str) -> list[Entry]:
    options = {"StartAfter": after} if after else {}
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, **options)
    return [
        Entry(
            item["Key"],
            item["Size"],
            item["ETag"],
            int(item["LastModified"].timestamp()),
            item.get("StorageClass", "STANDARD"),
        )
        for item in answer.get("Contents", ())
    ]


def _told(response: Any) -> str:
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    return (
        f"{error.get('Message', 'Unknown')} (Service: Amazon S3; Status Code: {about.get('HTTPStatusCode', 0)}; "
        f"Error Code: {error.get('Code', 'Unknown')}; Request ID: {about.get('RequestId', '')}; "
        f"S3 Extended Request ID: {about.get('HostId', '')}; Proxy: null)"
    )
