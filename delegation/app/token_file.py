"""A bearer token in a file, read again whenever the file has changed: so it can be replaced under a running service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from delegation.errors import ConfigError

TOKEN_BYTES: Final = 16 * 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1."""


class TokenFile:
    """Gives the token that is in a file now.

    Args:
        file: where it is.
        setting: which setting names the file, for errors.

    Raises:
        ConfigError: the file cannot be read, or holds no token.
    """

    def __init__(self, file: Path, setting: str) -> None:
        self._file = file
        self._setting = setting
        self._seen: tuple[int, ...] = ()
        self._token = ""
        self()

    def __call__(self) -> str:
        """Give the token; looks at the file, and reads it if it is another one. Raises `ConfigError`."""
        try:
            found = self._file.stat()
            seen = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._token, self._seen = self._read(), seen
        except OSError as error:
            raise ConfigError(f"{self._setting}: cannot read {self._file}: {error.strerror}") from None
        return self._token

    def _read(self) -> str:
        with self._file.open("rb") as opened:
            content = opened.read(TOKEN_BYTES + 1)
        token = content.decode("ascii", "replace").strip()
        if len(content) > TOKEN_BYTES or not _TOKEN.fullmatch(token):
            raise ConfigError(f"{self._setting}: {self._file} holds no bearer token: give it in one line")
        return token
