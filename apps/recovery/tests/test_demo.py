"""The demo does what it says, on the app as it is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apps.recovery

ROOT = Path(apps.recovery.__file__).parents[2]


def test_the_demo_fails_a_drill_resumes_it_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "apps.demo", "recovery"],
        cwd=tmp_path,
        env={**os.environ, "CI": "true", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wave 1 COMPLETED    wave 2 FAILED       wave 3 PENDING" in done.stdout
    assert "wave 1 COMPLETED    wave 2 COMPLETED    wave 3 COMPLETED" in done.stdout
