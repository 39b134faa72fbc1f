"""Write the M function by which Power Query reaches the gold tables, one for each kind of place.

Each project has one kind written into it, and every source is called with GoldRoot alone, from where its tables are
walked to. A switch on a parameter, or an address put together inside a function, would hide the place from Power
BI's service, which then refuses to refresh on a schedule.

A table that gold does not have is null, so that it breaks no refresh; anything else that is wrong stays an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.m import m_list, m_text
from pipelines.runtime.ports import MAX_PORT, is_loopback

DEFAULT_SHARE, DEFAULT_SCHEMA = "clickstream", "gold"
"""What a sharing server calls the gold tables where the path does not say."""


class SourceKind(StrEnum):
    """The kinds of place that gold tables are read from."""

    folder = "folder"
    adls = "adls"
    sharing = "sharing"
    sql = "sql"


@dataclass(frozen=True)
class GoldSource:
    """Where gold is: the value of the parameter GoldRoot, and the M function from a table's name to its rows."""

    root: str
    table_function: str


def gold_source(kind: SourceKind, path: str) -> GoldSource:
    """The source for a path, as each kind spells it.

    Raises UsageError where the path is none of that kind.
    """
    return _SOURCES[kind](path.strip())


def for_windows(root: str) -> str:
    """A folder as Windows may see it: one of Linux as WSL shows it, any other as it is."""
    is_linux = root.startswith("/") and not root.startswith("//")
    return rf"\\wsl.localhost\Ubuntu{root}".replace("/", "\\") if is_linux else root


def _folder(path: str) -> GoldSource:
    folder = r"C:\lake\gold or \\server\share\gold"
    if not path:
        raise UsageError("--path is empty.", f"Give it the folder of the gold tables, as in {folder}.")
    if "://" in path or not re.match(r"[A-Za-z]:[\\/]|\\\\|/", path):
        raise UsageError(
            f"Power BI cannot read {path} as a folder: its whole path is needed, as that PC reaches it.",
            f"Give --path the folder of the gold tables, as in {folder}, or another --source.",
        )
    return GoldSource(
        path.rstrip("/\\"),
        """(name as text) as nullable table =>
    let
        Folders = Folder.Contents(GoldRoot),
        Found = Table.SelectRows(Folders, each [Name] = name),
        Rows = if Table.IsEmpty(Found) then null else DeltaLake.Table(Found{0}[Content])
    in
        Rows""",
    )


def _adls(path: str) -> GoldSource:
    hint = "Give --path as in abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/lake/gold, or the same with https."
    parts = urlsplit(path)
    folders = [folder for folder in parts.path.split("/") if folder]
    if parts.scheme in {"abfss", "abfs"} and parts.username and parts.hostname:
        container, host = parts.username, parts.hostname
    elif parts.scheme == "https" and parts.hostname and folders:
        container, host = folders.pop(0), parts.hostname
    else:
        raise UsageError(f"{path or 'Nothing'} is no place in Azure Data Lake Storage.", hint)
    steps = m_list(m_text(folder) for folder in folders)
    return GoldSource(
        f"https://{host}/{container}",
        # Only the container's address is one that the service keeps a credential for; so folders are walked to.
        # What a folder holds is in Content in a storage account, and in Data in OneLake.
        f"""(name as text) as nullable table =>
    let
        Container = AzureStorage.DataLake(GoldRoot, [HierarchicalNavigation = true]),
        Open = (entry as record) => Record.FieldOrDefault(entry, "Content", Record.FieldOrDefault(entry, "Data")),
        Folders = List.Accumulate({steps}, Container, (folder, step) => Open(folder{{[Name = step]}})),
        Found = Table.SelectRows(Folders, each [Name] = name),
        Rows = if Table.IsEmpty(Found) then null else DeltaLake.Table(Open(Found{{0}}))
    in
        Rows""",
    )


def _sharing(path: str) -> GoldSource:
    address, _, names = path.partition("#")
    share, _, schema = (names or f"{DEFAULT_SHARE}.{DEFAULT_SCHEMA}").partition(".")
    parts = urlsplit(address)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UsageError(
            f"{path} is in clear text: whoever is between reads the token that opens the share.",
            "Give --path with https://.",
        )
    if parts.scheme not in {"http", "https"} or not (share and schema):
        raise UsageError(
            f"{path or 'Nothing'} is no address of a Delta Sharing server.",
            f"Give --path as in https://HOST/delta-sharing, or https://HOST/delta-sharing#{DEFAULT_SHARE}.{DEFAULT_SCHEMA}.",
        )
    return GoldSource(
        address.rstrip("/"),
        # The connector stops at a million rows unless told otherwise.
        f"""(name as text) as nullable table =>
    let
        Shares = DeltaSharing.Contents(GoldRoot, [rowLimitHint = 100000000]),
        Schemas = Shares{{[Name = {m_text(share)}]}}[Data],
        Tables = Schemas{{[Name = {m_text(schema)}]}}[Data],
        Found = Table.SelectRows(Tables, each [Name] = name),
        Rows = if Table.IsEmpty(Found) then null else Found{{0}}[Data]
    in
        Rows""",
    )


def _sql(path: str) -> GoldSource:
    address = re.fullmatch(r"(https?://)?[^/\s:]+:(\d{1,5})(/\S*)?", path)
    if not address or not 1 <= int(address[2]) <= MAX_PORT:
        raise UsageError(
            f"{path or 'Nothing'} is no address of a Spark Thrift Server.",
            "Give --path as in localhost:10000, where `clickstream serve sql` runs, or http://HOST:10000/cliservice "
            "for another Thrift Server that speaks HTTP.",
        )
    protocol = 2 if path.startswith("http") else 0
    return GoldSource(
        path,
        f"""(name as text) as nullable table =>
    let
        Tables = ApacheSpark.Tables(GoldRoot, {protocol}),
        Found = Table.SelectRows(Tables, each [Schema] = {m_text(DEFAULT_SCHEMA)} and [Item] = name),
        Rows = if Table.IsEmpty(Found) then null else Found{{0}}[Data]
    in
        Rows""",
    )


_SOURCES: dict[SourceKind, Callable[[str], GoldSource]] = {
    SourceKind.folder: _folder,
    SourceKind.adls: _adls,
    SourceKind.sharing: _sharing,
    SourceKind.sql: _sql,
}
