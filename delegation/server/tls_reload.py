"""TLS files that change under a running server: new connections get the new ones, old ones go on.

A certificate that rotates every hour must not cost a restart. Files that cannot be used are reported
and passed over; what worked before goes on working.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from delegation.errors import ConfigError
from delegation.server.config_sections import TlsFiles
from delegation.server.tls import TlsMaterial, read_tls
from delegation.server.tls_rotating import RotatingTls

LOOK_EVERY_SECONDS: Final = 5.0
_LOG: Final = structlog.get_logger("delegation")
_Stamp = tuple[tuple[int, int, int], ...]


class ReloadingTls(RotatingTls):
    """TLS material that follows its files."""

    def __init__(self, files: TlsFiles, *, changed: Callable[[TlsMaterial], None]) -> None:
        """Read the files.

        Args:
            files: certificate, key and the CA certificates of clients.
            changed: told of new material after the first.

        Raises:
            ConfigError: a file cannot be used.
        """
        self._files = files
        self._stamp = self._stamp_now()
        super().__init__(read_tls(files), changed=changed)

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
        self.replace(material)
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
