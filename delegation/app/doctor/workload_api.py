"""The SPIFFE Workload API: does it give an SVID, whose, for how long, and the bundles of all who may call?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509

from delegation.app.doctor.finding import Finding, ok, problem, warning
from delegation.app.doctor.trust import lasting
from delegation.errors import ConfigError
from delegation.identity.spiffe import parse_spiffe_id
from delegation.identity.workload_api import Svid, WorkloadApi
from delegation.server.config import ServerConfig

_PATIENCE_S: Final = 5.0
_LEFT_PART: Final = 0.25
"""Agents renew an SVID when half of its time is over: with less than this left, one has not."""


def check_workload_api(config: ServerConfig, now_ms: Callable[[], int]) -> Iterator[Finding]:
    """Ask for an SVID, as the service would."""
    if config.spiffe is None:
        return
    socket = config.spiffe.workload_api
    wants_keys = config.bearer is not None and config.bearer.jwt_svid_audience is not None
    try:
        api = WorkloadApi(socket, jwt_bundles=wants_keys)
    except ConfigError:
        return  # the extra is missing, which was said
    try:
        svid = api.start(timeout_s=min(_PATIENCE_S, config.spiffe.start_timeout_ms / 1000), changed=lambda _: None)
    except ConfigError as error:
        advice = "start its agent, register this workload there, and let this user open the socket"
        yield problem("workload_api", str(error).rpartition(": ")[0], advice)
        return
    finally:
        api.close()
    yield _whose(config, svid)
    yield _how_long(svid, now_ms())
    for domain in sorted(name for name in config.trust_domains if not svid.bundles.get(name)):
        advice = "have the agent federate with it; until then its callers are refused"
        yield problem("workload_api", f"{socket} gives no bundle of {domain}", advice)
    for domain in sorted(name for name in config.trust_domains if wants_keys and not api.jwt_keys(name)):
        advice = "have the agent federate with it; until then its tokens are refused"
        yield problem("workload_api", f"{socket} gives no keys for JWT-SVIDs of {domain}", advice)


def _whose(config: ServerConfig, svid: Svid) -> Finding:
    if parse_spiffe_id(svid.id).trust_domain != config.trust_domain:
        found = f"the Workload API gives {svid.id}, which is not of {config.trust_domain}"
        return problem("svid", found, "correct trust_domain, or spiffe.workload_api")
    return ok("svid", svid.id)


def _how_long(svid: Svid, now_ms: int) -> Finding:
    leaf = x509.load_pem_x509_certificates(svid.certificate)[0]
    begin_ms = int(leaf.not_valid_before_utc.timestamp() * 1000)
    end_ms = int(leaf.not_valid_after_utc.timestamp() * 1000)
    if not begin_ms <= now_ms < end_ms:
        found = "has expired" if now_ms >= end_ms else f"is not valid for another {lasting(begin_ms - now_ms)}"
        return problem("svid_time", f"the SVID {found}", "look at the agent's log, and at this machine's clock")
    found = f"the SVID is good for another {lasting(end_ms - now_ms)}"
    if end_ms - now_ms < _LEFT_PART * (end_ms - begin_ms):
        return warning("svid_time", f"{found} only", "look at the agent's log: it should have been renewed by now")
    return ok("svid_time", found)
