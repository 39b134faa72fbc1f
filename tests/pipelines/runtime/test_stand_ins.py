"""Libraries are replaced while a shell completes, and are themselves again afterwards."""

import sys

import pytest

from pipelines.cli.main import app
from pipelines.runtime.commands import command_of
from pipelines.runtime.stand_ins import LIBRARIES, stand_ins


def leaves(group, path=()):
    below = getattr(group, "commands", None)
    if below is None:
        yield path, group
    else:
        for name in below:
            yield from leaves(below[name], (*path, name))


def words(command):
    return [
        (one.name, one.opts, one.secondary_opts, one.nargs, getattr(one, "is_flag", None)) for one in command.params
    ]


@pytest.fixture(scope="module")
def program():
    return command_of(app)


def test_a_command_has_the_same_options_with_stand_ins(program):
    context = program.make_context("clickstream", [], resilient_parsing=True)
    for path, command in leaves(program):
        found, rest = program, list(path)
        while rest:
            _, found, rest = found.resolve_command(context, rest)
        assert words(found) == words(command), path


def test_nothing_is_left_of_what_was_imported():
    before = dict(sys.modules)
    with stand_ins():
        import pyspark.nothing_of_this_name as stand_in

        import tests.support.pages as page

        assert stand_in.anything(1)[2] is stand_in.other
        del page
    assert sys.modules.keys() - before.keys() == set()
    assert all(sys.modules[name] is before[name] for name in before)
    assert "nothing_of_this_name" not in vars(sys.modules.get("pyspark", sys))


def test_only_libraries_are_replaced():
    import json

    with stand_ins():
        assert "json" not in LIBRARIES
        assert json.loads("1") == 1
