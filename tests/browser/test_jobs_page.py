"""Jobs from a browser: pages of another origin, server-sent events, and the page to try it on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tests.patience import PATIENCE
from tests.server import Server, serving

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def server(tmp_path: Path, site: str) -> Iterator[Server]:
    """A server that lets the pages of `site` use its jobs."""
    folder = tmp_path / "server"
    folder.mkdir()
    with serving(folder, ["tests.browser.jobs_app:app"], environment={"STEPWELL_CORS_ORIGINS": site}) as found:
        yield found


def run(browser: WebDriver, script: str, *arguments: object) -> Any:
    """What an async function's body returns in the page; an exception as its text."""
    wrapped = (
        "const done = arguments[arguments.length - 1];"
        f"(async (...args) => {{ {script} }})(...arguments).then(done, (error) => done(`raised: ${{error}}`));"
    )
    return browser.execute_async_script(wrapped, *arguments)


START = """
const answer = await fetch(args[0], {
  method: "POST",
  headers: {"Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID?.() ?? "k"},
  body: JSON.stringify(args[1]),
});
return [answer.status, answer.headers.get("Location"), answer.headers.get("Retry-After"), await answer.json()];
"""

FOLLOW = """
const told = [];
const source = new EventSource(args[0]);
return await new Promise((resolve) => {
  source.addEventListener("progress", (event) => told.push([event.lastEventId, JSON.parse(event.data).message]));
  source.addEventListener("status", (event) => {
    const job = JSON.parse(event.data);
    told.push([event.lastEventId, job.status]);
    if (job.status === "COMPLETED") { source.close(); resolve(told); }
  });
});
"""


def test_a_page_of_an_allowed_origin_starts_a_job_and_follows_it(browser: WebDriver, server: Server, site: str) -> None:
    browser.get(site)
    status, location, after, started = run(browser, START, f"{server.url}/jobs/count", {"to": 4})
    assert (status, location, after) == (202, f"/jobs/{started['job_id']}", "1")
    told = run(browser, FOLLOW, f"{server.url}{location}/events")
    said = [what for _, what in told]
    assert said[0] in ("PENDING", "PROCESSING")
    assert said[-1] == "COMPLETED"
    assert [what for what in said if what.startswith("at ")] == sorted(
        {what for what in said if what.startswith("at ")}
    )
    assert all(id_ for id_, _ in told)


def test_a_page_of_another_origin_is_kept_out(browser: WebDriver, server: Server, site: str) -> None:
    other = site.replace("127.0.0.1", "localhost")
    browser.get(other)
    assert str(run(browser, START, f"{server.url}/jobs/count", {"to": 1})).startswith("raised: TypeError")
    reads = "return (await fetch(args[0])).status;"
    assert str(run(browser, reads, f"{server.url}/jobs")).startswith("raised: TypeError")


def test_any_page_uses_a_single_route(browser: WebDriver, server: Server, site: str) -> None:
    browser.get(site.replace("127.0.0.1", "localhost"))
    post = """
    const headers = {"Content-Type": "application/json", "Authorization": "Bearer x"};
    const answer = await fetch(args[0], {method: "POST", headers, body: JSON.stringify(args[1])});
    return [answer.status, await answer.json()];
    """
    status, started = run(browser, post, f"{server.url}/count", {"to": 1})
    assert (status, started["status"]) == (200, "PENDING")
    status, polled = run(browser, post, f"{server.url}/count", {"job_id": started["job_id"]})
    assert (status, polled["job_id"]) == (200, started["job_id"])


def test_the_page_starts_a_job_shows_it_and_cancels_one(browser: WebDriver, server: Server) -> None:
    browser.get(f"{server.url}/jobs/docs")
    wait = WebDriverWait(browser, PATIENCE)

    def shown(id_: str) -> str:
        return browser.find_element(By.ID, id_).text

    wait.until(lambda _: "Count up to a number." in shown("summary"))
    assert "integer" in str(browser.find_element(By.ID, "schema").get_attribute("textContent"))
    fill(browser, {"to": 3})
    wait.until(lambda _: shown("status") == "COMPLETED")
    assert json.loads(shown("job"))["outputs"] == 3

    fill(browser, {"to": "three"})
    wait.until(lambda _: "#/to: takes int" in shown("problem"))

    Select(browser.find_element(By.ID, "type")).select_by_visible_text("sleep")
    fill(browser, {"seconds": 60})
    wait.until(lambda _: shown("status") == "PROCESSING" and browser.find_element(By.ID, "cancel").is_displayed())
    browser.find_element(By.ID, "cancel").click()
    wait.until(lambda _: shown("status") == "CANCELLED")
    assert [entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]] == []


def fill(browser: WebDriver, input_: object) -> None:
    """Start a job with this input."""
    field = browser.find_element(By.ID, "input")
    field.clear()
    field.send_keys(json.dumps(input_))
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
