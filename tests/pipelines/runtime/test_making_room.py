"""A command gets the lake from a process that makes room, and nobody waits for one that does not."""

from __future__ import annotations

import threading

import pytest

from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from pipelines.runtime.making_room import makes_room, room_is_wanted, without_streams
from tests.support.polling import until


def test_who_makes_room_gets_the_streams_back(settings):
    stream, seen = WriterLock(settings.locks, "gold"), []

    def command():
        with without_streams(settings, ["gold"]):
            seen.append(room_is_wanted(settings))

    with makes_room(settings):
        thread = threading.Thread(target=command)
        thread.start()
        until(lambda: room_is_wanted(settings), "the wish", limit=30)
        assert seen == []
        stream.release()
        thread.join(30)
        assert seen == [True]
        assert not room_is_wanted(settings)
        WriterLock(settings.locks, "gold").release()


def test_nobody_waits_for_a_stream_that_makes_no_room(settings):
    stream = WriterLock(settings.locks, "gold")
    with pytest.raises(OutsideError, match="writing gold already"), without_streams(settings, ["gold"]):
        pass
    stream.release()
    assert not room_is_wanted(settings)
