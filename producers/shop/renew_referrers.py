"""Renew producers/shop/referrers.json, the kept list of search engines and social networks.

git clone https://github.com/matomo-org/searchengine-and-social-list
python -m producers.shop.renew_referrers searchengine-and-social-list
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from producers.shop.referrers import LIST

_SOURCE = "https://github.com/matomo-org/searchengine-and-social-list"


def hosts_of(definitions: Mapping[str, Any]) -> Iterator[str]:
    """The hosts of one of the list's files: those of what is found by its path are left out."""
    for entries in definitions.values():
        for entry in entries:
            for url in entry["urls"] if isinstance(entry, dict) else [entry]:
                if "/" not in url:
                    yield str(url).lower().removeprefix("www.")


def renewed(folder: Path) -> dict[str, Any]:
    """The list, from a clone of where it is kept."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout

    def read(name: str) -> list[str]:
        return sorted(set(hosts_of(yaml.safe_load(git("show", f"HEAD:{name}")))))

    commit, date = git("log", "-1", "--format=%H %cs").split()
    return {
        "source": _SOURCE,
        "commit": commit,
        "date": date,
        "licence": "CC0-1.0",
        "search": read("SearchEngines.yml"),
        "social": read("Socials.yml"),
    }


def main() -> None:
    """Replace the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a clone of the list's repository")
    found = renewed(parser.parse_args().folder)
    LIST.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
