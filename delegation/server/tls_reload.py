"""TLS files that change under a running server: new connections get the new ones, old ones go on.

A certificate that rotates every hour must not cost a restart. Files that cannot be used are reported
and passed over; what worked before goes on working.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import grpc
import structlog

from delegation.errors import ConfigError
from delegation.server.config_sections import TlsFiles
from delegation.server.tls import TlsMaterial, read_tls

LOOK_EVERY_SECONDS: Final = 5.0
_LOG: Final = structlog.get_logger("delegation")
_Stamp = tuple[tuple[int, int, int], ...]


class ReloadingTls:
    """Server credentials that follow their files."""

    def __init__(self, files: TlsFiles, *, changed: Callable[[TlsMaterial], None]) -> None:
        """Read the files.

        Args:
            files: certificate, key and the CA certificates of clients.
            changed: told of new material after the first.

        Raises:
            ConfigError: a file cannot be used.
        """
        self._files = files
        self._changed = changed
        self._stamp = self._stamp_now()
        self.material = read_tls(files)
        self._fresh: grpc.ServerCertificateConfiguration | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials with which nobody gets in without a client certificate."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self.material),
            self._take_fresh,  # type: ignore[arg-type] # None says "no change"; the stubs do not know
            require_client_authentication=True,
        )

    def _take_fresh(self) -> grpc.ServerCertificateConfiguration | None:
        """Hand over what has changed, once. gRPC asks at every handshake, from threads of its own.

        To hand over the same again would make gRPC build its handshaker anew for each connection, and
        many connections at once then reset one another (grpcio 1.85).
        """
        fresh, self._fresh = self._fresh, None
        return fresh

    async def follow(self, *, every_seconds: float = LOOK_EVERY_SECONDS) -> None:
        """Look at the files now and then, until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            self.reload()

    def reload(self) -> bool:
        """Take the files if they have changed and can be used; tell whether they were taken."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        try:
            material = read_tls(self._files)
        except ConfigError as error:
            _LOG.warning("TLS files changed and cannot be used; the former ones stay in use", why=str(error))
            return False
        self._stamp = stamp
        self.material, self._fresh = material, _configuration(material)
        self._changed(material)
        _LOG.info("TLS files reloaded")
        return True

    def _stamp_now(self) -> _Stamp:
        """Tell one state of the files from another: a rotation replaces them, or writes them anew."""
        stamps = []
        for path in (self._files.certificate, self._files.key, self._files.client_ca):
            with contextlib.suppress(OSError):
                status = path.stat()
                stamps.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(stamps)


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.certificate)], root_certificates=material.client_ca
    )
