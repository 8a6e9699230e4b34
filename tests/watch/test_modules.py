"""The user's modules imported anew, all or none; in a process of its own, as modules are a process's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


def python(folder: Path, code: str) -> str:
    """What a script prints that runs in a folder with modules `one`, which imports `two`."""
    (folder / "two.py").write_text("word = 1\n")
    (folder / "one.py").write_text("import json, two\nword = two.word\n")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    head = "import importlib, pathlib, sys; from stepwell.watch.modules import anew, folders\n"
    script = head + "import one, json\nload = lambda: importlib.import_module('one')\n" + code
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_module_that_another_imports_is_anew_too(tmp_path: Path) -> None:
    code = "pathlib.Path('two.py').write_text('word = 22\\n'); print(anew(load).word, sys.modules['two'].word)"
    assert python(tmp_path, code) == "22 22\n"


def test_a_change_of_the_same_second_and_size_is_seen(tmp_path: Path) -> None:
    code = "path = pathlib.Path.cwd() / 'two.py'; path.write_text('word = 2\\n'); print(anew(load, [path]).word)"
    assert python(tmp_path, code) == "2\n"


def test_installed_packages_the_standard_library_and_stepwell_stay(tmp_path: Path) -> None:
    code = "import orjson, stepwell\nanew(load)\n"
    code += "print(sys.modules['json'] is json, sys.modules['orjson'] is orjson, sys.modules['stepwell'] is stepwell)"
    assert python(tmp_path, code) == "True True True\n"


def test_all_modules_are_back_where_one_cannot_be_imported(tmp_path: Path) -> None:
    code = "import two\npathlib.Path('two.py').write_text('word = 22')\n"
    code += "pathlib.Path('one.py').write_text('import two; 1/0')\n"
    code += (
        "try: anew(load)\nexcept ZeroDivisionError: print('no', sys.modules['one'] is one, sys.modules['two'] is two)"
    )
    assert python(tmp_path, code) == "no True True\n"


def test_the_folders_of_the_users_modules_are_known(tmp_path: Path) -> None:
    assert python(tmp_path, "print(*folders())") == f"{tmp_path}\n"
