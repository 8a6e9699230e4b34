"""Templates written into a folder and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from stepwell.deploy.description import Template
from stepwell.deploy.template import TemplateFaults, read_template

Read = Callable[..., Template]

PASSES = '{"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}'


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a template's text, in a folder `shop` with the given files; parameters are `NAME=VALUE`."""

    def read_text(
        text: str, *given: str, name: str = "template.yaml", region: str = "eu-west-1", **files: str
    ) -> Template:
        folder = tmp_path / "shop"
        (folder / "src").mkdir(parents=True, exist_ok=True)
        (folder / "src" / "app.py").write_text("def handler(event, context):\n    return event\n")
        (folder / name).write_text(dedent(text))
        for file, content in files.items():
            (folder / file.replace("__", "/")).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.replace("__", "/")).write_text(content)
        return read_template(folder / name, region=region, account="123456789012", given=given)

    return read_text


@pytest.fixture
def value(read: Read) -> Callable[..., str]:
    """What an expression of a template comes to, as the variable of a function; `more` are further sections."""

    def value_of(expression: str, *given: str, more: str = "", resources: str = "", **files: str) -> str:
        template = read(
            f"""\
{dedent(more)}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Runtime: python3.12
      Environment:
        Variables:
          VALUE: {expression}
{resources}
""",
            *given,
            **files,
        )
        [function] = [function for function in template.functions if function.logical_id == "Orders"]
        return function.environment["VALUE"]

    return value_of


@pytest.fixture
def faults(read: Read) -> Callable[..., str]:
    """What is told of a template that cannot be read, less the folder's path."""

    def faults_of(text: str, *given: str, **files: str) -> str:
        with pytest.raises(TemplateFaults) as told:
            read(text, *given, **files)
        return "\n".join(line.partition("template.yaml: ")[2] for line in str(told.value).splitlines())

    return faults_of
