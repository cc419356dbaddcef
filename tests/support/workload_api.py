"""A Workload API as SPIRE's agent has it: the real proto on a Unix socket, SVIDs and bundles pushed when they rotate.

    domain = TrustDomain("test.example")
    with workload_api(tmp_path / "api.sock", domain, "agent/planner") as api:
        api.rotate()                    # a new key and certificate, pushed to everybody who watches
        domain.publish_new_ca()         # and issue_by_new_ca(), drop_old_cas(): each to be pushed by rotate()

One server serves one workload, since each has its own socket in a test.
"""

from __future__ import annotations

import datetime as dt
import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from spiffe._proto import workload_pb2 as pb
from spiffe._proto import workload_pb2_grpc as pb_grpc

from certificates import TestCa, now


class TrustDomain:
    """What a SPIRE server has of one trust domain: a CA, and a key for JWT-SVIDs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cas = [TestCa.create(f"{name} CA")]
        self.jwt_keys = {"jwt-1": ec.generate_private_key(ec.SECP256R1())}
        self.broken = False

    @property
    def bundle(self) -> bytes:
        if self.broken:
            return b""
        return b"".join(ca.certificate.public_bytes(ser.Encoding.DER) for ca in self.cas)

    @property
    def jwks(self) -> bytes:
        if self.broken:
            return b"none"
        keys = [
            {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": name, "use": "jwt-svid"}
            for name, key in self.jwt_keys.items()
        ]
        return json.dumps({"keys": keys}).encode()

    def publish_new_ca(self) -> None:
        """Have another CA in the bundle, which does not issue yet: everybody must know it first."""
        self.cas.append(TestCa.create(f"{self.name} CA"))

    def issue_by_new_ca(self) -> None:
        """Issue by the newest CA from now on."""
        self.cas = [self.cas[-1], *self.cas[:-1]]

    def drop_old_cas(self) -> None:
        """Have no CA in the bundle but the one that issues; what the others issued counts no more."""
        self.cas = self.cas[:1]

    def renew_jwt_key(self, *, drop: bool = False) -> None:
        """Have a new key for JWT-SVIDs, which signs from now on."""
        name = f"jwt-{len(self.jwt_keys) + 1}"
        self.jwt_keys = {name: ec.generate_private_key(ec.SECP256R1()), **({} if drop else self.jwt_keys)}

    def jwt_svid(self, path: str, audience: Sequence[str], **changed: Any) -> str:
        """Issue a JWT-SVID; claims can be changed."""
        name, key = next(iter(self.jwt_keys.items()))
        now_s = int(time.time())
        claims = {"sub": f"spiffe://{self.name}/{path}", "aud": list(audience), "iat": now_s, "exp": now_s + 300}
        return jwt.encode({**claims, **changed}, key, "ES256", headers={"kid": name, "typ": "JWT"})


class WorkloadApi(pb_grpc.SpiffeWorkloadAPIServicer):
    """Serves one workload."""

    def __init__(self, domain: TrustDomain, path: str, *, dns: Sequence[str], federated: Sequence[TrustDomain]) -> None:
        self.domain, self.path = domain, path
        self._dns, self._federated = tuple(dns), list(federated)
        self._lock = threading.Lock()
        self._watching: list[queue.SimpleQueue[Any]] = []
        self._current = self._issue()

    def rotate(self, path: str | None = None) -> None:
        """Issue anew and push it; with a path, as another workload."""
        self.path = path or self.path
        with self._lock:
            self._current = self._issue()
            for watching in self._watching:
                watching.put(self._current)

    def FetchX509SVID(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        return (pushed[0] for pushed in self._pushed(context))

    def FetchJWTBundles(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        return (pushed[1] for pushed in self._pushed(context))

    def FetchJWTSVID(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._require_header(context)
        svid = self.domain.jwt_svid(self.path, request.audience)
        return pb.JWTSVIDResponse(svids=[pb.JWTSVID(spiffe_id=f"spiffe://{self.domain.name}/{self.path}", svid=svid)])

    def _pushed(self, context: grpc.ServicerContext) -> Iterator[tuple[Any, Any]]:
        self._require_header(context)
        watching: queue.SimpleQueue[Any] = queue.SimpleQueue()
        context.add_callback(lambda: watching.put(None))
        with self._lock:
            watching.put(self._current)
            self._watching.append(watching)
        while (pushed := watching.get()) is not None:
            yield pushed
        with self._lock:
            self._watching.remove(watching)

    def _issue(self) -> tuple[Any, Any]:
        spiffe_id = f"spiffe://{self.domain.name}/{self.path}"
        issued = self.domain.cas[0].issue(spiffe_id, dns=self._dns, since=now() - dt.timedelta(seconds=30))
        chain = x509.load_pem_x509_certificates(issued.certificate)
        key = ser.load_pem_private_key(issued.key, None)
        svid = pb.X509SVID(
            spiffe_id=spiffe_id,
            x509_svid=b"".join(each.public_bytes(ser.Encoding.DER) for each in chain),
            x509_svid_key=key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption()),
            bundle=self.domain.bundle,
        )
        federated = {f"spiffe://{each.name}": each.bundle for each in self._federated}
        keys = {f"spiffe://{each.name}": each.jwks for each in (self.domain, *self._federated)}
        return pb.X509SVIDResponse(svids=[svid], federated_bundles=federated), pb.JWTBundlesResponse(bundles=keys)

    @staticmethod
    def _require_header(context: grpc.ServicerContext) -> None:
        """Workload API 4.2: without this header the caller may be a browser that was tricked."""
        if ("workload.spiffe.io", "true") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing from request")


@contextmanager
def workload_api(
    socket: Path,
    domain: TrustDomain,
    path: str,
    *,
    dns: Sequence[str] = ("localhost",),
    federated: Sequence[TrustDomain] = (),
) -> Iterator[WorkloadApi]:
    """Serve the Workload API of one workload on a Unix socket."""
    api = WorkloadApi(domain, path, dns=dns, federated=federated)
    server = grpc.server(futures.ThreadPoolExecutor(16))
    pb_grpc.add_SpiffeWorkloadAPIServicer_to_server(api, server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    try:
        yield api
    finally:
        server.stop(0).wait()
