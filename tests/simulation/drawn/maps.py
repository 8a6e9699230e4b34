"""Map states, inline and distributed, with all that reads their items and writes their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from tests.simulation.drawn.draw import Draw, Place, State
from tests.simulation.drawn.flow import Flow
from tests.simulation.values import INPUT, OWN

Block: TypeAlias = Callable[[Place, int], State]
"""Draws states, at most so many, that stand somewhere."""


class Maps:
    def __init__(self, draw: Draw, flow: Flow, block: Block) -> None:
        self._draw = draw
        self._flow = flow
        self._block = block

    def state(self, name: str, scope: str, later: list[str], place: Place) -> State:
        at_hand = place.rich or place.jsonata  # else the items come from a reader
        distributed = place.distributed and (not at_hand or self._draw.may(0.45))
        fields = self._flow.rescue(scope, later, place) | self._flow.fields(
            place, result=True, selector=True, listing=True
        )
        if place.jsonata:
            items = [dict(INPUT, v=n) for n in range(self._draw.one(0, 1, 3, 3, 7))]
            fields["Items"] = items if distributed else self._draw.one(items, "{% [1..3] %}")
        elif place.rich:
            fields["ItemsPath"] = OWN + ".items"
        fields |= self._concurrency(place)
        return fields | (self._distributed(place) if distributed else self._inline(place))

    def _concurrency(self, place: Place) -> State:
        most = self._draw.one(None, 0, 1, 2)
        if most is None:
            return {}
        if place.jsonata and self._draw.may(0.3):
            return {"MaxConcurrency": f"{{% {most} %}}"}
        if place.rich and not place.jsonata and self._draw.may(0.3):
            return {"MaxConcurrencyPath": OWN + ".n"}
        return {"MaxConcurrency": most}

    def _selector(self, place: Place) -> State:
        """Gives each item the members of `INPUT`."""
        item = {"item": "{% $states.context.Map.Item.Value %}"} if place.jsonata else {"item.$": "$$.Map.Item.Value"}
        number = {"i": "{% $states.context.Map.Item.Index %}"} if place.jsonata else {"i.$": "$$.Map.Item.Index"}
        return {**INPUT, **item, **number}

    def _inline(self, place: Place) -> State:
        inner = replace(place, depth=place.depth - 1, beside=True)
        processor = self._block(inner, 3)
        if self._draw.may(0.1):
            processor["Comment"] = "of a processor"
        older = self._draw.may(0.3)  # the names that came first
        if not older and self._draw.may(0.5):
            processor["ProcessorConfig"] = {"Mode": "INLINE"}
        fields: State = {"Iterator" if older else "ItemProcessor": processor}
        if self._draw.steady or self._draw.may(0.5):  # what is steady goes on with objects
            fields["Parameters" if older and not place.jsonata else "ItemSelector"] = self._selector(place)
        return fields

    def _distributed(self, place: Place) -> State:
        express = self._draw.may(0.4)
        fields: State = {}
        if self._draw.may(0.3):
            fields["Label"] = f"L{self._draw.number()}"
        reading = (not place.rich and not place.jsonata) or self._draw.may(0.4)
        if reading:
            fields["ItemReader"] = self._reader(place)
        fields["ItemSelector"] = self._selector(place)
        batched = self._draw.may(0.3)
        if batched:
            fields["ItemBatcher"] = self._batcher(place)
        if self._draw.may(0.3):
            fields["ResultWriter"] = self._writer(place)
            if self._draw.steady and "Resource" in fields["ResultWriter"]:  # the result names the run
                fields |= {"Output": {"v": 9}} if place.jsonata else {"ResultPath": None}
        if place.beside and self._draw.steady:  # an error of its own is not to run against those of others
            fields["ToleratedFailurePercentage"] = 100
        else:
            fields |= self._tolerance(place)
        inner = Place(
            jsonata=place.whole,
            whole=place.whole,
            depth=place.depth - 1,
            rich=not batched,
            beside=True,
            express=express,
            distributed=False,
        )
        processor = self._block(inner, 2)
        processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" if express else "STANDARD"}
        return fields | {"ItemProcessor": processor}

    def _tolerance(self, place: Place) -> State:
        known: list[State] = [
            {},
            {"ToleratedFailureCount": self._draw.one(0, 1)},
            {"ToleratedFailurePercentage": self._draw.one(0, 12.5, 50)},
        ]
        if place.jsonata:
            known += [{"ToleratedFailureCount": "{% 2 %}"}, {"ToleratedFailurePercentage": "{% 100 %}"}]
        elif place.rich:
            known += [{"ToleratedFailureCountPath": OWN + ".n"}, {"ToleratedFailurePercentagePath": OWN + ".share"}]
        return self._draw.pick(known)

    def _reader(self, place: Place) -> State:
        delimiter = self._draw.one("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
        config: State = self._draw.one(
            {"InputType": "JSON", "ItemsPointer": "/deep"},
            {"InputType": "JSONL"},
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": delimiter},
            {"InputType": "PARQUET"},
            {"InputType": "MANIFEST", "ManifestType": self._draw.one("ATHENA_DATA", "S3_INVENTORY")},
            {"Transformation": self._draw.one("NONE", "LOAD_AND_FLATTEN")},
        )
        if place.rich and not place.jsonata and self._draw.may(0.3):
            config = config | {"MaxItemsPath": OWN + ".n"}
        elif self._draw.may(0.4):
            config = config | {"MaxItems": "{% 3 %}" if place.jsonata and self._draw.may(0.5) else self._draw.one(0, 2)}
        action = "listObjectsV2" if config.get("Transformation") else "getObject"
        arguments = {"Bucket": "b", "Key": "k"} if action == "getObject" else {"Bucket": "b", "Prefix": "p"}
        return {
            "Resource": f"arn:aws:states:::s3:{action}",
            "ReaderConfig": config,
            "Arguments" if place.jsonata else "Parameters": arguments,
        }

    def _batcher(self, place: Place) -> State:
        known: list[State] = [
            {"MaxItemsPerBatch": self._draw.one(1, 2)},
            {"MaxInputBytesPerBatch": self._draw.one(900, 3000)},
        ]
        if place.jsonata:
            known += [{"MaxItemsPerBatch": "{% 2 %}"}, {"MaxInputBytesPerBatch": "{% 3000 %}"}]
        elif place.rich:
            known += [{"MaxItemsPerBatchPath": OWN + ".n"}, {"MaxInputBytesPerBatchPath": OWN + ".bytes"}]
        return self._draw.pick(known) | ({"BatchInput": {"shared": 1}} if self._draw.may(0.5) else {})

    def _writer(self, place: Place) -> State:
        config = {
            "Transformation": self._draw.one("NONE", "COMPACT", "FLATTEN"),
            "OutputType": self._draw.one("JSON", "JSONL"),
        }
        if self._draw.may(0.4):
            return {"WriterConfig": config}
        return {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments" if place.jsonata else "Parameters": {"Bucket": "b", "Prefix": "out"},
            **({"WriterConfig": config} if self._draw.may(0.6) else {}),
        }
