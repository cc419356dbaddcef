"""TLS material that changes under a running server: new connections get the new one, old ones go on.

Where the material comes from is another's business: files (`tls_reload`), or the Workload API (`app`).
"""

from __future__ import annotations

from collections.abc import Callable

import grpc

from delegation.server.tls import TlsMaterial


class RotatingTls:
    """The TLS material in use, and the credentials of each listener, which follow it."""

    def __init__(self, material: TlsMaterial, *, changed: Callable[[TlsMaterial], None]) -> None:
        """Begin with material.

        Args:
            material: the first.
            changed: told of every later one, before any connection has it.
        """
        self.material = material
        self._changed = changed
        self._listeners: list[_Listener] = []

    def credentials(self, *, of_clients: bool = True) -> grpc.ServerCredentials:
        """Return the credentials of one listener.

        Args:
            of_clients: whether nobody gets in without a client certificate; else none is asked for.
        """
        listener = _Listener(of_clients=of_clients)
        self._listeners.append(listener)
        return listener.credentials(self.material)

    def replace(self, material: TlsMaterial) -> None:
        """Use new material from now on."""
        self._changed(material)
        self.material = material
        for listener in self._listeners:
            listener.offer(material)


class _Listener:
    """What one listener has still to be told."""

    def __init__(self, *, of_clients: bool) -> None:
        self._of_clients = of_clients
        self._fresh: grpc.ServerCertificateConfiguration | None = None

    def credentials(self, material: TlsMaterial) -> grpc.ServerCredentials:
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(material),
            self._take_fresh,  # type: ignore[arg-type] # None says "no change"; the stubs do not know
            require_client_authentication=self._of_clients,
        )

    def offer(self, material: TlsMaterial) -> None:
        self._fresh = self._configuration(material)

    def _take_fresh(self) -> grpc.ServerCertificateConfiguration | None:
        """Hand over what has changed, once. gRPC asks at every handshake, from threads of its own.

        To hand over the same again would make gRPC build its handshaker anew for each connection, and
        many connections at once then reset one another (grpcio 1.85).
        """
        fresh, self._fresh = self._fresh, None
        return fresh

    def _configuration(self, material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(material.key, material.certificate)], root_certificates=material.client_ca if self._of_clients else None
        )
