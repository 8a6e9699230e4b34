"""Distributed Maps over objects: items stream in, results go out, whatever crashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepwell.tasks.data_sets import ObjectDataSets
from stepwell.tasks.object_folder import FolderObjects
from tests.engine.lives import Life, crashes, execution_arn, live
from tests.engine.test_map_run import PASS, distributed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "objects" / "bucket"
    folder.mkdir(parents=True)
    return folder


def data(bucket: Path) -> dict[str, Any]:
    return {"data": ObjectDataSets(FolderObjects(bucket.parent))}


def reader(key: str, **config: Any) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": config,
        "Parameters": {"Bucket": "bucket", "Key": key},
    }


WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "bucket", "Prefix": "out"}}


def test_every_row_of_a_file_has_a_child(path: Path, bucket: Path) -> None:
    bucket.joinpath("in.csv").write_text("a,b\n1,2\n3,4\n")

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemReader=reader("in.csv", InputType="CSV")))
        row = await here.ended(await here.start("Parent", "p"))
        assert json.loads(row.change.output or "") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
        assert (await here.events(row.new.arn))[2].details == {"length": 0}

    assert live(path, life, **data(bucket))


@pytest.mark.parametrize(("most", "count"), [(2, 2), (0, 3), (9, 3)])
def test_no_more_items_are_read_than_the_state_asks_for(path: Path, bucket: Path, most: int, count: int) -> None:
    bucket.joinpath("in.json").write_text("[1,2,3]")

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemReader=reader("in.json", InputType="JSON", MaxItems=most)))
        row = await here.ended(await here.start("Parent", "p"))
        assert json.loads(row.change.output or "") == [1, 2, 3][:count]

    assert live(path, life, **data(bucket))


def test_an_object_that_cannot_be_read_fails_the_run(path: Path, bucket: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemReader=reader("gone.json", InputType="JSON")))
        row = await here.ended(await here.start("Parent", "p"))
        assert (row.change.error, row.change.cause) == ("States.ItemReaderFailed", "The specified key does not exist.")

    assert live(path, life, **data(bucket))


def test_results_are_exported_with_a_manifest(path: Path, bucket: Path) -> None:
    processor = {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "F"}], "Default": "S"},
            "F": {"Type": "Fail", "Error": "Bad"},
            "S": {"Type": "Succeed"},
        },
    }

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(processor, ResultWriter=WRITER, ToleratedFailureCount=1))
        row = await here.ended(await here.start("Parent", "p", [1, 2, 3]))
        (run,) = await here.map_runs(row.new.arn)
        key = f"out/{run.new.name}/manifest.json"
        assert json.loads(row.change.output or "") == {
            "MapRunArn": run.new.arn,
            "ResultWriterDetails": {"Bucket": "bucket", "Key": key},
        }
        manifest = json.loads(bucket.joinpath(key).read_text())
        succeeded = bucket / f"out/{run.new.name}/SUCCEEDED_0.json"
        failed = bucket / f"out/{run.new.name}/FAILED_0.json"
        assert manifest == {
            "DestinationBucket": "bucket",
            "MapRunArn": run.new.arn,
            "ResultFiles": {
                "FAILED": [{"Key": f"out/{run.new.name}/FAILED_0.json", "Size": failed.stat().st_size}],
                "PENDING": [],
                "SUCCEEDED": [{"Key": f"out/{run.new.name}/SUCCEEDED_0.json", "Size": succeeded.stat().st_size}],
            },
        }
        assert [child["Output"] for child in json.loads(succeeded.read_text())] == ["1", "3"]
        assert [(child["Error"], child["Status"]) for child in json.loads(failed.read_text())] == [("Bad", "FAILED")]

    assert live(path, life, **data(bucket))


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"Transformation": "COMPACT"}, [[1, 2], [3]]),
        ({"Transformation": "FLATTEN"}, [1, 2, 3]),
    ],
)
def test_results_take_the_form_that_the_state_asks_for(
    path: Path, bucket: Path, config: dict[str, str], output: list[Any]
) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ResultWriter={"WriterConfig": config}))
        row = await here.ended(await here.start("Parent", "inline", [[1, 2], [3]]))
        assert json.loads(row.change.output or "") == output
        await here.create("Exporting", distributed(ResultWriter={**WRITER, "WriterConfig": config}))
        row = await here.ended(await here.start("Exporting", "p", [[1, 2], [3]]))
        (run,) = await here.map_runs(row.new.arn)
        assert json.loads(bucket.joinpath(f"out/{run.new.name}/SUCCEEDED_0.json").read_text()) == output

    assert live(path, life, **data(bucket))


def test_results_that_cannot_be_written_fail_the_run(path: Path, bucket: Path) -> None:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "gone"}}

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ResultWriter=writer))
        row = await here.ended(await here.start("Parent", "p", [1]))
        assert (row.change.error, row.change.cause) == (
            "States.ResultWriterFailed",
            "The specified bucket does not exist",
        )

    assert live(path, life, **data(bucket))


@pytest.mark.parametrize("kind", ["CSV", "JSON", "JSONL"])
def test_wherever_it_crashes_every_row_has_one_child(path: Path, bucket: Path, kind: str) -> None:
    count = 230
    text = {
        "CSV": "n\n" + "".join(f"{number}\n" for number in range(count)),
        "JSON": json.dumps([{"n": str(number)} for number in range(count)]),
        "JSONL": "".join(f'{{"n":"{number}"}}\n' for number in range(count)),
    }[kind]
    bucket.joinpath("in").write_text(text)
    options = data(bucket)

    async def begin(here: Life) -> None:
        definition = distributed(
            PASS, ItemReader=reader("in", InputType=kind), ItemBatcher={"MaxItemsPerBatch": 2}, MaxConcurrency=70
        )
        await here.create("Parent", definition)
        await here.ended(await here.start("Parent", "p"))

    async def recover(here: Life) -> None:
        row = await here.ended(execution_arn("Parent", "p"))
        found = [item["n"] for batch in json.loads(row.change.output or "") for item in batch["Items"]]
        assert found == [str(number) for number in range(count)]

    assert crashes(path, begin, recover, **options) >= 4


def test_an_object_that_has_changed_in_the_meantime_is_not_read_on(path: Path, bucket: Path) -> None:
    bucket.joinpath("in.json").write_text(json.dumps([0] * 1500))

    async def begin(here: Life) -> None:
        await here.create("Parent", distributed(ItemReader=reader("in.json", InputType="JSON")))
        await here.ended(await here.start("Parent", "p"))

    async def recover(here: Life) -> None:
        row = await here.ended(execution_arn("Parent", "p"))
        assert row.change.error == "States.ItemReaderFailed"
        assert "has changed" in (row.change.cause or "")

    assert not live(path, begin, commits=2, **data(bucket))
    bucket.joinpath("in.json").write_text(json.dumps([1] * 1600))
    assert live(path, recover, **data(bucket))
