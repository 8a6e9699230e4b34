"""Where the code of functions and layers stands.

Rules that must stay true here:
- A local path is relative to the template. One that is not there is a fault where its language runs from source;
  where it is built first, the function is listed with what to do.
- Code that is not on this machine is no fault of the template: who calls the function is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stepwell.deploy.cdk import Assets
from stepwell.deploy.description import Archive, Code, Elsewhere, Folder, Inline
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

FROM_SOURCE: Final = ("python", "nodejs")
"""The languages whose code runs as it stands."""

_BUILD = "Build it (sam build) and serve .aws-sam/build/template.yaml"
_MODULES: Final = {"python": (".py", "/__init__.py"), "nodejs": (".js", ".mjs", ".cjs")}


def function_code(
    scope: Scope,
    assets: Assets,
    at: str,
    properties: Mapping[str, Json],
    metadata: Mapping[str, Json],
    runtime: str | None,
) -> Code:
    """The code of a function, by the properties that have been resolved. Raises TemplateError."""
    if properties.get("PackageType") == "Image" or "ImageUri" in properties:
        return Elsewhere("its code is a container image")
    inline = properties.get("InlineCode")
    if isinstance(inline, str):
        return Inline(inline)
    code = properties.get("CodeUri", properties.get("Code"))
    if isinstance(code, dict) and isinstance(code.get("ZipFile"), str):
        return Inline(str(code["ZipFile"]))
    name = "CodeUri" if "CodeUri" in properties else "Code"
    if code is None:
        code = "."
    found = local_code(scope, assets, f"{at}.{name}", code, metadata)
    if isinstance(found, Elsewhere) and found.reason.startswith(_MISSING) and (runtime or "").startswith(FROM_SOURCE):
        raise TemplateError(f"{at}.{name}", f"{found.reason}. Correct the path; it is relative to the template.")
    return found


_MISSING = "there is no "


def local_code(scope: Scope, assets: Assets, at: str, code: Json, metadata: Mapping[str, Json]) -> Code:
    """The folder or archive that a CodeUri, a ContentUri, a Code or a Content names."""
    if isinstance(code, dict):
        if "ImageUri" in code:
            return Elsewhere("its code is a container image")
        bucket, key = code.get("S3Bucket", code.get("Bucket")), code.get("S3Key", code.get("Key"))
        asset = assets.find(str(key), metadata)
        if asset is None:
            return Elsewhere(f"its code is in S3 (s3://{bucket}/{key}), and there is no such asset beside the template")
        return _folder_or_archive(asset)
    if not isinstance(code, str):
        raise TemplateError(at, "it names a folder or a .zip, relative to the template.")
    if code.startswith(("s3://", "https://")):
        return Elsewhere(f"its code is in S3 ({code})")
    return _folder_or_archive(scope.folder / code)


def missing_handler(code: Folder, runtime: str, handler: str, layers: tuple[Folder | Archive, ...]) -> str | None:
    """Why a function cannot run from a folder: the module of its handler is not in it. None where it is."""
    language = next((language for language in FROM_SOURCE if runtime.startswith(language)), None)
    if language is None or layers:
        return None  # a layer may hold the handler: that of an extension
    module = handler.rpartition(".")[0]
    plain = module.replace(".", "/") if language == "python" else module
    suffixes = _MODULES[language]
    if any((code.path / f"{plain}{suffix}").is_file() for suffix in suffixes) or (code.path / plain).is_dir():
        return None
    if (code.path / f"{plain}.ts").is_file():
        return f"its handler is written in TypeScript ({plain}.ts). {_BUILD}"
    return f"its handler's module {module!r} is not in {code.path}. {_BUILD}, or correct Handler"


def _folder_or_archive(path: Path) -> Code:
    if path.is_dir():
        return Folder(path)
    if path.suffix == ".zip" and path.is_file():
        return Archive(path)
    if path.is_file():
        return Folder(path.parent) if path.suffix in (".py", ".js", ".mjs") else Elsewhere(f"its code is {path.name}")
    return Elsewhere(f"{_MISSING}{path}")
