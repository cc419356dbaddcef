"""A real OpenID provider (npm `oidc-provider`, certified), started for the tests on loopback.

    with running_provider() as provider:
        provider.access_token("https://delegation.test")      # of the client `ci`, as it is from the token endpoint
        provider.id_token("alice", acr="mfa")                   # with the client `delegation` as audience
        provider.rotate(), provider.fail(True), provider.sign({"sub": …})

Its packages are installed into `build/` once, by the lock file beside it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent / "oidc_provider"
BUILD = Path(__file__).parents[2] / "build"
NODE, NPM = shutil.which("node"), shutil.which("npm")
_FILES = ("package.json", "package-lock.json", ".npmrc", "provider.mjs")


@dataclass(frozen=True)
class OpenIdProvider:
    """A provider that listens."""

    issuer: str

    def access_token(self, audience: str, client: str = "ci") -> str:
        """Get an access token of a client for itself."""
        return self._token(client, grant_type="client_credentials", resource=audience, scope="delegation")[
            "access_token"
        ]

    def id_token(self, user: str, *, audience: str = "delegation", acr: str = "pwd", auth_time: int = 0) -> str:
        """Get an ID token that a person who signs in would have."""
        return self._token(audience, grant_type="urn:test:user", user=user, acr=acr, auth_time=auth_time or "")[
            "id_token"
        ]

    def rotate(self, *, drop: bool = False) -> str:
        """Sign with a new key from now on; the old one stays published, unless it is dropped."""
        return self._control("rotate", drop=drop)["kid"]

    def fail(self, on: bool) -> None:
        """Answer nothing but 503, discovery and keys included."""
        self._control("fail", on=on)

    @property
    def lookups(self) -> int:
        """How often the key set was asked for."""
        return self._control("lookups")["lookups"]

    def sign(self, claims: Mapping[str, Any], *, alg: str = "ES256", **header: Any) -> str:
        """Sign whatever it is asked to, with its own key. A header that is None is left out."""
        return self._control("sign", claims=claims, alg=alg, header=header)["token"]

    def claims(self, audience: str, **changed: Any) -> dict[str, Any]:
        """Claims that are all right, but for those that are changed; one that is None is left out."""
        now_s = int(time.time())
        right = {"iss": self.issuer, "sub": "ci", "aud": audience, "iat": now_s, "exp": now_s + 300, "client_id": "ci"}
        return {name: value for name, value in {**right, **changed}.items() if value is not None}

    def jwks(self) -> dict[str, Any]:
        """The published keys."""
        with urllib.request.urlopen(f"{self.issuer}/jwks", timeout=30) as answer:
            return json.load(answer)

    def _token(self, client: str, **form: Any) -> dict[str, Any]:
        basic = b64encode(f"{client}:test".encode()).decode()
        return _post(
            f"{self.issuer}/token",
            urllib.parse.urlencode(form).encode(),
            {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"},
        )

    def _control(self, name: str, **values: Any) -> dict[str, Any]:
        return _post(f"{self.issuer}/test/{name}", json.dumps(values).encode(), {})


@contextmanager
def running_provider() -> Iterator[OpenIdProvider]:
    """Start a provider and end it; skip the test where there is no Node."""
    if NODE is None or NPM is None:
        pytest.skip("the OpenID provider needs Node.js 20 and npm")
    directory = _installed()
    with subprocess.Popen(
        [NODE, "--no-warnings", "provider.mjs"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield OpenIdProvider(json.loads(_announced(process))["issuer"])
        finally:
            process.kill()


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            return line
    raise AssertionError(f"the OpenID provider ended with {process.wait()} before it listened")


def _installed() -> Path:
    """Install the packages, once for each state of their lock file."""
    content = b"".join((SOURCE / name).read_bytes() for name in _FILES)
    directory = BUILD / f"oidc-provider-{hashlib.sha256(content).hexdigest()[:16]}"
    if not (directory / "installed").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for name in _FILES:
            shutil.copy(SOURCE / name, directory)
        subprocess.run([NPM, "ci", "--ignore-scripts", "--silent"], cwd=directory, check=True, timeout=300)
        (directory / "installed").touch()
    return directory


def _post(url: str, content: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(url, data=content, headers=dict(headers), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
