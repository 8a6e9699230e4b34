"""A client that looks closely: the answer to a request whatever it is, and what the server says of itself.

Rules that must stay true here:
- Every wait has an end; what does not come in time is told with what was seen last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from tests.patience import PATIENCE, until

RESTS: dict[str, Any] = {
    "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Done"},
    "Done": {"Type": "Pass", "End": True},
}
ARN = "arn:aws:states:us-east-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/x"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str | None:
        return None if self.status == 200 else str(self.body["__type"])


@dataclass(frozen=True)
class Caller:
    port: int
    patience: float = PATIENCE
    """Seconds that an answer may take."""

    def ask(self, operation: str, **members: Any) -> Answer:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
        return self._ask("POST", "/", json.dumps(members), headers)

    def call(self, operation: str, **members: Any) -> Any:
        """The answer of a request that succeeds."""
        answer = self.ask(operation, **members)
        assert answer.status == 200, answer.text
        return answer.body

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def metric(self, name: str) -> float:
        """The value of a metric without labels, or the sum of one with labels."""
        lines = [line for line in self.get("/metrics").text.splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines if line[len(name)] in " {")

    def create(self, name: str, states: dict[str, Any], **more: Any) -> str:
        """Make a machine that begins with the first of its states."""
        definition = json.dumps({"StartAt": next(iter(states)), "States": states, **more})
        made = self.call("CreateStateMachine", name=name, definition=definition, roleArn=ROLE)
        return str(made["stateMachineArn"])

    def start(self, machine: str, name: str, input: Any = None) -> str:
        made = self.call("StartExecution", stateMachineArn=machine, name=name, input=json.dumps(input or {}))
        return str(made["executionArn"])

    def end_of(self, execution: str, seconds: float = PATIENCE) -> Any:
        """The execution once it runs no more."""

        def ended() -> Any:
            row = self.call("DescribeExecution", executionArn=execution)
            return None if row["status"] == "RUNNING" else row

        return until(ended, seconds=seconds)

    def history(self, execution: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.call("GetExecutionHistory", executionArn=execution, maxResults=1000, **token)
            events += page["events"]
            if "nextToken" not in page:
                return events
            token = {"nextToken": page["nextToken"]}

    def _ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        finally:
            connection.close()
