"""How the recovery app is set up: environment variables, read when they are needed.

Rules that must stay true here:
- The API and the functions run in processes of their own and share nothing but these variables and the files they name.
- What has no safe default has none: a missing variable is an error that names it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


class NotConfigured(Exception):
    """A variable that is needed is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`database` is the SQLite file of the records, `plans` the JSON file of plans and protection groups. The end of
    a wave is told to `topic_arn` (SNS), to `webhook_url`, to both or to nobody; `webhook_secret` signs the posts."""

    database: Path
    plans: Path
    machine_arn: str
    use_step_functions: bool
    topic_arn: str | None
    webhook_url: str | None
    webhook_secret: str | None

    @staticmethod
    def from_environment() -> Settings:
        region = os.environ.get("AWS_REGION", "us-east-1")
        made = (
            f"arn:aws:states:{region}:{os.environ.get('AWS_ACCOUNT_ID', '123456789012')}:stateMachine:{machine_name()}"
        )
        return Settings(
            database=Path(os.environ.get("RECOVERY_DATABASE", "recovery.db")),
            plans=Path(os.environ.get("RECOVERY_PLANS", Path(__file__).with_name("plans.json"))),
            machine_arn=os.environ.get("RECOVERY_STATE_MACHINE_ARN", made),
            use_step_functions=os.environ.get("USE_STEP_FUNCTIONS", "true").strip().lower() not in ("false", "0", "no"),
            topic_arn=os.environ.get("RECOVERY_TOPIC_ARN") or None,
            webhook_url=os.environ.get("RECOVERY_WEBHOOK_URL") or None,
            webhook_secret=os.environ.get("RECOVERY_WEBHOOK_SECRET") or None,
        )


def machine_name() -> str:
    """`{ProjectName}-orchestration-{Environment}`."""
    return f"{os.environ.get('PROJECT_NAME', 'recovery')}-orchestration-{os.environ.get('ENVIRONMENT', 'dev')}"


def api_token() -> str:
    """The bearer token of the HTTP routes. Raises NotConfigured when it is not set."""
    token = os.environ.get("RECOVERY_API_TOKEN")
    if not token:
        raise NotConfigured("RECOVERY_API_TOKEN is not set")
    return token
