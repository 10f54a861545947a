"""The framing of messages: what is read, what ends the stream, and how little it costs."""

from __future__ import annotations

import random

import pytest

from analyzers.framing import MAX_HEADER, FrameReader, FramingError, frame


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\n\r\n",
        b"content-length:2\r\n\r\n",
        b"CONTENT-LENGTH : 2\r\n\r\n",
        b"Content-Length: 2\n\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf8\r\n\r\n",
        b'Content-Length: 2\r\nContent-Type: x; charset="UTF-8"\r\n\r\n',
    ],
)
def test_header_spellings(header: bytes) -> None:
    assert FrameReader().feed(header + b"{}") == [b"{}"]


@pytest.mark.parametrize(
    "stream",
    [
        b"Content-Length: 1000000000000\r\n\r\n",
        b"Content-Length: 100000000000000000000\r\n\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: +2\r\n\r\n",
        b"Content-Length: 1_0\r\n\r\n",
        b"Content-Length: abc\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"Content-Type: x\r\n\r\n",
        b"no colon\r\n\r\n",
        b"Content-Length: 2\r\nContent-Type: x; charset=latin-1\r\n\r\n",
        b"X: " + b"x" * (MAX_HEADER + 1),
        b"X: " + b"x" * MAX_HEADER + b"\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_ends_the_stream(stream: bytes) -> None:
    with pytest.raises(FramingError):
        FrameReader().feed(stream)


def test_any_cut_of_the_stream_gives_the_same_bodies() -> None:
    generator = random.Random(7)
    bodies = [generator.randbytes(generator.randrange(60)) for _ in range(200)]
    stream = b"".join(map(frame, bodies))
    for _ in range(50):
        reader, got, at = FrameReader(), [], 0
        while at < len(stream):
            size = generator.choice((1, 2, 3, 7, 64, 1000))
            got += reader.feed(stream[at : at + size])
            at += size
        assert got == bodies
        assert not reader.pending


def test_a_stream_that_stops_midway_is_pending() -> None:
    reader = FrameReader()
    assert reader.feed(b"Content-Length: 5\r\n\r\n{}") == []
    assert reader.pending
    assert reader.feed(b"   ") == [b"{}   "]
