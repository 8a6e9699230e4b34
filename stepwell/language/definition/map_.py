"""The Map state.

Rules that must stay true here:
- The older names Iterator and Parameters mean what ItemProcessor and ItemSelector mean, and exclude them.
- The fields of a distributed Map are checked here and kept as they stand in the definition.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from stepwell.language.definition import jsonata
from stepwell.language.definition.catch import read_catch
from stepwell.language.definition.distributed import DISTRIBUTED_FIELDS, read_distributed
from stepwell.language.definition.legal import JSONATA, JSONPATH, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.definition.number import read_whole
from stepwell.language.definition.payload import read_path, read_template
from stepwell.language.definition.retry import read_retry
from stepwell.language.definition.setting import Common, Setting
from stepwell.language.definition.tolerance import read_tolerated_count, read_tolerated_percentage
from stepwell.language.fields import ItemsPath
from stepwell.language.jsonata.fields import InputItems, Items
from stepwell.language.jsonpath import compile_path
from stepwell.language.model import Expression, Map, Program
from stepwell.language.values import Json

_DISTRIBUTED: Final = "DISTRIBUTED"


def processor_node(node: Node) -> Node | None:
    """The object that is the state's processor."""
    if not node.at_most_one("ItemProcessor", "Iterator"):
        return None
    if "Iterator" in node:
        return node.object("Iterator")
    node.require("ItemProcessor")
    return node.object("ItemProcessor")


def processor_setting(processor: Node, setting: Setting) -> Setting:
    """What holds inside the processor: that of a distributed Map runs as workflows of its own ExecutionType."""
    config = processor.object("ProcessorConfig")
    if config is None:
        return setting
    config.allow(("Mode", "ExecutionType"))
    mode = config.one_of("Mode", ("INLINE", _DISTRIBUTED))
    kind = config.one_of("ExecutionType", ("STANDARD", "EXPRESS"))
    if mode != _DISTRIBUTED:
        return setting
    config.require("ExecutionType")
    if setting.express:
        config.fault("Express state machine does not support a Map state in 'DISTRIBUTED' mode", "Mode")
    return replace(setting, express=kind == "EXPRESS")


def read_map(
    node: Node, common: Common, processor: Program | None, machine_language: QueryLanguage = JSONPATH
) -> Map | None:
    """`processor` is the compiled processor; None where it has a fault."""
    items = _read_items(node, common)
    selector = _read_selector(node, common)
    concurrency = read_whole(node, "MaxConcurrency", common.language, 0)
    distributed = _is_distributed(node)
    distribution = read_distributed(node, common.language, machine_language, _processor(node), distributed)
    tolerated_count = read_tolerated_count(node, common.language)
    tolerated_percentage = read_tolerated_percentage(node, common.language)
    retry, catch = read_retry(node), read_catch(node, common.language)
    if items is None or processor is None:
        return None
    return Map(
        name=common.name,
        flow=common.flow,
        next=common.next,
        comment=common.comment,
        processor=processor,
        items=items,
        items_vary=common.language == JSONATA and "Items" in node,
        item_selector=selector,
        max_concurrency=concurrency,
        tolerated_count=tolerated_count,
        tolerated_percentage=tolerated_percentage,
        retry=retry,
        catch=catch,
        distribution=distribution,
        distributed=distributed,
        distributed_fields=_distributed_fields(node) if distributed else {},
    )


def _read_items(node: Node, common: Common) -> Expression | None:
    """Items (JSONata) or ItemsPath, which is `$` where the definition gives none."""
    if common.language == JSONATA:
        if "Items" not in node:
            return InputItems()
        if not jsonata.is_expression(node, "Items") and node.array("Items") is None:
            return None
        expression = jsonata.read_value(node, "Items")
        return None if expression is None else Items(expression)
    if "ItemsPath" not in node:
        return ItemsPath(compile_path("$"))
    path = read_path(node, "ItemsPath")
    return None if path is None else ItemsPath(path)


def _read_selector(node: Node, common: Common) -> Expression | None:
    if common.language == JSONATA:
        return jsonata.read_value(node, "ItemSelector")
    node.at_most_one("ItemSelector", "Parameters")
    return read_template(node, "ItemSelector" if "ItemSelector" in node else "Parameters")


def _processor(node: Node) -> dict[str, Json]:
    processor = node.members.get("ItemProcessor", node.members.get("Iterator"))
    return processor if isinstance(processor, dict) else {}


def _config(node: Node) -> dict[str, Json]:
    config = _processor(node).get("ProcessorConfig")
    return config if isinstance(config, dict) else {}


def _is_distributed(node: Node) -> bool:
    return _config(node).get("Mode") == _DISTRIBUTED


def _distributed_fields(node: Node) -> dict[str, Json]:
    return {name: node.members[name] for name in DISTRIBUTED_FIELDS if name in node} | {
        "ProcessorConfig": _config(node)
    }
