"""`stepwell connection` against a server."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_a_connection_is_made_changed_shown_listed_and_deleted(client: Shell) -> None:
    client.environ["VENDOR_KEY"] = "key-of-the-vendor"
    made = client("connection", "put", "vendor", "--api-key", "X-Api-Key=VENDOR_KEY")
    assert made.stdout.startswith("arn:aws:events:us-east-1:123456789012:connection/vendor/"), made.stderr
    again = client("connection", "put", "vendor", "--basic", "me=VENDOR_KEY", "--description", "A vendor")
    assert again.stdout == made.stdout
    shown = client.json("connection", "describe", "vendor")
    assert (shown["AuthorizationType"], shown["Description"]) == ("BASIC", "A vendor")
    assert shown["AuthParameters"]["BasicAuthParameters"] == {"Username": "me"}
    put = ("connection", "put", "crm", "--oauth", "https://login.example/token", "--client", "c=VENDOR_KEY")
    assert client(*put, "--scope", "orders").returncode == 0
    assert [each["Name"] for each in client.json("connection", "list")] == ["crm", "vendor"]
    everything = [client("connection", *words).stdout for words in (("list",), ("describe", "crm"))]
    assert "key-of-the-vendor" not in "".join(everything)
    for name in ("crm", "vendor"):
        assert client("connection", "delete", name).stdout == f"{name} is deleted\n"
    assert client("connection", "describe", "vendor").returncode != 0


def test_a_secret_comes_from_a_variable_only(client: Shell) -> None:
    wrong = client("connection", "put", "vendor", "--basic", "me=NOT_SET")
    assert "the variable NOT_SET is not set" in wrong.stderr
    assert "takes a name and a variable" in client("connection", "put", "vendor", "--api-key", "X-Api-Key").stderr
    oauth = client("connection", "put", "vendor", "--oauth", "https://login.example/token")
    assert "--oauth needs --client" in oauth.stderr
