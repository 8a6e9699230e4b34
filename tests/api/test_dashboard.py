"""The dashboard and the alerts that come with the docs ask for what the server tells, and for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

from tests.api.conftest import PASS

FOLDER = Path(__file__).parents[2] / "docs" / "grafana"
PAGE = FOLDER.parent / "monitoring.md"
METRIC = re.compile(r"\b(?:stepwell|process|python)_[a-z_]+")
SELDOM = {"stepwell_commits_refused_total"}  # told once it has happened


def expressions() -> list[str]:
    """Every expression of the dashboard and the alerts."""
    board = json.loads((FOLDER / "stepwell.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [variable["definition"] for variable in board["templating"]["list"] if "definition" in variable]
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


async def told(http: httpx.AsyncClient) -> dict[str, set[str]]:
    """The names of all samples, with the names of their labels."""
    found: dict[str, set[str]] = {}
    for line in (await http.get("/metrics")).text.splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rpartition(" ")[0].partition("{")
            found.setdefault(name, set()).update(re.findall(r"(\w+)=\"", labels))
    return found


async def test_every_metric_that_is_asked_for_is_told_after_a_run(aws) -> None:
    machine = await aws.create(definition=PASS)
    await aws.ended(await aws.start(machine))
    known = await told(aws.http)
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert asked - SELDOM <= set(known)
    for expression in expressions():
        for name, labels in re.findall(r"\b(stepwell_[a-z_]+)\{([^}]*)\}", expression):
            if name in SELDOM:
                continue
            wanted = set(re.findall(r"(\w+)\s*[=!]", labels)) - {"instance", "job"}
            assert wanted <= known[name], expression


def test_every_metric_that_the_page_tells_of_is_shown() -> None:
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for asked in expressions() for name in METRIC.findall(asked)}
    assert set(re.findall(r"`(stepwell_[a-z_]+)`", PAGE.read_text("utf-8"))) <= shown


async def test_the_page_tells_of_every_metric_and_of_no_other(aws) -> None:
    machine = await aws.create(definition=PASS)
    await aws.ended(await aws.start(machine))
    names = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in await told(aws.http)}
    ours = {name for name in names if name.startswith("stepwell_")} - {"stepwell_info"} | SELDOM
    listed = set(re.findall(r"`(stepwell_[a-z_]+)`", PAGE.read_text("utf-8")))
    assert listed == ours


@pytest.mark.parametrize("key", ["summary", "do"])
def test_every_alert_says_what_is_wrong_and_what_to_do(key: str) -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    assert all(rule["annotations"][key] for group in rules["groups"] for rule in group["rules"])


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    board = json.loads((FOLDER / "stepwell.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert board["uid"] == "stepwell"
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"] if "targets" in panel)
