"""Issuers of tokens: can their keys be had, as the service would fetch them, and can any of them be used?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from delegation.app.doctor.finding import Finding, ok, problem
from delegation.errors import ConfigError, DelegationError
from delegation.identity.https_get import HttpsGet
from delegation.identity.remote_keys import published_keys
from delegation.server.config import ServerConfig
from delegation.server.issuers_config import IssuerConfig


def check_issuers(config: ServerConfig) -> Iterator[Finding]:
    """Fetch the discovery document and the key set of each issuer, one after another."""
    for issuer in config.issuers:
        try:
            yield asyncio.run(_look_at(issuer))
        except ModuleNotFoundError:
            return  # an extra that is missing, which was said


async def _look_at(issuer: IssuerConfig) -> Finding:
    try:
        fetch = HttpsGet(timeout_ms=issuer.fetch_timeout_ms, ca=issuer.ca)
    except ConfigError as error:
        return problem("issuer", f"{issuer.url}: {error}", "correct the issuer's ca, or leave it out")
    try:
        keys = await published_keys(issuer.url, fetch, jwks_url=issuer.jwks_uri, algorithms=issuer.algorithms)
    except DelegationError as error:
        where = issuer.jwks_uri or "its discovery document"
        advice = f"can this machine reach {where}? Correct url, jwks_uri or ca; until then its tokens are refused"
        return problem("issuer", f"the keys of {issuer.url} cannot be had: {error}", advice)
    if not keys:
        found = f"{issuer.url} publishes no key that can be used"
        return problem("issuer", found, "have it publish one for signatures, or correct its algorithms here")
    algorithms = sorted(frozenset().union(*(key.algorithms for key in keys)))
    return ok("issuer", f"{issuer.url} publishes {len(keys)} usable: {', '.join(algorithms)}")
