"""Somebody between an agent and its tool, who reads along: a TCP proxy that keeps what goes by.

MCP's HTTP transport is plain here as it is behind a careless ingress. TLS would only move the reader to either end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class WireTap:
    """Listens on a free port of this machine, and passes everything on to another."""

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._heard: list[bytearray] = []
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def heard(self) -> list[bytes]:
        """Everything that clients have said so far, connection by connection."""
        return [bytes(said) for said in self._heard]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._upstream)
                said = bytearray()
                self._heard.append(said)
                self._open += [client, server]
                threading.Thread(target=_pass_on, args=(client, server, said), daemon=True).start()
                threading.Thread(target=_pass_on, args=(server, client, bytearray()), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._open:
            each.close()


def _pass_on(source: socket.socket, target: socket.socket, heard: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            heard += data  # before it is passed on: whoever has an answer finds the question here
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
