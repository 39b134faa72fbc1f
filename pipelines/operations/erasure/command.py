"""The command ``clickstream erase``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.errors import UsageError
from pipelines.runtime.console import call, out, print_json, spinner
from pipelines.runtime.erased_people import remove_people
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings


def erase(
    user_id: Annotated[str, typer.Argument(metavar="[USER_ID]", help="The user's id, exactly as events have it.")] = "",
    file: Annotated[Path | None, typer.Option("--from", help="A file of ids, one a line: all in one pass.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go; change nothing.")] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Take the id off the list of erased people: what comes of it stays.")
    ] = False,
    even_if_absent: Annotated[
        bool, typer.Option("--even-if-absent", help="Put an id on the list of erased people that no table has yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person from every table, down to the files; leaves a receipt that names nobody. Starts no Spark.

    `clickstream up` ends its streams meanwhile and goes on by itself; end other continuous jobs before.
    Records that come of the person later lose their bytes.
    """
    ids = ids_of(user_id, file)
    settings = load_settings()
    if readmit:
        count = remove_people(settings, ids)
        out.print(f"{count:,} of {len(ids):,} were on the list of erased people, and are not any more.")
        return
    from pipelines.operations.erasure.erase import run_erase

    with spinner() as shown:
        shown.add_task("erase")
        receipt = run_erase(settings, ids, dry_run=dry_run, even_if_absent=even_if_absent)
    if as_json:
        print_json(receipt.as_json())
        raise typer.Exit(1 if receipt.not_found else 0)
    for sentence in receipt.sentences():
        out.print(sentence, soft_wrap=True)
    if not dry_run:
        for sentence in receipt.not_covered:
            out.print(sentence, soft_wrap=True)
        out.print(f"The receipt is in {settings.erasure_home / 'receipts'}.", soft_wrap=True)
    if receipt.not_found:
        raise typer.Exit(1)


def ids_of(user_id: str, file: Path | None) -> list[str]:
    """The ids to erase, each once.

    Raises UsageError where there is none, or where the file cannot be read.
    """
    if bool(user_id) == bool(file):
        raise UsageError("Say whom to erase: one USER_ID, or --from FILE with one id a line.")
    if not file:
        return [user_id]
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"{file} cannot be read: {why}.", "Write one id a line, in UTF-8.") from error
    ids = list(dict.fromkeys(line.rstrip("\r") for line in lines if line.strip()))
    if not ids:
        raise UsageError(f"{file} has no id in it.", "Write one id a line.")
    return ids


if __name__ == "__main__":
    call(erase)
