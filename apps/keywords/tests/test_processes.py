"""A demo's servers know nothing of the servers and accounts that a user's shell names."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.processes import running
from tests.patience import PATIENCE

TELL = "import os; print(sorted(name for name in os.environ if name.startswith(('STEPWELL_', 'AWS_'))))"


def test_what_a_shell_says_of_other_servers_does_not_reach_a_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STEPWELL_TOKENS", "STEPWELL_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.setenv(name, "another's")
    (tmp_path / "tell.py").write_text(TELL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "tell.log"
    with running(["tell"], {"STEPWELL_PORT": "1"}, log) as process:
        process.wait(PATIENCE)
    assert log.read_text().strip() == "['STEPWELL_PORT']"
