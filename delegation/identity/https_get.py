"""Fetching a small document from an issuer: over TLS, in bounded time and size, and from nowhere else.

No redirects, no proxies from the environment, no compression, no cookies.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

from delegation.errors import ConfigError, ServiceUnavailable

MAX_DOCUMENT_BYTES: Final = 256 * 1024
_OK: Final = 200


class HttpsGet:
    """Fetches documents. It keeps no connection: keys are fetched every few minutes."""

    def __init__(self, *, timeout_ms: int, ca: Path | None = None) -> None:
        """Make a fetcher.

        Args:
            timeout_ms: How long one fetch may take, from connecting to the last byte.
            ca: PEM file of the CA certificates of the issuer; None: those that this machine trusts.

        Raises:
            ConfigError: The file cannot be used.
        """
        self._timeout_s = timeout_ms / 1000
        try:
            self._tls = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError):
            raise ConfigError(f"{ca} holds no CA certificates: give them as PEM") from None

    async def __call__(self, url: str) -> bytes:
        """Fetch a document.

        Raises:
            ServiceUnavailable: It cannot be had; the text names no content.
        """
        import httpx2

        try:
            async with (
                asyncio.timeout(self._timeout_s),
                httpx2.AsyncClient(verify=self._tls, trust_env=False, timeout=self._timeout_s) as client,
                client.stream("GET", url, headers={"accept-encoding": "identity"}) as response,
            ):
                if response.status_code != _OK:
                    raise ServiceUnavailable(f"it answers with status {response.status_code}")
                return await _read(response)
        except TimeoutError:
            raise ServiceUnavailable(f"it does not answer within {self._timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ServiceUnavailable(f"it cannot be reached ({type(error).__name__})") from None


async def _read(response: object) -> bytes:
    content = b""
    async for piece in response.aiter_raw():  # type: ignore[attr-defined] # httpx2's Response
        content += piece
        if len(content) > MAX_DOCUMENT_BYTES:
            raise ServiceUnavailable("its answer is too large")
    return content
