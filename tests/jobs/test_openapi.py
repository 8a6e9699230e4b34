"""The description of the API, the page to try it on, and what pages of other origins may do."""

from __future__ import annotations

import re

import pytest

from tests.jobs.conftest import Houses
from tests.jobs.sample_app import app


async def test_the_document_is_openapi_3_1_and_says_what_is_served(houses: Houses) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    async with houses.open(app) as house:
        document = (await house.http.get("/jobs/openapi.json")).json()
    validator.validate(document)
    assert document["openapi"] == "3.1.0"
    starts = {path for path, item in document["paths"].items() if "post" in item}
    assert starts == {f"/jobs/{name}" for name in app.jobs}
    start = document["paths"]["/jobs/trends"]["post"]
    assert (start["summary"], start["description"]) == ("Find trends.", "They come from dated documents.")
    schemas = document["components"]["schemas"]
    assert schemas["TrendsInput"]["required"] == ["industry", "keywords"]
    assert schemas["Order"]["properties"]["count"] == {"type": "integer", "default": 1}


async def test_the_page_loads_nothing_from_elsewhere_and_could_not(houses: Houses) -> None:
    async with houses.open(app) as house:
        for path in ("/jobs/docs", "/jobs/docs.js", "/jobs/docs.css"):
            answer = await house.http.get(path)
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert re.search(r"https?://", answer.text) is None
            assert " style=" not in answer.text
        assert "onclick" not in (await house.http.get("/jobs/docs")).text


async def test_an_allowed_origin_may_ask_and_read(houses: Houses) -> None:
    houses.origins = ("https://app.example",)
    async with houses.open(app) as house:
        asked = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,prefer",
        }
        preflight = await house.http.options("/jobs/single", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        answer = await house.post("single", {"n": 1}, Origin="https://app.example")
        exposed = answer.headers["access-control-expose-headers"]
        assert {"Location", "Retry-After", "Preference-Applied"} <= set(exposed.split(", "))
        problem = await house.http.get("/jobs/nope", headers={"Origin": "https://app.example"})
        assert problem.headers["access-control-allow-origin"] == "https://app.example"


async def test_other_origins_and_servers_without_the_setting_allow_nothing(houses: Houses) -> None:
    houses.origins = ("https://app.example",)
    async with houses.open(app) as house:
        answer = await house.http.get("/jobs", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
        elsewhere = await house.http.get("/health", headers={"Origin": "https://app.example"})
        assert "access-control-allow-origin" not in elsewhere.headers
    houses.origins = ()
    async with houses.open(app) as house:
        answer = await house.http.get("/jobs", headers={"Origin": "https://app.example"})
        assert "access-control-allow-origin" not in answer.headers
