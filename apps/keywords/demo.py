"""The keywords app, its site, and one job of each type to watch: `python -m apps.demo keywords`.

Rules that must stay true here:
- All that it leaves behind stands in its folder; the processes that it starts end with the demo.
- It does what a client would do, over HTTP only.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from apps.processes import DemoFailed, free_port, running, server_command, wait_until_listening

SLOW = 1.5  # seconds that each page takes: the work takes longer than any of its requests


def play(folder: Path, processes: ExitStack) -> None:
    """Run the demo in a folder; what it starts goes on until the stack is closed. Raises DemoFailed and others."""
    port, site_port = free_port(8084), free_port()
    token = secrets.token_urlsafe(24)
    environment = {
        "KEYWORDS_SITE_URL": f"http://127.0.0.1:{site_port}",
        "STEPWELL_TOKENS": f"demo:{token}",
    }
    for name, ready_at, command in (
        ("site", site_port, ["apps.keywords.site", "--port", str(site_port)]),
        ("server", port, server_command("apps.keywords:app", port, folder / "stepwell.db")),
    ):
        process = processes.enter_context(running(command, environment, folder / f"{name}.log"))
        wait_until_listening(process, ready_at, folder / f"{name}.log")
    url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        httpx.put(
            f"{environment['KEYWORDS_SITE_URL']}/control", json={"delay_seconds": SLOW}, timeout=30
        ).raise_for_status()
        found = _single_route(client, {"industry": "footwear", "usp": "shoes that are repaired, not thrown away"})
        _rest(client, {"industry": "footwear", "keywords": found["keywords"][:6]})
    print(f"""
The API is at {url}, with the page {url}/jobs/docs to try it on. The token of this demo:

  export STEPWELL_TOKEN={token} STEPWELL_ENDPOINT_URL={url}
  stepwell jobs list
""")


def _single_route(client: httpx.Client, asked: dict[str, Any]) -> dict[str, Any]:
    """Start and poll on one route; what the job has put out."""
    print(f"POST {client.base_url}/orchestrate  {json.dumps(asked)}")
    began = time.monotonic()
    answer = client.post("/orchestrate", json=asked)
    print(f"     {answer.text}  (after {(time.monotonic() - began) * 1000:.0f} ms)")
    job = answer.raise_for_status().json()
    while job["status"] in ("PENDING", "PROCESSING"):
        time.sleep(float(answer.headers["Retry-After"]))
        answer = client.post("/orchestrate", json={"job_id": job["job_id"]})
        job = answer.raise_for_status().json()
        print(f"     {job['status']:<11} {job.get('message', '')}", flush=True)
    if job["status"] != "COMPLETED":
        raise DemoFailed(job["message"])
    for keyword in job["keywords"][:8]:
        print(f"     {keyword['weight']:.2f}  {keyword['term']}")
    return dict(job)


def _rest(client: httpx.Client, asked: dict[str, Any]) -> None:
    """Start a job, follow its events, and show what it has put out."""
    print(f"\nPOST {client.base_url}/jobs/trends  the six heaviest of them")
    started = client.post("/jobs/trends", json=asked).raise_for_status()
    print(f"     {started.status_code}, Location: {started.headers['Location']}")
    job: dict[str, Any] = {}
    with client.stream("GET", f"{started.headers['Location']}/events") as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                job = json.loads(line.removeprefix("data: "))
                said = job.get("status") or f"{job['fraction']:.0%} {job['message']}"
                print(f"     {said}", flush=True)
    if job.get("status") != "COMPLETED":
        raise DemoFailed(f"the job has ended as {job}")
    for insight in job["outputs"]["insights"]:
        print(f"     {insight}")
