"""The app behind the doors that are fuzzed: routes of a template, job types, a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepwell.deploy.template_app import load_template
from stepwell.settings import Settings

app = load_template(Path(__file__).parent / "template.yaml", Settings())


@app.job("trends", retries=0)
async def trends(industry: str, keywords: list[str], limit: int = 10) -> dict[str, Any]:
    """Find trends."""
    return {"industry": industry, "keywords": keywords[:limit]}


app.job_route("/trends", job="trends", required=("industry", "keywords"))
