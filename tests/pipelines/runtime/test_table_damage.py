"""Tables that no stream writes: an older copy put back is noticed before the next job writes."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.errors import TableDamageError
from pipelines.operations.verification.files import check_files
from pipelines.runtime.settings import load_settings
from pipelines.runtime.table_damage import damaged_tables, note_versions, writing_noted


@pytest.fixture
def settings(tmp_path):
    return load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lake" / "gold" / "prediction_log"


@pytest.fixture
def older(settings, folder, tmp_path):
    """A copy of the log from before its last commit."""
    for number in range(3):
        with writing_noted(settings, LOG, PREDICTIONS):
            write_deltalake(folder, pa.table({"n": [number]}), mode="append")
        if number == 1:
            shutil.copytree(folder, tmp_path / "older")
    return tmp_path / "older"


@pytest.mark.usefixtures("older")
def test_a_table_that_goes_on_is_whole(settings):
    assert damaged_tables(settings) == {}
    with writing_noted(settings, LOG, PREDICTIONS):
        pass


def test_an_older_copy_is_noticed_before_anything_is_written(settings, folder, older):
    shutil.rmtree(folder)
    shutil.copytree(older, folder)
    told = "ends with version 1, and version 2 was written: commits are lost, or an older copy was put back"
    with pytest.raises(TableDamageError, match=told), writing_noted(settings, LOG):
        raise AssertionError
    assert list(damaged_tables(settings)) == [LOG.name]
    [check] = [one for one in check_files(settings, [LOG]) if not one.ok]
    assert told in check.offence
    assert check.fix == "`clickstream recover --apply`"


@pytest.mark.usefixtures("older")
def test_a_table_that_is_gone_is_noticed(settings, folder):
    shutil.rmtree(folder)
    with pytest.raises(TableDamageError, match="is gone"), writing_noted(settings, LOG):
        raise AssertionError
    assert [check.ok for check in check_files(settings, [LOG, PREDICTIONS])] == [False]


def test_what_is_left_counts_once_it_was_recovered(settings, folder, older):
    shutil.rmtree(folder)
    shutil.copytree(older, folder)
    note_versions(settings, LOG)
    assert damaged_tables(settings) == {}
    with writing_noted(settings, LOG):
        write_deltalake(folder, pa.table({"n": [9]}), mode="append")
    assert damaged_tables(settings) == {}


@pytest.mark.usefixtures("older")
def test_a_job_that_fails_leaves_the_version_it_reached(settings, folder):
    def job():
        with writing_noted(settings, LOG):
            write_deltalake(folder, pa.table({"n": [9]}), mode="append")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        job()
    (folder / "_delta_log" / f"{3:020d}.json").unlink()
    with pytest.raises(TableDamageError, match="version 3 was written"), writing_noted(settings, LOG):
        raise AssertionError
