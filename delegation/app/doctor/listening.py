"""Where the service is to listen: free, or taken by itself, or by somebody else."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from delegation.app.doctor.finding import Finding, ok, problem, warning
from delegation.server.config import ServerConfig
from delegation.server.config_sections import TlsFiles
from delegation.server.listen import ListenAddress

_PATIENCE_S: Final = 3.0


def check_listening(config: ServerConfig) -> Iterator[Finding]:
    """Try to connect; and if nobody answers, to bind."""
    address = config.listen
    try:
        with contextlib.closing(_connect(address)) as connection:
            yield _who_listens(address, connection, config.tls)
            return
    except OSError:
        pass
    if address.unix_path or not address.port:
        yield ok("listen", f"{address} is free")
        return
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with contextlib.closing(socket.socket(family)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        found = f"cannot listen on {address}: {error.strerror or error}"
        yield problem("listen", found, "stop what uses it, or set listen to an address of this machine")
    else:
        yield ok("listen", f"{address} is free; no service runs there")


def _who_listens(address: ListenAddress, connection: socket.socket, tls: TlsFiles | None) -> Finding:
    if tls is None:
        return warning("listen", f"{address} is taken", "stop what uses it, unless it is this service")
    theirs = _certificate_of(connection, tls)
    if theirs is None:
        return problem("listen", f"{address} is taken by something else", "stop it, or set listen to another address")
    if theirs == _leaf(tls.certificate):
        return ok("listen", f"the service runs at {address}, with the configured certificate")
    return warning(
        "listen",
        f"a server with another certificate listens on {address}",
        "if it is this service, it takes new files within 5 s; look into its log if it does not",
    )


def _connect(address: ListenAddress) -> socket.socket:
    if address.unix_path:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_PATIENCE_S)
        connection.connect(address.unix_path)
        return connection
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - connected to
    return socket.create_connection((host, address.port), _PATIENCE_S)


def _certificate_of(connection: socket.socket, tls: TlsFiles) -> bytes | None:
    """Ask for the certificate of who listens, DER; it is compared, and nothing is sent to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        with context.wrap_socket(connection) as secured:
            return secured.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None


def _leaf(path: Path) -> bytes:
    return x509.load_pem_x509_certificates(path.read_bytes())[0].public_bytes(Encoding.DER)
