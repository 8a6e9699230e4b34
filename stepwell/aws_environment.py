"""The variables that point AWS's tools at a server.

Rules that must stay true here:
- Credentials of the user are never put aside: made-up ones are for who has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MADE_UP = "stepwell"
"""Both halves of the made-up credentials; the secret is another one where the server asks who is calling."""

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


def aws_variables(url: str, region: str, environ: Mapping[str, str], secret: str = MADE_UP) -> dict[str, str]:
    """What makes the AWS CLI and SDKs talk to the server at `url`, for who has the variables of `environ`.

    `secret` goes with the made-up access key.
    """
    variables = {
        "AWS_ENDPOINT_URL_SFN": url,
        "AWS_ENDPOINT_URL_LAMBDA": url,
        # StartSyncExecution and TestState go to `sync-HOST` else, a name that nobody resolves.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    if not _has_credentials(environ):
        variables |= {"AWS_ACCESS_KEY_ID": MADE_UP, "AWS_SECRET_ACCESS_KEY": secret}
    return variables


def _has_credentials(environ: Mapping[str, str]) -> bool:
    if any(environ.get(name) for name in _CREDENTIALS):
        return True
    named = environ.get("AWS_SHARED_CREDENTIALS_FILE")
    return (Path(named) if named else Path.home() / ".aws" / "credentials").is_file()
