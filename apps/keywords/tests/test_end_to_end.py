"""The app as clients meet it: its single routes and the plain ones, each failure that they know, and a kill."""

from __future__ import annotations

import boto3
import httpx
import pytest

from apps.keywords.tests.conftest import Running
from tests.patience import PATIENCE, until

FOOTWEAR = {"industry": "footwear", "usp": "shoes that are repaired", "key_services": ["outsoles"]}
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Content-Type,Authorization",
    "access-control-allow-methods": "POST,OPTIONS",
}


def test_both_routes_start_at_once_and_answer_with_what_they_found(app: Running) -> None:
    with app.server():
        started = app.post("/orchestrate", FOOTWEAR)
        assert started.status_code == 200
        assert started.json().keys() == {"status", "job_id", "message"}
        assert started.json()["status"] == "PENDING"
        assert started.json()["message"] == "Job started, poll for results"
        found = app.polled("/orchestrate", started.json()["job_id"])
        assert found["status"] == "COMPLETED"
        assert found["keywords"][0]["weight"] == 1.0
        terms = [keyword["term"] for keyword in found["keywords"]]
        assert {"shoe repair", "recycled rubber", "carbon plate"} <= set(terms)

        asked = {"industry": "footwear", "keywords": found["keywords"], "query_id": "q-1"}
        started = app.post("/trends", asked)
        assert started.json()["status"] == "PENDING"
        trends = app.polled("/trends", started.json()["job_id"])
        assert [month["month"] for month in trends["timeline"]] == [f"2026-0{month}" for month in range(1, 7)]
        assert any(insight.startswith("carbon plate: falling") for insight in trends["insights"])

        row = app.get(f"/jobs/{started.json()['job_id']}").json()
        assert (row["job_type"], row["status"]) == ("trends", "COMPLETED")
        assert row["inputs"] == asked
        assert (row["query_id"], "s3_key" in row) == ("q-1", False)
        assert row["outputs"]["insights"] == trends["insights"]
        assert row["expires_at"] == row["created_at"] + 7 * 24 * 3600


def test_mistakes_are_answered_in_the_words_that_clients_know(app: Running) -> None:
    with app.server():
        for path, body, status, message in (
            ("/orchestrate", {"industry": "x"}, 400, "Missing required fields: industry and usp"),
            ("/trends", {"industry": "x"}, 400, "Missing required fields: industry and keywords"),
            ("/orchestrate", {"job_id": "nope"}, 404, "Job nope not found"),
        ):
            answer = app.post(path, body)
            assert (answer.status_code, answer.json()) == (status, {"status": "FAILED", "message": message})
            assert CORS.items() <= answer.headers.items()
        refused = app.post("/orchestrate", FOOTWEAR, Authorization="Bearer wrong")
        assert (refused.status_code, refused.json()["status"]) == (401, "FAILED")
        assert app.get("/jobs", Authorization="Bearer wrong").status_code == 401
        preflight = httpx.options(f"{app.url}/orchestrate", headers={"Origin": "https://a.example"}, timeout=PATIENCE)
        assert preflight.status_code == 200
        assert CORS.items() <= preflight.headers.items()


def test_a_site_that_fails_is_asked_again(app: Running) -> None:
    with app.server():
        app.behave(fail_next=[503], lose_next=1)
        job_id = app.post("/orchestrate", FOOTWEAR).json()["job_id"]
        assert app.polled("/orchestrate", job_id)["status"] == "COMPLETED"


def test_an_industry_that_nobody_writes_about_has_failed_with_a_message(app: Running) -> None:
    with app.server():
        job_id = app.post("/orchestrate", {**FOOTWEAR, "industry": "alchemy"}).json()["job_id"]
        job = app.polled("/orchestrate", job_id)
        assert (job["status"], job["message"]) == ("FAILED", "There are no pages about 'alchemy'.")
        assert app.get(f"/jobs/{job_id}").json()["error"] == "NoDocuments"


def test_a_job_that_cannot_be_handed_over_has_failed_with_the_reason(app: Running) -> None:
    with app.server():
        sfn = boto3.client(
            "stepfunctions",
            endpoint_url=app.url,
            region_name="us-east-1",
            aws_access_key_id="TESTS",
            aws_secret_access_key=app.token,
        )
        machine = "arn:aws:states:us-east-1:123456789012:stateMachine:keyword-trend-trends"
        sfn.delete_state_machine(stateMachineArn=machine)
        job_id = app.post("/trends", {"industry": "footwear", "keywords": ["sole"]}).json()["job_id"]
        job = app.polled("/trends", job_id)
        assert job["status"] == "FAILED"
        assert "keyword-trend-trends" in job["message"]


def test_a_start_is_answered_at_once_though_the_work_takes_its_time(app: Running) -> None:
    with app.server():
        app.behave(delay_seconds=3600)
        job_id = app.post("/orchestrate", FOOTWEAR).json()["job_id"]
        assert app.get(f"/jobs/{job_id}").json()["status"] in ("PENDING", "PROCESSING")
        app.behave(delay_seconds=0)
        assert app.polled("/orchestrate", job_id)["status"] == "COMPLETED"


@pytest.mark.parametrize("path", ["/orchestrate", "/jobs/orchestrate"])
def test_a_job_under_way_survives_kill_9_and_runs_once(app: Running, path: str) -> None:
    with app.server() as kill:
        app.behave(delay_seconds=3600)
        job_id = app.post(path, FOOTWEAR).json()["job_id"]
        until(lambda: app.behave()["asked"])  # the processor reads the site
        kill()
    app.behave(delay_seconds=0)
    with app.server():
        job = app.polled("/orchestrate", job_id)
        assert job["status"] == "COMPLETED"
        assert len(app.get("/jobs").json()["jobs"]) == 1
    assert b"Traceback" not in app.log.read_bytes()
