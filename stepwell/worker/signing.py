"""Signs a worker's requests with AWS's credentials, where there are any.

Rules that must stay true here:
- An access key in the environment is enough. Those that AWS's tools find elsewhere (profiles, roles) are found where
  botocore is there; without either, requests go unsigned.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from stepwell.auth.signer import signer_of
from stepwell.worker.server import Sign


def find_signature(region: str) -> Sign | None:
    """What signs for AWS Step Functions in a region; None where there are no credentials."""
    signer = signer_of(os.environ)
    if signer is not None:
        found = replace(signer, region=region)
        return lambda method, url, body, headers: found.sign(method, url, headers, body)
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
