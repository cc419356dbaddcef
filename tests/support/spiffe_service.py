"""A service, not in development, whose own SVID and whose callers' trust domains come from a Workload API.

with spiffe_service(tmp_path) as world:
    with world.workload("agent/planner") as workload:       # its own Workload API socket
        Client.connect(workload.profile)
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from delegation.app import build
from delegation.server.config import load_config
from delegation_sdk.profile import Profile
from support.caller import Caller
from support.policies import PERMIT
from support.server import TRUST_DOMAIN, RunningServer, dev_config, identity, running_application
from support.workload_api import TrustDomain, WorkloadApi, workload_api

PARTNER = "partner.example"


@dataclass
class Workload:
    """One workload with its own socket."""

    api: WorkloadApi
    profile: Path


@dataclass
class World:
    """A service, its trust domain and a federated one."""

    directory: Path
    domain: TrustDomain
    partner: TrustDomain
    api: WorkloadApi
    server: RunningServer
    _workloads: int = field(default=0, repr=False)

    @contextmanager
    def workload(self, path: str, *, domain: TrustDomain | None = None, **settings: str) -> Iterator[Workload]:
        """Start a workload's Workload API, and write its profile."""
        domain = domain or self.domain
        federated = [self.partner if domain is self.domain else self.domain]
        self._workloads += 1
        socket = self.directory / f"w{self._workloads}.sock"
        profile = self.directory / f"w{self._workloads}.toml"
        root = base64.urlsafe_b64encode(self.server.trust_root).rstrip(b"=").decode()
        values = {
            "target": self.server.target,
            "trust_root": root,
            "server_name": "localhost",
            "workload_api": f"unix:{socket}",
            **settings,
        }
        profile.write_text("".join(f'{name} = "{value}"\n' for name, value in values.items()))
        with workload_api(socket, domain, path, federated=federated) as api:
            yield Workload(api, profile)

    @contextmanager
    def certified(self, certificate: bytes, key: bytes) -> Iterator[Caller]:
        """Connect with any certificate."""
        roots = b"".join(ca.pem for ca in self.domain.cas)
        options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(roots, key, certificate)
        with grpc.secure_channel(self.server.target, credentials, options=options) as channel:
            yield Caller(channel)

    @contextmanager
    def with_tokens(self) -> Iterator[Caller]:
        """Connect to where tokens are taken."""
        roots = b"".join(ca.pem for ca in self.domain.cas)
        options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(roots)
        with grpc.secure_channel(self.server.application.bearer_target, credentials, options=options) as channel:
            yield Caller(channel)


@contextmanager
def spiffe_service(directory: Path, *, identities: Sequence[Mapping[str, Any]] = (), **given: Any) -> Iterator[World]:
    """Start it; `agent/planner` may do what agents and orchestrators do, and so may the partner's."""
    state = directory / "state"
    build(dev_config(state))  # makes keys and trust bundle
    (directory / "policy.cedar").write_text(PERMIT)  # there is no catalogue
    domain, partner = TrustDomain(TRUST_DOMAIN), TrustDomain(PARTNER)
    planners = [
        identity(name, "agent", "orchestrator", ceiling="any")
        for name in ("agent/planner", f"spiffe://{PARTNER}/agent/planner")
    ]
    with workload_api(directory / "service.sock", domain, "service", federated=[partner]) as api:
        config = load_config(
            None,
            **{
                "listen": "127.0.0.1:0",
                "trust_domain": TRUST_DOMAIN,
                "state_dir": state,
                "keys": {"passphrase_file": state / "keys" / "passphrase"},
                "identities": (*planners, *identities),
                "spiffe": {"workload_api": f"unix:{directory / 'service.sock'}", "trust_domains": [PARTNER]},
                "bearer": {"listen": "127.0.0.1:0", "jwt_svid_audience": "delegation"},
                "policy": {"file": directory / "policy.cedar"},
                **given,
            },
        )
        with running_application(build(config)) as server:
            yield World(directory, domain, partner, api, server)


def profile_of(workload: Workload) -> Profile:
    """Read a workload's profile."""
    return Profile.load(workload.profile)
