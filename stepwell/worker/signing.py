"""Signs a worker's requests with AWS's credentials, where there are any.

Rules that must stay true here:
- botocore finds the credentials, as every AWS tool does, and signs; without it, requests go unsigned.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.worker.server import Sign


def find_signature(region: str) -> Sign | None:
    """What signs for AWS Step Functions in a region; None where botocore or credentials are missing."""
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import Session
    except ImportError:
        return None
    credentials = Session().get_credentials()
    if credentials is None:
        return None

    def sign(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        request = AWSRequest(method, url, data=body, headers=dict(headers))
        SigV4Auth(credentials.get_frozen_credentials(), "states", region).add_auth(request)
        return dict(request.headers.items())

    return sign
