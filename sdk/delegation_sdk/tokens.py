"""Bearer tokens that a client sends instead of a client certificate: where they come from, anew for each call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from delegation.errors import ConfigError

TokenSource = Callable[[], str]
"""Gives the token to send with the next call, quickly: it is asked before every one, from any thread."""

_MAX_TOKEN_BYTES: Final = 16 * 1024


class TokenFile:
    """A token in a file that somebody else renews: read again whenever it has changed.

    Args:
        path: The file. White space around the token is no part of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._token = ""

    def __call__(self) -> str:
        """Give the token as it is now. Raises `ConfigError` if there is none."""
        try:
            status = self._path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._token, self._stamp = self._read(), stamp
        except OSError as error:
            raise ConfigError(f"cannot read the token file {self._path}: {error.strerror}") from None
        return self._token

    def _read(self) -> str:
        with self._path.open("rb") as file:
            content = file.read(_MAX_TOKEN_BYTES + 1)
        token = content.decode("ascii", errors="replace").strip()
        if not token or len(content) > _MAX_TOKEN_BYTES or not all("!" <= each <= "~" for each in token):
            raise ConfigError(f"the token file {self._path} holds no token")
        return token

    def __repr__(self) -> str:
        return f"TokenFile({self._path})"
