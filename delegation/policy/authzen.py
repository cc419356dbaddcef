"""Asking a remote decision point (OPA, Cerbos, Topaz, …) by AuthZEN 1.0, instead of deciding by rules.

Over HTTPS, in bounded time and size, with no redirect, no proxy from the environment and no cookies. Whatever is not
a clear answer is a denial. The decision point sees the arguments of calls: it is the operator's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from delegation.errors import ConfigError
from delegation.policy.authzen_messages import (
    DECISION_POINT,
    TOLD,
    BadAnswerError,
    NotExactError,
    request_of,
    verdict_of,
)
from delegation.policy.evaluation_url import check_evaluation_url
from delegation.policy.port import Denial, PolicyQuestion, Verdict

MAX_ANSWER_BYTES: Final = 64 * 1024
TIMEOUT_MS: Final = 500
CONNECTIONS: Final = 64
"""Kept open, and used at one time."""

_OK: Final = 200


class AuthZenPolicy:
    """A decision point. It keeps connections: close it, or use it as a context."""

    told = TOLD

    def __init__(
        self,
        evaluation_url: str,
        *,
        ca: Path | None = None,
        token: str | Callable[[], str] = "",
        timeout_ms: int = TIMEOUT_MS,
    ) -> None:
        """Make a client.

        Args:
            evaluation_url: its Access Evaluation endpoint, `https://…/access/v1/evaluation`.
            ca: PEM file of the CA certificates of the decision point; None: those that this machine trusts.
            token: a bearer token to show it, or what gives the one that counts now; empty: none.
            timeout_ms: how long one question may take, from connecting to the last byte.

        Raises:
            ConfigError: the URL or the file cannot be used, or the extra is not installed.
        """
        check_evaluation_url(evaluation_url)
        self._url = evaluation_url
        self._timeout_s = timeout_ms / 1000
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
        }
        self._token = token
        self._client = _client(ca, self._timeout_s)

    def __repr__(self) -> str:
        return f"AuthZenPolicy({self._url})"

    @property
    def digest(self) -> bytes:
        """SHA-256 of the URL, 32 bytes: its rules are not known here."""
        return hashlib.sha256(self._url.encode()).digest()

    async def __aenter__(self) -> Self:
        """Use it as a context."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def ask(self, question: PolicyQuestion) -> Verdict:
        """Have it decide; as `RemotePolicy.ask`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return verdict_of(await self._answer(request_of(question)))
        except TimeoutError:
            return _failed(f"did not answer within {self._timeout_s:g} s")
        except NotExactError as error:
            return Denial((DECISION_POINT,), str(error))
        except BadAnswerError as error:
            return _failed(f"gave an answer that {error}")
        except ConfigError as error:  # it names files of this machine: not for those who ask
            return _failed("could not be asked", str(error))
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            return _failed(f"could not be asked ({type(error).__name__})")

    async def _answer(self, content: bytes) -> bytes:
        """Ask; once more where the connection ended first, as one that was kept may do at any time."""
        import httpx2

        try:
            return await self._answer_once(content)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            return await self._answer_once(content)

    async def _answer_once(self, content: bytes) -> bytes:
        answer = b""
        token = self._token if isinstance(self._token, str) else self._token()
        headers = {**self._headers, "authorization": f"Bearer {token}"} if token else self._headers
        async with self._client.stream("POST", self._url, content=content, headers=headers) as response:
            if response.status_code != _OK:
                raise BadAnswerError(f"has status {response.status_code}")
            async for piece in response.aiter_raw():
                answer += piece
                if len(answer) > MAX_ANSWER_BYTES:
                    raise BadAnswerError("is too large")
        return answer


def _failed(what: str, why: str = "") -> Denial:
    return Denial((DECISION_POINT,), f"the decision point {what}", failed=why or f"it {what}")


def _client(ca: Path | None, timeout_s: float) -> Any:
    try:
        import httpx2
    except ImportError:
        raise ConfigError("a decision point needs the extra authzen: pip install 'delegation-chain[authzen]'") from None
    try:
        tls = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError):
        raise ConfigError(f"{ca} holds no CA certificates: give them as PEM") from None
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    return httpx2.AsyncClient(
        verify=tls, trust_env=False, follow_redirects=False, timeout=timeout_s, cookies=no_cookies, limits=limits
    )
