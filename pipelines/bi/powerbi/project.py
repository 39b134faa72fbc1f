"""Write the project into a folder, with a list of its files by which it is known again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from lakehouse.errors import OutsideError, UsageError
from lakehouse.table import Table
from pipelines.bi.powerbi.ids import stable_id
from pipelines.bi.powerbi.pbir import SCHEMAS, report_files
from pipelines.bi.powerbi.sources import GoldSource
from pipelines.bi.powerbi.tmdl import tmdl_files
from pipelines.bi.semantic.build import semantic_model
from pipelines.bi.semantic.model import Model
from pipelines.bi.semantic.pages import pages

NAME = "Clickstream"
"""What the project, its model and its report are called."""

LIST = "clickstream-powerbi.json"
"""The file that says which files were written, and what was in them."""

MAKER = "clickstream powerbi"


def project_files(
    tables: Sequence[Table], source: GoldSource, currency: str = "", *, incremental: bool = False
) -> dict[str, str]:
    """The text of every file of the project by its path; the same for the same declarations."""
    model = semantic_model(tables, currency)
    semantic = f"{NAME}.SemanticModel"
    documents: dict[str, Any] = {
        f"{semantic}/.platform": _platform("SemanticModel"),
        f"{semantic}/definition.pbism": {
            "$schema": f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json",
            "version": "4.0",
            "settings": {},
        },
        **_report_documents(model, {"byPath": {"path": f"../{semantic}"}}),
    }
    files = _texts(documents)
    model_files = tmdl_files(model, source, incremental=incremental)
    files.update({f"{semantic}/definition/{path}": text for path, text in model_files.items()})
    return dict(sorted(files.items()))


def thin_report_files(tables: Sequence[Table], published: str, currency: str = "") -> dict[str, str]:
    """The same report without a model of its own, on a published one: ``WORKSPACE/MODEL``, with ``#ID`` or without.

    Raises UsageError where the text names no workspace and model.
    """
    found = re.fullmatch(r"([^/;\"#=]+)/([^/;\"#=]+)(?:#([0-9a-fA-F-]{36}))?", published.strip())
    if not found:
        raise UsageError(
            f"{published or 'Nothing'} names no published model.",
            "Give --model as in 'Shop reports/Clickstream', or with its id: 'Shop reports/Clickstream#GUID'.",
        )
    workspace, model_name, model_id = found.groups()
    connection = (
        f'Data Source="powerbi://api.powerbi.com/v1.0/myorg/{workspace}";initial catalog={model_name};'
        "access mode=readonly;integrated security=ClaimsToken"
    )
    if model_id:
        connection += f";semanticmodelid={model_id.lower()}"
    reference = {"byConnection": {"connectionString": connection}}
    return dict(sorted(_texts(_report_documents(semantic_model(tables, currency), reference)).items()))


def _report_documents(model: Model, reference: Mapping[str, Any]) -> dict[str, Any]:
    """The files of the report over the model that it refers to."""
    report = f"{NAME}.Report"
    return {
        f"{NAME}.pbip": {
            "$schema": f"{SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json",
            "version": "1.0",
            "artifacts": [{"report": {"path": report}}],
            "settings": {"enableAutoRecovery": True},
        },
        f"{report}/.platform": _platform("Report"),
        f"{report}/definition.pbir": {
            "$schema": f"{SCHEMAS}/item/report/definitionProperties/2.0.0/schema.json",
            "version": "4.0",
            "datasetReference": reference,
        },
        **{f"{report}/definition/{path}": document for path, document in report_files(pages(model)).items()},
    }


def _texts(documents: Mapping[str, Any]) -> dict[str, str]:
    files = {path: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for path, document in documents.items()}
    # What Desktop keeps of the data and of the person beside the project belongs in no repository.
    files[".gitignore"] = "**/.pbi/localSettings.json\n**/.pbi/cache.abf\n"
    return files


def write_project(folder: Path, files: Mapping[str, str], *, force: bool = False) -> None:
    """Writes the files, and removes those of an earlier project that are not among them.

    Raises UsageError where the folder holds something else, or a project that was changed since, unless ``force``
    gives those changes up.
    """
    before = _listed(folder)
    if not force and (changed := [path for path, digest in before.items() if _differs(folder / path, digest)]):
        raise UsageError(
            f"{folder} was changed since it was made, {changed[0]} among others."
            if len(changed) > 1
            else f"{folder} was changed since it was made: {changed[0]}.",
            "Give --out another folder, or --force to lose the changes.",
        )
    listing = {"made_by": MAKER, "files": {path: _digest(text.encode()) for path, text in files.items()}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The list comes first: after an end halfway the folder is still known as ours.
        (folder / LIST).write_text(json.dumps(listing, indent=2) + "\n", encoding="utf-8", newline="\n")
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8", newline="\n")
        for path in before.keys() - files.keys():
            (folder / path).unlink(missing_ok=True)
            _remove_empty((folder / path).parent, folder)
    except OSError as error:
        raise OutsideError(
            f"{folder} cannot be written: {error.strerror}.", "Give --out a folder that can be."
        ) from error


def _listed(folder: Path) -> dict[str, str]:
    """The files of the project that is in the folder, with the digests of what was written; none if it is empty."""
    if folder.is_file():
        raise UsageError(f"{folder} is a file.", "Give --out a new or empty folder.")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    try:
        listing = json.loads((folder / LIST).read_text(encoding="utf-8"))
        if listing["made_by"] == MAKER:
            files = {str(path): str(digest) for path, digest in listing["files"].items()}
            root = folder.resolve()
            if all((root / path).resolve().is_relative_to(root) for path in files):
                return files
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    raise UsageError(
        f"{folder} is not empty and holds no project that `{MAKER}` made.", "Give --out a new or empty folder."
    )


def _differs(file: Path, digest: str) -> bool:
    return file.is_file() and _digest(file.read_bytes()) != digest


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _platform(kind: str) -> Mapping[str, Any]:
    return {
        "$schema": f"{SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME},
        "config": {"version": "2.0", "logicalId": stable_id("item", kind)},
    }
