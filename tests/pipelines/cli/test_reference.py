"""The pages of the reference are what the code generates."""

from __future__ import annotations

import pytest

from pipelines.cli.reference import FOLDER, pages, settings_page
from pipelines.runtime.settings import CONF


@pytest.fixture(scope="module")
def generated():
    return pages()


@pytest.mark.parametrize("name", ["cli.md", "configuration.md", "contract.md", "tables.md"])
def test_a_page_is_up_to_date(generated, name):
    assert (FOLDER / name).read_text(encoding="utf-8") == generated[name], "Renew it: make docs"


def test_every_page_is_generated(generated):
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(generated)


def test_every_command_has_a_section(generated):
    page = generated["cli.md"]
    assert all(f"\n## clickstream {command}\n" in page for command in ("ingest", "models list", "produce simulate"))
    assert "`--continuous`" in page


def test_a_setting_without_a_comment_is_refused():
    base = (CONF / "base.toml").read_text(encoding="utf-8")
    assert "`CLICKSTREAM_MODEL__SEED`" in settings_page(base)
    with pytest.raises(ValueError, match=r"nothing of model\.seed"):
        settings_page("\n".join(line.partition("#")[0] if "seed" in line else line for line in base.splitlines()))
