"""Folders of Python code with a handler, as AWS Lambda runs them."""

import json
import sys

import pytest

from stepwell.tasks.kinds.python_code import PythonCode


async def result(service, name="f", event="{}"):
    answer = (await service.invoke(name, event)).answer
    assert answer.error is None, answer.payload
    return json.loads(answer.payload)


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


async def test_the_code_finds_its_folder_as_on_lambda(functions, tmp_path):
    code = "import os, sys\ndef handler(e, c): return [os.getcwd(), sys.path[0], os.environ['LAMBDA_TASK_ROOT']]"
    folder = str(write(tmp_path, {"app.py": code}))
    assert await result(functions(f=PythonCode("app.handler", folder))) == [folder, folder, folder]


async def test_a_handler_in_a_package_is_named_with_slashes_or_dots(functions, tmp_path):
    write(
        tmp_path, {"src/app.py": "from src.words import word\ndef handler(e, c): return word", "src/words.py": "word=1"}
    )
    service = functions(slash=PythonCode("src/app.handler", tmp_path), dot=PythonCode("src.app.handler", tmp_path))
    assert [await result(service, "slash"), await result(service, "dot")] == [1, 1]


async def test_two_folders_with_modules_of_one_name_never_meet(functions, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, {"app.py": "from words import word\ndef handler(e, c): return word"})
        write(tmp_path / name, {"words.py": f"word = '{name}'"})
    service = functions(**{name: PythonCode("app.handler", tmp_path / name) for name in ("one", "two")})
    assert [await result(service, "one"), await result(service, "two")] == ["one", "two"]


async def test_modules_come_from_layers_the_later_one_first_and_from_the_code_before_all(functions, tmp_path):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    write(tmp_path / "code", {"app.py": "import a, b, c, d\ndef handler(e, _): return [a.x, b.x, c.x, d.x]"})
    write(tmp_path / "code", {"a.py": "x = 'code'"})
    write(tmp_path / "one", {"python/a.py": "x = 'one'", "python/b.py": "x = 'one'", "python/c.py": "x = 'one'"})
    write(tmp_path / "two", {f"python/lib/{version}/site-packages/b.py": "x = 'two'", "d.py": "x = 'bare'"})
    layers = (tmp_path / "one", tmp_path / "two")
    service = functions(f=PythonCode("app.handler", tmp_path / "code", layers))
    assert await result(service) == ["code", "two", "one", "bare"]


async def test_a_module_of_the_code_that_is_named_like_one_of_the_standard_library_does_no_harm(functions, tmp_path):
    write(tmp_path, dict.fromkeys(("socket.py", "select.py", "stepwell.py", "logging.py"), "raise SystemExit"))
    write(tmp_path, {"app.py": "def handler(e, c): return 'runs'"})
    assert await result(functions(f=PythonCode("app.handler", tmp_path))) == "runs"


async def test_a_folder_that_is_not_there_is_the_functions_fault_and_named(functions, tmp_path):
    reply = await functions(f=PythonCode("app.handler", tmp_path / "gone")).invoke("f", "{}")
    assert reply.answer.error == "Runtime.InvalidEntrypoint"
    assert str(tmp_path / "gone") in reply.answer.payload


async def test_a_module_that_is_not_there_is_told_as_lambda_tells_it(functions, tmp_path):
    reply = await functions(f=PythonCode("src/app.handler", tmp_path)).invoke("f", "{}")
    error = json.loads(reply.answer.payload)
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'src/app': No module named 'src'"


@pytest.mark.parametrize("handler", ["handler", ".handler", "app.", "app:handler"])
def test_a_handler_is_named_as_lambda_names_it(handler):
    with pytest.raises(ValueError, match=r"module\.function"):
        PythonCode(handler)
