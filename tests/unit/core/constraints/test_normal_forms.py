"""Spellings that a tool and a guard could read as two things: refused, and by a negation, too (S-4, S-16)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delegation.core.constraints import (
    Constraint,
    Steps,
    all_of,
    any_of,
    in_network,
    matching_segments,
    not_,
    starting_with,
    under,
    url,
)
from delegation.core.constraints.addresses import address_of
from support.strategies import bounded

pytestmark = pytest.mark.spec("S-4", "S-16")

PATHS = [
    *("/srv/../etc/passwd", "/srv/..", "/srv/.", "/srv/./a", "/srv//a", "//srv/a", "/srv/", "/srv/a/"),
    *("/srv/%2e%2e/etc", "/srv/%2E%2E/etc", "/srv/a%2fb", "/srv/%00", "/srv/a\\..\\b", "\\srv\\a", "/srv\\..\\etc"),
    *("/srv/a\x00.txt", "/srv/a\r\nb", "/srv/\x7f", "/srv/\x85", "/srv/\x1b[2J"),
]
URLS = [
    *("https://example.org@evil.test/", "https://user:pw@example.org/", "https://example.org:443@evil.test/"),
    *(
        "https://EXAMPLE.org/",
        "HTTPS://example.org/",
        "https://example.org./",
        "https://example.org:/",
        "https://example.org:0/",
    ),
    *("https://example.org:443/", "http://example.org:80/", "https://example.org:08443/", "https://example.org:65536/"),
    *("https://exämple.org/", "https://\u212bexample.org/", "https://example\u3002org/", "https://xn--\u00e9.org/"),
    *(
        "https://example.org/../admin",
        "https://example.org/v1/..",
        "https://example.org/./v1",
        "https://example.org//v1",
    ),
    *("https://example.org/..;/admin", "https://example.org/v1/.;x/a", "https://example.org/%2e%2e/admin"),
    *(
        "https://example.org/%2F",
        "https://example.org/v1%5cadmin",
        "https://example.org/%25",
        "https://example.org/%3B",
    ),
    *("https://example.org?q=1", "https://example.org?@evil.test/", "https://example.org/%C0%AE%C0%AE/admin"),
    *("https://example.org/%FF", "https://example.org/%E2%82", "https://example.org/%ED%A0%80"),
    *("https://example.org/%c3%a4", "https://example.org/%4", "https://example.org/%zz", "https://example.org/%00"),
    *(
        "https://example.org/a b",
        "https://example.org/\t",
        "https://example.org/a\r\nHost: x",
        "https://example.org\\@evil",
    ),
    *(
        "https://example.org/#top",
        "https://example.org?q#top",
        "https:/example.org",
        "https:example.org",
        "//example.org/",
    ),
    *(
        "https:///example.org/",
        "https://",
        "https:///",
        " https://example.org/",
        "https://example.org/ ",
        "https://[::1]/",
    ),
    *("https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://0177.0.0.1/", "https://127.0.0.01/"),
    *(
        "https://127.0.0.1.1/",
        "https://1.2.3.256/",
        "https://example.0x/",
        "https://a_b.example.org/",
        "https://-a.org/",
    ),
]
ADDRESSES = [
    *("010.0.0.1", "10.0.0.01", "10.1", "10.0.1", "0x0a000001", "0xa.0.0.1", "167772161", "10.0.0.1 ", "10.0.0.1\n"),
    *("10.0.0.1/32", "10.0.0.256", "10.0.0.-1", "1\u0660.0.0.1", "10.0.0.1.", "", "localhost"),
    *(
        "::FFFF:a00:1",
        "::ffff:10.0.0.1",
        "::ffff:a00:1",
        "0::1",
        "::0",
        "0:0:0:0:0:0:0:1",
        "2001:DB8::1",
        "2001:0db8::1",
    ),
    *("1:2:3:4:5:6:7", "1:0:a00:d:0:a00:67", "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", ":1", "1:", "::1%eth0", "[::1]"),
    *("2001:db8:0:1:1:1:1::", "2001:db8::1:1:1:1:1", "1::2:0:0:0:3", "64:ff9b::10.0.0.1"),
]


def asked(text: str, constraint: Constraint) -> bool:
    return constraint.allows(text, Steps())


@pytest.mark.parametrize("text", PATHS, ids=ascii)
def test_a_path_that_could_be_read_twice_is_neither_in_a_directory_nor_out_of_it(text: str):
    for constraint in (under("/"), under("/srv"), matching_segments("**"), matching_segments("/srv/**")):
        assert not asked(text, constraint)
        assert not asked(text, not_(constraint))
        assert not asked(text, all_of(starting_with("/"), not_(constraint)))
    assert not asked(text, not_(under("/etc")))


@pytest.mark.parametrize("text", URLS, ids=ascii)
def test_a_url_that_could_be_read_twice_is_neither_at_a_place_nor_elsewhere(text: str):
    for constraint in (url("https://example.org", subdomains=True), url("https://127.0.0.1"), url("http://a.test/v1")):
        assert not asked(text, constraint)
        assert not asked(text, not_(constraint))


@pytest.mark.parametrize("text", ADDRESSES, ids=ascii)
def test_an_address_that_could_be_read_twice_is_neither_in_a_network_nor_out_of_it(text: str):
    for constraint in (in_network("0.0.0.0/0"), in_network("10.0.0.0/8"), in_network("::/0")):
        assert not asked(text, constraint)
        assert not asked(text, not_(constraint))


def test_what_is_refused_for_its_spelling_is_allowed_in_the_right_one():
    both = any_of(in_network("0.0.0.0/0"), in_network("::/0"))
    for text in (
        "10.0.0.1",
        "::1",
        "::",
        "2001:db8::1",
        "2001:db8:0:1:1:1:1:0",
        "1:2:3:4:5:6:7:8",
        "1:0:0:2::",
        "fe80::1",
    ):
        assert asked(text, both), text
    for text in (
        "https://example.org",
        "https://example.org:8443/a;b=c/%20/%C3%A4?%00#"[:-1],
        "https://xn--exmple-cua.org/~a",
    ):
        assert asked(text, not_(url("ftp://a.test"))), text


_groups = st.sampled_from(["0", "0", "1", "a", "ff", "ffff", "00", "01", "FF", "10000", ""])
_octets = st.sampled_from(["0", "1", "255", "256", "01", "00", "9", "", "1e1"])


@given(
    st.one_of(
        st.ip_addresses().map(str),
        st.ip_addresses().map(lambda address: address.exploded),
        st.lists(_groups, min_size=1, max_size=9).map(":".join),
        st.tuples(st.lists(_groups, max_size=6), st.lists(_groups, max_size=6)).map(
            lambda halves: ":".join(halves[0]) + "::" + ":".join(halves[1])
        ),
        st.lists(_octets, min_size=3, max_size=5).map(".".join),
        st.text("0123456789abcdefF:.%/", max_size=16),
    )
)
@example("1:2:3:4:5:6:7")
@example("1:0:a00:d:0:a00:67")
@example("1:ffff:0:ff:ff:01:ff")
@bounded(3_000)
def test_addresses_are_those_that_pythons_library_reads_and_writes_the_same(text: str):
    try:
        address = None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is not None and address.version == 6:
        disguised = int(address) >> 32 == 0xFFFF
        address = None if disguised or str(address) != text else address
    expected = None if address is None else (address.version, int(address))
    assert address_of(text) == expected
