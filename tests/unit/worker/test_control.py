"""Control messages over a socket pair: boundaries, descriptors, and peers that speak nonsense."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from seaway.worker import control
from seaway.worker.control import LoadRequest, MessageSocket, ProtocolError

LOAD = control.Load(
    7, LoadRequest("größe", 3, "/models/m/3", ("serve",), "/tf.so", 4, 1 << 20, 2, b"\x00\xff", ("/op.so",))
)


@pytest.fixture
def ends() -> Iterator[tuple[MessageSocket, socket.socket]]:
    """A message socket and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    messages = MessageSocket(ours)
    yield messages, theirs
    messages.close()
    theirs.close()


@pytest.fixture
def pair() -> Iterator[tuple[MessageSocket, MessageSocket]]:
    """Two message sockets that talk to each other."""
    ends = tuple(map(MessageSocket, socket.socketpair()))
    yield ends  # type: ignore[misc]
    for end in ends:
        end.close()


def test_messages_keep_their_order_and_boundaries(pair: tuple[MessageSocket, MessageSocket]) -> None:
    for number in range(3):
        pair[0].send(control.Stats(number))
    received = [pair[1].receive() for _ in range(3)]
    assert [control.request_decoder.decode(body) for body, _ in filter(None, received)] == [
        control.Stats(number) for number in range(3)
    ]


def test_every_field_of_a_load_arrives(pair: tuple[MessageSocket, MessageSocket]) -> None:
    pair[0].send(LOAD)
    received = pair[1].receive()
    assert received is not None
    assert control.request_decoder.decode(received[0]) == LOAD


def test_descriptors_arrive_with_their_message_and_are_new(pair: tuple[MessageSocket, MessageSocket]) -> None:
    reading, writing = os.pipe()
    pair[0].send(control.Stats(1))
    pair[0].send(control.Stats(2), (writing, reading))
    os.close(reading)
    os.close(writing)
    first, second = pair[1].receive(), pair[1].receive()
    assert first is not None
    assert second is not None
    assert first[1] == []
    received_writing, received_reading = second[1]
    os.write(received_writing, b"through")
    assert os.read(received_reading, 10) == b"through"
    control.close_fds(second[1])


def test_a_message_that_comes_in_pieces_is_one_message(ends: tuple[MessageSocket, socket.socket]) -> None:
    body = b'{"type":"exit","id":1}'
    data = struct.pack("<IB", len(body), 0) + body
    for index in range(len(data)):
        assert ends[0].receive_available() == ([], True)
        ends[1].send(data[index : index + 1])
    assert ends[0].receive_available() == ([(body, [])], True)


def test_the_end_of_the_peer_is_seen_after_its_last_message(pair: tuple[MessageSocket, MessageSocket]) -> None:
    pair[0].send(control.Stats(1))
    pair[0].close()
    messages, alive = pair[1].receive_available()
    assert (len(messages), alive) == (1, False)
    assert pair[1].receive() is None


def test_a_message_that_claims_an_absurd_length_is_refused(ends: tuple[MessageSocket, socket.socket]) -> None:
    ends[1].send(struct.pack("<IB", 0xFFFFFFFF, 0))
    with pytest.raises(ProtocolError, match="4294967295 bytes"):
        ends[0].receive()


def test_a_message_without_its_descriptors_is_refused(ends: tuple[MessageSocket, socket.socket]) -> None:
    ends[1].send(struct.pack("<IB", 2, 2) + b"{}")
    with pytest.raises(ProtocolError, match="0 of 2 descriptors"):
        ends[0].receive()


def test_descriptors_that_nobody_took_are_closed_with_the_socket(ends: tuple[MessageSocket, socket.socket]) -> None:
    reading, writing = os.pipe()
    socket.send_fds(ends[1], [b"\x00"], [writing])
    os.close(writing)
    ends[0].receive_available()
    ends[0].close()
    assert os.read(reading, 1) == b"", "no writer is left"
    os.close(reading)


def test_sending_to_a_peer_that_is_gone_is_an_os_error(ends: tuple[MessageSocket, socket.socket]) -> None:
    ends[1].close()
    with pytest.raises(OSError, match="Broken pipe"):
        ends[0].send(control.Stats(1))
