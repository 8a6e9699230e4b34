"""Frames between server and worker."""

import pytest

from stepwell.tasks.frames import FrameError, Unpacker, pack


def test_frames_come_out_whole_however_the_stream_is_cut():
    stream = pack({"call": 1}, b'{"a":1}') + pack({"cancel": 1}) + pack({"done": 2}, b"\x00" * 1000)
    unpacker = Unpacker()
    frames = [frame for at in range(len(stream)) for frame in unpacker.feed(stream[at : at + 1])]
    assert frames == [({"call": 1}, b'{"a":1}'), ({"cancel": 1}, b""), ({"done": 2}, b"\x00" * 1000)]


def test_frames_of_one_read_come_out_in_order():
    assert [head["n"] for head, _ in Unpacker().feed(b"".join(pack({"n": n}) for n in range(100)))] == list(range(100))


@pytest.mark.parametrize("noise", [b"\xff" * 16, pack({})[:8] + b"nonsense"])
def test_what_is_no_frame_is_refused(noise):
    with pytest.raises(FrameError):
        list(Unpacker().feed(noise))
