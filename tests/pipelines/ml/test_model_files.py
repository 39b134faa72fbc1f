"""A model's files are loaded only as training wrote them, and only where they are a pipeline of this project."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import OutsideError
from pipelines.ml.model_files import FILES, STAGES, check_files, check_pipeline, digest
from pipelines.ml.model_package import load_tree, model_folder
from pipelines.ml.model_version import Version
from pipelines.ml.registry import Registry
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.settings import load_settings

trees = st.dictionaries(st.sampled_from(["a", "b", "c/a", "c/b", "c/d/e"]), st.binary(max_size=20), max_size=5)


def write(folder, tree):
    for name, content in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(exist_ok=True)
    return folder


@given(trees, trees)
def test_two_folders_have_one_digest_if_their_files_are_one(tmp_path_factory, first, second):
    home = tmp_path_factory.mktemp("models")
    assert (digest(write(home / "first", first)) == digest(write(home / "second", second))) == (first == second)


def test_a_link_is_no_file_of_a_model(tmp_path):
    (tmp_path / "tree.json").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="is a link"):
        digest(tmp_path)


@pytest.mark.parametrize("left", ["code/__pycache__/tree.cpython-311.pyc", "registered_model_meta"])
def test_what_a_load_by_mlflow_leaves_is_no_file_of_it(tmp_path, left):
    folder = write(tmp_path / "model", {"code/tree.py": b"1"})
    before = digest(folder)
    write(folder, {left: b"2"})
    assert digest(folder) == before


@pytest.mark.parametrize("more", ["registered_model_meta.py", "code/registered_model_meta", "code/pycache/tree.pyc"])
def test_every_other_file_is_one_of_the_model(tmp_path, more):
    folder = write(tmp_path / "model", {"code/tree.py": b"1"})
    before = digest(folder)
    write(folder, {more: b"2"})
    assert digest(folder) != before


def test_a_logged_folder_has_the_digest_that_it_had(tmp_path):
    registry = Registry(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")).open()
    folder = write(tmp_path / "model", {"MLmodel": b"x", "tree.json": b"{}", "sparkml/.part.crc": b"1", "empty": b""})
    with registry._mlflow.start_run(experiment_id=registry._open_experiment()) as run:
        registry._mlflow.log_artifacts(str(folder), "model")
    version = Version("1", run.info.run_id, 0.5, {FILES: digest(folder)})
    check_files(model_folder(registry._settings, version), version)


def test_a_version_of_an_older_release_has_no_digest(tmp_path):
    check_files(tmp_path, Version("1", "run", 0.5))


def test_an_exchanged_model_is_refused_before_it_is_read(tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    folder = model_folder(settings, Version("1", "run", 0.5))
    write(folder, {"tree.json": b"{}", "MLmodel": b""})
    version = Version("1", "run", 0.5, {FILES: digest(folder)})
    write(folder, {"code/clickstream_tree.py": b"import os"})
    with pytest.raises(OutsideError, match="they are not those that training wrote"):
        load_tree(settings, IN_SESSION, version)


def spark_model(folder, *classes, whole="org.apache.spark.ml.PipelineModel"):
    for name, kind in {"": whole, **{f"stages/{at}_x": kind for at, kind in enumerate(classes)}}.items():
        write(folder / name / "metadata", {"part-00000": json.dumps({"class": kind}).encode()})
    (folder / "stages").mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("planted", ["org.example.RunsCode", "org.example.VectorAssembler", "pyspark.ml.base.Model"])
def test_a_class_that_is_no_part_of_it_is_refused(tmp_path, planted):
    check_pipeline(spark_model(tmp_path / "sound", *STAGES))
    with pytest.raises(ValueError, match=planted):
        check_pipeline(spark_model(tmp_path / "planted", *STAGES, planted))
    with pytest.raises(ValueError, match=planted):
        check_pipeline(spark_model(tmp_path / "whole", *STAGES, whole=planted))


def test_mlflow_unpickles_nothing_here(tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    Registry(settings).open()
    import mlflow
    from mlflow.exceptions import MlflowException

    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, model_input):
            return model_input

    mlflow.pyfunc.save_model(str(tmp_path / "model"), python_model=Model(), pip_requirements=[])
    with pytest.raises(MlflowException, match="MLFLOW_ALLOW_PICKLE_DESERIALIZATION"):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))
