"""Clients that misbehave below the level of messages: slow, half-closed, cut short, or not speaking the protocol.

None of them may hold up or end the server: each test asks afterwards whether everybody else is still served.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from tests.support.conformance.rest_cases import PREDICT, listed
from tests.support.conformance.subject import Subject
from tests.support.server import http

pytestmark = pytest.mark.conformance

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HTTP2_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def request(body: bytes, length: int | None = None, *headers: str) -> bytes:
    size = len(body) if length is None else length
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: test", f"Content-Length: {size}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def others_are_served(subject: Subject) -> None:
    assert http(subject.url + PREDICT, listed(1)).status == 200
    assert subject.client.arrays("half_plus_two", x=[[2.0]])["y"].tolist() == [[3.0]]


def test_a_half_closed_client_still_gets_its_answer(subject: Subject, raw: socket.socket) -> None:
    raw.sendall(request(listed(1).encode(), None, "Connection: close"))
    raw.shutdown(socket.SHUT_WR)
    assert b"2.5" in answer(raw)


def test_requests_in_one_go_on_one_connection_are_answered_in_order(subject: Subject, raw: socket.socket) -> None:
    first, second = b'{"instances": [[1.0]]}', b'{"instances": [[2.0]]}'
    raw.sendall(request(first) + request(second, None, "Connection: close"))
    received = answer(raw)
    assert received.count(b"HTTP/1.1 200") == 2
    assert received.index(b"2.5") < received.index(b"3.0")


def test_a_body_in_chunks_is_read(subject: Subject, raw: socket.socket) -> None:
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    body = listed(1).encode()
    raw.sendall(head.encode())
    for part in (body[:5], body[5:]):
        raw.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    raw.sendall(b"0\r\n\r\n")
    assert b"2.5" in answer(raw)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(request(listed(1).encode(), 100_000), id="body-shorter-than-promised"),
        pytest.param(b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost:", id="head-cut-short"),
        pytest.param(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 64, id="tls-hello"),
        pytest.param(b"\0" * 4096, id="zeros"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 200_000 + b"\r\n\r\n", id="header-of-200-kB"),
        pytest.param(request(b"", -1), id="negative-length"),
        pytest.param(request(b"x", 2**64), id="length-beyond-64-bits"),
    ],
)
def test_nonsense_on_the_rest_port_ends_only_its_own_connection(
    subject: Subject, raw: socket.socket, sent: bytes
) -> None:
    try:
        raw.sendall(sent)
        raw.shutdown(socket.SHUT_WR)
        received = answer(raw)
    except (ConnectionError, OSError):
        received = b""
    assert b" 200 " not in received.split(b"\r\n", 1)[0]
    others_are_served(subject)


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(lambda: HTTP2_PREFACE[:10], id="half-a-preface"),
        pytest.param(lambda: HTTP2_PREFACE + HTTP2_SETTINGS[:5], id="half-a-frame"),
        pytest.param(
            lambda: HTTP2_PREFACE + HTTP2_SETTINGS + frame(0, 1, 1, b"\0\0\0\0\x05ab"), id="data-before-headers"
        ),
        pytest.param(lambda: HTTP2_PREFACE + HTTP2_SETTINGS + frame(1, 4, 1, b"\xff\xff\xff"), id="bad-header-block"),
        pytest.param(
            lambda: HTTP2_PREFACE + HTTP2_SETTINGS + frame(0, 0, 1, b"", 2**24 - 1), id="frame-of-16-MB-without-data"
        ),
        pytest.param(lambda: b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", id="http-1-on-the-grpc-port"),
        pytest.param(lambda: bytes(range(256)) * 16, id="noise"),
    ],
)
def test_truncated_and_wrong_frames_on_the_grpc_port_end_only_their_own_connection(
    subject: Subject, grpc_raw: socket.socket, sent: Callable[[], bytes]
) -> None:
    try:
        grpc_raw.sendall(sent())
        grpc_raw.shutdown(socket.SHUT_WR)
        answer(grpc_raw)
    except (ConnectionError, OSError):
        pass
    others_are_served(subject)


def test_fifty_idle_connections_hold_nobody_up(subject: Subject) -> None:
    host, port = subject.url.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(50)]
    try:
        for connection in idle:
            connection.sendall(b"POST " + PREDICT.encode())
        others_are_served(subject)
    finally:
        for connection in idle:
            connection.close()
