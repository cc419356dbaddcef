"""A gRPC client that takes no message: its HTTP/2 windows are empty, so that whatever the server writes to it waits."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW_SIZE = 4
_NO_MESSAGE = bytes(5)  # of gRPC: uncompressed, empty


@contextmanager
def unread_stream(target: str, profile: Path, method: str) -> Iterator[None]:
    """Hold a stream of answers to an empty request open, and read nothing of it."""
    values = tomllib.loads(profile.read_text())
    ca, certificate, key = (profile.parent / values[name] for name in ("ca", "certificate", "key"))
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        windows = _frame(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW_SIZE, 0))
        headers = {
            ":method": "POST",
            ":scheme": "https",
            ":path": method,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())
        call = _frame(_HEADERS, _END_HEADERS, 1, block) + _frame(_DATA, _END_STREAM, 1, _NO_MESSAGE)
        connection.sendall(_PREFACE + windows + call)
        answered = threading.Event()
        threading.Thread(target=_polite, args=(connection, answered), daemon=True).start()
        try:
            assert answered.wait(30), "the server has answered with its headers"
            yield
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # whoever still reads would keep it open


def _polite(connection: ssl.SSLSocket, answered: threading.Event) -> None:
    """Acknowledge what HTTP/2 wants acknowledged."""
    with contextlib.suppress(OSError), connection.makefile("rb") as frames:
        while head := frames.read(9):
            payload = frames.read(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                connection.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
            if kind == _HEADERS:
                answered.set()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _text(value: str) -> bytes:
    """Write a text as HPACK does without compressing it; one of up to 126 bytes."""
    return bytes((len(value),)) + value.encode()
