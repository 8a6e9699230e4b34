"""`stepwell notify` against a server."""

from __future__ import annotations

from tests.cli.conftest import Shell
from tests.patience import until

WEBHOOK = "http://10.255.255.1:9/hooks"  # a private address: nothing is sent there


def test_rules_are_added_listed_and_removed(client: Shell) -> None:
    added = client.json(
        "notify", "add", "--machine", "fails", "--webhook", "https://example.com/hooks", "--on", "failed"
    )
    (rule,) = client.json("notify", "list")
    assert rule == added
    assert rule["machine"].endswith(":stateMachine:fails")
    assert rule["on"] == ["FAILED"]
    assert "https://example.com/hooks" in client("notify", "list").stdout
    assert client("notify", "remove", str(rule["id"])).returncode == 0
    assert client.json("notify", "list") == []
    again = client("notify", "remove", str(rule["id"]))
    assert again.stderr == f"stepwell: ResourceNotFound: There is no rule {rule['id']}\n"


def test_what_could_not_be_delivered_is_listed_tried_again_and_forgotten(client: Shell) -> None:
    rule = client.json("notify", "add", "--machine", "fails", "--webhook", WEBHOOK)
    client("start", "fails", "--wait")
    (one,) = until(lambda: client.json("notify", "dead"))
    assert "http_allowed_hosts" in one["error"]
    assert "http_allowed_hosts" in client("notify", "dead").stdout.replace("\n", "")
    assert client.json("notify", "retry", str(one["id"])) == {"count": 1}
    until(lambda: client.json("notify", "dead"))
    assert client.json("notify", "drop", "--all") == {"count": 1}
    assert client.json("notify", "dead") == []
    assert client("notify", "drop").returncode == 2
    client("notify", "remove", str(rule["id"]))
