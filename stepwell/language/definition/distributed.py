"""The fields that only a distributed Map reads: where items come from, how they are batched, where results go.

Rules that must stay true here:
- These fields are checked and nothing is made of them: the Map keeps them as they stand.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.definition.number import read_whole
from stepwell.language.definition.payload import read_template

DISTRIBUTED_FIELDS: Final = ("ItemReader", "ItemBatcher", "ResultWriter", "Label")
_MAX_LABEL: Final = 40
_LABEL_FORBIDS: Final = frozenset('?*<>{}[]"#%\\^|~`$&,;:/')
_READER_RESOURCES: Final = ("s3:getObject", "s3:listObjectsV2")
_WRITER_RESOURCES: Final = ("s3:putObject",)
_READER_CONFIG: Final = (
    "InputType",
    "Transformation",
    "CSVHeaderLocation",
    "CSVHeaders",
    "CSVDelimiter",
    "ManifestType",
    "MaxItems",
    "MaxItemsPath",
    "ItemsPointer",
)
_WRITER_CONFIG: Final = ("Transformation", "OutputType")
_MAX_BATCH_BYTES: Final = 262_144
_MAX_ITEMS: Final = 100_000_000


def check_distributed(node: Node, language: QueryLanguage, *, distributed: bool) -> None:
    """Reports the faults of the fields of a distributed Map.

    In a Map that is not distributed AWS refuses them, but for the tolerated failures, which are read in `tolerance`.
    """
    if not distributed:
        for name in DISTRIBUTED_FIELDS:
            if name in node:
                node.fault(f"Field '{name}' is only supported when 'Mode' is 'DISTRIBUTED'")
    _check_label(node)
    _check_batcher(node.object("ItemBatcher"), language)
    _check_reader(node.object("ItemReader"), language)
    _check_writer(node.object("ResultWriter"), language)


def _check_label(node: Node) -> None:
    label = node.text("Label")
    if label is None:
        return
    wrong = next((char for char in label if char in _LABEL_FORBIDS or char.isspace() or not char.isprintable()), None)
    if not label:
        node.fault("Label cannot be empty", "Label", "INVALID_LABEL_NAME")
    elif len(label) > _MAX_LABEL:
        node.fault(f"Label cannot exceed {_MAX_LABEL} characters", "Label", "INVALID_LABEL_NAME")
    elif wrong is not None:
        node.fault(f"Label contains invalid character: {wrong!r}", "Label", "INVALID_LABEL_NAME")
    elif label in node.findings.labels:
        node.fault(f"Duplicate label name: {label}", "Label", "DUPLICATE_LABEL_NAME")
    node.findings.labels.add(label)


def _check_batcher(batcher: Node | None, language: QueryLanguage) -> None:
    if batcher is None:
        return
    sizes = ("MaxItemsPerBatch", "MaxInputBytesPerBatch")
    paths = () if language == JSONATA else tuple(f"{size}Path" for size in sizes)
    batcher.allow(("BatchInput", *sizes, *paths))
    if not any(name in batcher for name in (*sizes, *paths)):
        batcher.fault(f"At least one of these fields is required: [{', '.join(sizes)}]")
    read_whole(batcher, "MaxItemsPerBatch", language, 1)
    read_whole(batcher, "MaxInputBytesPerBatch", language, 1, _MAX_BATCH_BYTES)
    _check_payload(batcher, "BatchInput", language)


def _check_reader(reader: Node | None, language: QueryLanguage) -> None:
    if reader is None:
        return
    arguments = "Arguments" if language == JSONATA else "Parameters"
    reader.allow(("Resource", "ReaderConfig", arguments))
    if reader.require("Resource"):
        _check_resource(reader, _READER_RESOURCES)
    _check_payload(reader, arguments, language)
    config = reader.object("ReaderConfig")
    if config is None:
        return
    config.allow(_READER_CONFIG)
    config.one_of("InputType", ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"))
    config.one_of("Transformation", ("NONE", "LOAD_AND_FLATTEN"))
    config.one_of("CSVHeaderLocation", ("FIRST_ROW", "GIVEN"))
    config.one_of("CSVDelimiter", ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"))
    config.one_of("ManifestType", ("ATHENA_DATA", "S3_INVENTORY"))
    config.array("CSVHeaders")
    config.text("ItemsPointer")
    if config.members.get("CSVHeaderLocation") == "GIVEN":
        config.require("CSVHeaders")
    read_whole(config, "MaxItems", language, 0, _MAX_ITEMS)


def _check_writer(writer: Node | None, language: QueryLanguage) -> None:
    if writer is None:
        return
    arguments = "Arguments" if language == JSONATA else "Parameters"
    writer.allow(("Resource", "WriterConfig", arguments))
    if "Resource" not in writer and "WriterConfig" not in writer:
        writer.require("Resource")
    _check_resource(writer, _WRITER_RESOURCES)
    _check_payload(writer, arguments, language)
    config = writer.object("WriterConfig")
    if config is not None:
        config.allow(_WRITER_CONFIG)
        config.one_of("Transformation", ("NONE", "COMPACT", "FLATTEN"))
        config.one_of("OutputType", ("JSON", "JSONL"))


def _check_resource(node: Node, actions: tuple[str, ...]) -> None:
    arn = node.text("Resource")
    if arn is not None and not (
        arn.startswith("arn:") and arn.endswith(tuple(f":states:::{name}" for name in actions))
    ):
        node.fault(
            f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is"
            " not available in this region.",
            "Resource",
        )


def _check_payload(node: Node, name: str, language: QueryLanguage) -> None:
    if language == JSONATA:
        jsonata.read_value(node, name)
    else:
        read_template(node, name)
