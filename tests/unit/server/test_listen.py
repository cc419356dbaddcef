from __future__ import annotations

import pytest

from delegation.errors import ConfigError
from delegation.server.listen import ListenAddress, parse_listen_address


@pytest.mark.parametrize(
    ("text", "address", "written"),
    [
        ("127.0.0.1:7443", ListenAddress("127.0.0.1", 7443), "127.0.0.1:7443"),
        ("localhost:0", ListenAddress("localhost", 0), "localhost:0"),
        ("[::1]:65535", ListenAddress("::1", 65535), "[::1]:65535"),
        ("0.0.0.0:1", ListenAddress("0.0.0.0", 1), "0.0.0.0:1"),
        ("service.acme-1.example:443", ListenAddress("service.acme-1.example", 443), "service.acme-1.example:443"),
        ("unix:/run/d.sock", ListenAddress(unix_path="/run/d.sock"), "unix:/run/d.sock"),
        ("unix:///run/d.sock", ListenAddress(unix_path="/run/d.sock"), "unix:/run/d.sock"),
        ("unix:d.sock", ListenAddress(unix_path="d.sock"), "unix:d.sock"),
    ],
)
def test_an_address_is_parsed_and_written_as_grpc_writes_it(text, address, written):
    assert parse_listen_address(text) == address
    assert str(address) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7443",
        ":7443",
        "localhost",
        "localhost:",
        "localhost:65536",
        "localhost:-1",
        "localhost:٣",
        "localhost:1\n",
        "::1:7443",
        "[::1]",
        "[::1:7443",
        "[:::]:7443",
        "[1.2.3.4]:7443",
        "http://localhost:1",
        "unix:",
        "unix://",
        "unix:/" + "x" * 107,
        "unix:/a\0b",
        "dns:localhost:1",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ConfigError):
        parse_listen_address(text)


@pytest.mark.parametrize("text", ["127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "localhost:1", "unix:/run/x"])
def test_loopback_and_unix_sockets_are_local(text):
    assert parse_listen_address(text).is_local


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:1",
        "[::]:1",
        "10.0.0.1:1",
        "169.254.0.1:1",
        "localhost.acme.example:1",
        "127.0.0.1.acme.example:1",
        "2130706433:1",
    ],
)
def test_everything_else_counts_as_reachable_from_outside(text):
    assert not parse_listen_address(text).is_local
