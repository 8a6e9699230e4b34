"""`stepwell schedule` against a server."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell


def test_a_schedule_is_created_shown_paused_resumed_and_deleted(client: Shell) -> None:
    made = client(
        "schedule", "create", "nightly", "cron(0 2 * * ? *)", "--machine", "waits", "--timezone", "Asia/Tokyo"
    )
    assert made.stdout == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly\n", made.stderr
    (listed,) = client.json("schedule", "list")
    assert (listed["Name"], listed["ScheduleExpression"]) == ("nightly", "cron(0 2 * * ? *)")
    assert "nightly" in client("schedule", "list").stdout
    assert client("schedule", "pause", "nightly").stdout == "nightly is paused\n"
    assert "NextDate" not in client.json("schedule", "describe", "nightly")
    assert "nightly goes on; next: " in client("schedule", "resume", "nightly").stdout
    assert "cron(0 2 * * ? *)" in client("schedule", "describe", "nightly").stdout
    (due,) = client.json("schedule", "next", "nightly", "--count", "1")
    assert due.endswith("T02:00:00+09:00")
    assert client("schedule", "delete", "nightly").returncode == 0
    assert client("schedule", "list").stdout == ""


def test_a_schedule_of_the_name_is_replaced_only_when_that_is_said(client: Shell) -> None:
    words = ("schedule", "create", "daily", "rate(1 day)", "--machine", "waits", "--paused")
    assert client(*words).returncode == 0
    refused = client(*words)
    assert refused.returncode != 0
    assert refused.stderr == "stepwell: ConflictException: Schedule daily already exists.\n"
    more = ("--input", '{"n": 1}', "--catch-up", "latest", "--overlap", "skip", "--window", "5", "--replace")
    assert client(*words, *more).returncode == 0
    found = client.json("schedule", "describe", "daily")
    assert (found["CatchUp"], found["Overlap"]) == ("latest", "skip")
    assert found["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    assert found["Target"]["Input"] == '{"n": 1}'
    client("schedule", "delete", "daily")


def test_what_an_expression_means_is_told_without_a_server(shell: Shell) -> None:
    done = shell("schedule", "next", "cron(0 8 ? * MON 2199)", "--timezone", "Europe/Berlin", "--count", "2", "--json")
    assert json.loads(done.stdout) == ["2199-01-07T08:00:00+01:00", "2199-01-14T08:00:00+01:00"]
    assert shell("schedule", "next", "at(1999-01-01T00:00:00)").stdout == "It falls due no more.\n"


def test_what_is_wrong_with_an_expression_is_one_line(client: Shell) -> None:
    wrong = client("schedule", "next", "cron(0 8 * * *)")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("stepwell: cron(0 8 * * *) has 5 fields")
    refused = client("schedule", "create", "x", "rate(1 fortnight)", "--machine", "waits")
    assert "ValidationException: Invalid Schedule Expression: rate(1 fortnight)" in refused.stderr
