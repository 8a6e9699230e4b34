"""The fields that only a distributed Map reads: where items come from, how they are batched, where results go.

Rules that must stay true here:
- The processor's definition is that of a machine of its own: what it takes from the machine around it is written into
  it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.definition.number import read_whole
from stepwell.language.definition.payload import read_path, read_template
from stepwell.language.fields import WholeNumberPath
from stepwell.language.model import Distribution, Expression, ItemBatcher, ItemReader, ResultWriter
from stepwell.language.values import Json, dumps

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


def read_distributed(
    node: Node,
    language: QueryLanguage,
    machine_language: QueryLanguage,
    processor: Mapping[str, Json],
    distributed: bool,
) -> Distribution | None:
    """What only a distributed Map has; None where the Map is not distributed.

    In such a one AWS refuses these fields, but for the tolerated failures, which are read in `tolerance`. `language` is
    the state's.
    """
    if not distributed:
        for name in DISTRIBUTED_FIELDS:
            if name in node:
                node.fault(f"Field '{name}' is only supported when 'Mode' is 'DISTRIBUTED'")
    label = _read_label(node)
    batcher = _read_batcher(node.object("ItemBatcher"), language)
    reader = _read_reader(node.object("ItemReader"), language)
    writer = _read_writer(node.object("ResultWriter"), language)
    if not distributed:
        return None
    config = processor.get("ProcessorConfig")
    return Distribution(
        definition=_definition(processor, machine_language),
        express=isinstance(config, dict) and config.get("ExecutionType") == "EXPRESS",
        label=label,
        reader=reader,
        batcher=batcher,
        writer=writer,
    )


def _definition(processor: Mapping[str, Json], machine_language: QueryLanguage) -> str:
    """The text of a processor as a machine of its own."""
    members = {name: value for name, value in processor.items() if name != "ProcessorConfig"}
    return dumps({"QueryLanguage": machine_language, **members} if machine_language == JSONATA else members)


def _read_label(node: Node) -> str | None:
    label = node.text("Label")
    if label is None:
        return None
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
    return label


def _read_batcher(batcher: Node | None, language: QueryLanguage) -> ItemBatcher | None:
    if batcher is None:
        return None
    sizes = ("MaxItemsPerBatch", "MaxInputBytesPerBatch")
    paths = () if language == JSONATA else tuple(f"{size}Path" for size in sizes)
    batcher.allow(("BatchInput", *sizes, *paths))
    if not any(name in batcher for name in (*sizes, *paths)):
        batcher.fault(f"At least one of these fields is required: [{', '.join(sizes)}]")
    return ItemBatcher(
        max_items=read_whole(batcher, "MaxItemsPerBatch", language, 1),
        max_bytes=read_whole(batcher, "MaxInputBytesPerBatch", language, 1, _MAX_BATCH_BYTES),
        input=_read_payload(batcher, "BatchInput", language),
    )


def _read_reader(reader: Node | None, language: QueryLanguage) -> ItemReader | None:
    if reader is None:
        return None
    arguments = "Arguments" if language == JSONATA else "Parameters"
    reader.allow(("Resource", "ReaderConfig", arguments))
    if reader.require("Resource"):
        _check_resource(reader, _READER_RESOURCES)
    config = reader.object("ReaderConfig")
    return ItemReader(
        action=str(reader.members.get("Resource")).rpartition(":")[2],
        arguments=_read_payload(reader, arguments, language),
        config={} if config is None else dict(config.members),
        max_items=None if config is None else _read_reader_config(config, language),
    )


def _read_reader_config(config: Node, language: QueryLanguage) -> Expression | None:
    """MaxItems."""
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
    path = read_path(config, "MaxItemsPath")
    if path is not None and config.at_most_one("MaxItems", "MaxItemsPath"):
        return WholeNumberPath(path, "MaxItemsPath", -_MAX_ITEMS, _MAX_ITEMS)  # who reads refuses a negative one
    return read_whole(config, "MaxItems", language, 0, _MAX_ITEMS)


def _read_writer(writer: Node | None, language: QueryLanguage) -> ResultWriter | None:
    if writer is None:
        return None
    arguments = "Arguments" if language == JSONATA else "Parameters"
    writer.allow(("Resource", "WriterConfig", arguments))
    if "Resource" not in writer and "WriterConfig" not in writer:
        writer.require("Resource")
    _check_resource(writer, _WRITER_RESOURCES)
    payload = _read_payload(writer, arguments, language)
    config = writer.object("WriterConfig")
    transformation = output_type = None
    if config is not None:
        config.allow(_WRITER_CONFIG)
        transformation = config.one_of("Transformation", ("NONE", "COMPACT", "FLATTEN"))
        output_type = config.one_of("OutputType", ("JSON", "JSONL"))
    return ResultWriter(
        exports="Resource" in writer,
        arguments=payload,
        transformation=transformation,
        output_type=output_type or "JSON",
    )


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


def _read_payload(node: Node, name: str, language: QueryLanguage) -> Expression | None:
    return jsonata.read_value(node, name) if language == JSONATA else read_template(node, name)
