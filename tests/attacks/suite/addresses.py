"""URLs and network addresses that another reader takes for something else."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Twin
from attacks.suite.values import sent
from delegation.errors import Reason

REFUSED, INVALID = Reason.ARGUMENT_REFUSED, Reason.FIELD_INVALID


SITE = w.url("https", host="a.example", path="/v1")


DOMAIN = w.url("https", host="a.example", subdomains=True)


URLS = {
    "userinfo": "https://a.example@b.example/v1/x",
    "userinfo with a password": "https://user:a.example@b.example/v1",
    "userinfo at the right host": "https://user@a.example/v1",
    "an empty userinfo": "https://@a.example/v1",
    "a fragment with a host": "https://b.example#a.example/v1",
    "a fragment": "https://a.example/v1#x",
    "a backslash for a slash": "https://b.example\\a.example/v1",
    "backslashes": "https:\\\\a.example\\v1",
    "another scheme": "http://a.example/v1",
    "a scheme in capitals": "HTTPS://a.example/v1",
    "no scheme": "//a.example/v1",
    "javascript": "javascript://a.example/v1",
    "a file": "file:///v1",
    "three slashes": "https:///a.example/v1",
    "one slash": "https:/a.example/v1",
    "a host in capitals": "https://A.example/v1",
    "a host with a dot at the end": "https://a.example./v1",
    "another host that begins the same": "https://a.example.b.example/v1",
    "another host that ends the same": "https://xa.example/v1",
    "a subdomain": "https://b.a.example/v1",
    "a port": "https://a.example:8443/v1",
    "the default port written": "https://a.example:443/v1",
    "an empty port": "https://a.example:/v1",
    "a port with a zero": "https://a.example:0443/v1",
    "a host that is not in A-labels": "https://\u0430.example/v1",
    "a full-width host": "https://\uff41.example/v1",
    "a full stop that is none": "https://a\u3002example/v1",
    "an encoded host": "https://a%2eexample/v1",
    "a NUL": "https://a.example\0.b.example/v1",
    "an encoded NUL": "https://a.example/v1/%00",
    "a line feed": "https://a.example/v1\nHost: b",
    "an encoded line feed": "https://a.example/v1/%0d%0aHost:%20b",
    "a space": "https://a.example/v1 ",
    "a space first": " https://a.example/v1",
    "a tab": "https://a.exa\tmple/v1",
    "a parent": "https://a.example/v1/../admin",
    "a parent at the end": "https://a.example/v1/..",
    "an encoded parent": "https://a.example/v1/%2e%2e/admin",
    "an encoded parent in capitals": "https://a.example/v1/%2E%2E/admin",
    "half an encoded parent": "https://a.example/v1/.%2E/admin",
    "an encoded slash": "https://a.example/v1%2F..%2Fadmin",
    "an encoded backslash": "https://a.example/v1/%5C..",
    "encoded twice": "https://a.example/v1/%252e%252e/admin",
    "an encoded letter": "https://a.example/v1/%61",
    "a parent with a parameter": "https://a.example/v1/..;/admin",
    "a dot": "https://a.example/v1/./x",
    "an empty segment": "https://a.example/v1//x",
    "a path that begins the same": "https://a.example/v10",
    "a path above": "https://a.example/",
    "no path": "https://a.example",
    "a path in capitals": "https://a.example/V1",
    "half a triplet": "https://a.example/v1/%2",
    "a triplet in small letters": "https://a.example/v1/%c3%a9",
    "an umlaut": "https://a.example/v1/\u00e9",
    "nothing": "",
    "the host alone": "a.example",
}


ADDRESSES = {
    "a decimal address": "https://2130706433/",
    "a hexadecimal address": "https://0x7f000001/",
    "an octal address": "https://0177.0.0.1/",
    "a short address": "https://127.1/",
    "an IPv6 address": "https://[::1]/",
    "a number too great": "https://127.0.0.256/",
}


PATTERNS = {
    "a host in capitals": w.url("https", host="A.example"),
    "a host that is no host": w.url("https", host="a..example"),
    "a host with a port": w.url("https", host="a.example:80"),
    "userinfo": w.url("https", host="u@a.example"),
    "a scheme in capitals": w.url("HTTPS", host="a.example"),
    "schemes out of order": w.url("https", "http", host="a.example"),
    "no scheme": w.url(host="a.example"),
    "a path with a parent": w.url("https", host="a.example", path="/v1/.."),
    "a path with a slash at the end": w.url("https", host="a.example", path="/v1/"),
    "a path without a slash": w.url("https", host="a.example", path="v1"),
    "port 0": w.url("https", host="a.example", port=0),
    "port 65536": w.url("https", host="a.example", port=65536),
    "subdomains of an address": w.url("https", host="127.0.0.1", subdomains=True),
    "an IPv6 address": w.url("https", host="[::1]"),
}


def url_escapes() -> Iterator[Attempt]:
    for name, url in URLS.items():
        yield Attempt(name, REFUSED, sent(SITE, url), 0)
    for name in (
        "userinfo",
        "another host that begins the same",
        "another host that ends the same",
        "a fragment with a host",
    ):
        yield Attempt(f"{name}, for a domain", REFUSED, sent(DOMAIN, URLS[name]), 0)
    for name, url in ADDRESSES.items():
        local = w.url("https", host="127.0.0.1")
        yield Attempt(f"{name} for the local host", REFUSED, sent(local, url), 0)
        elsewhere = w.negation(local)
        yield Attempt(f"{name}, where the local host is forbidden", REFUSED, sent(elsewhere, url), 0)
    for name, pattern in PATTERNS.items():
        yield Attempt(f"{name}, in the constraint", INVALID, sent(pattern, "https://a.example/v1"), 0)
    networks = {
        "a short address": "10.1",
        "leading zeros": "010.0.0.1",
        "a hexadecimal number": "0x0a.0.0.1",
        "one number": "167772161",
        "a space": "10.0.0.1 ",
        "a port": "10.0.0.1:80",
        "a network": "10.0.0.0/8",
        "an address in disguise": "::ffff:10.0.0.1",
        "a number too great": "10.0.0.256",
        "full-width digits": "\uff11\uff10.0.0.1",
    }
    for name, address in networks.items():
        yield Attempt(f"{name}, for an address", REFUSED, sent(w.cidr("10.0.0.0/8"), address), 0)
    six = {
        "a zone": "fe80::1%eth0",
        "capitals": "FE80::1",
        "leading zeros": "fe80::0001",
        "written out": "fe80:0:0:0:0:0:0:1",
        "brackets": "[fe80::1]",
        "dotted": "fe80::1.2.3.4",
    }
    for name, address in six.items():
        yield Attempt(f"{name}, for an IPv6 address", REFUSED, sent(w.cidr("fe80::/10"), address), 0)
    for name, network in {
        "bits that do not count": "10.0.0.1/8",
        "too many bits": "10.0.0.0/33",
        "no bits": "10.0.0.0",
        "a mask": "10.0.0.0/255.0.0.0",
        "leading zeros": "10.0.0.0/08",
        "a disguise": "::ffff:10.0.0.0/104",
    }.items():
        yield Attempt(f"a network with {name}", INVALID, sent(w.cidr(network), "10.0.0.1"), 0)


def ordinary_urls() -> Iterator[Twin]:
    ordinary = {
        "the path": "https://a.example/v1",
        "a path below": "https://a.example/v1/a/b",
        "a query": "https://a.example/v1?a=b&c=%20",
        "a triplet": "https://a.example/v1/%C3%A9",
        "marks": "https://a.example/v1/~a-b_c.d;e=f",
    }
    for name, url in ordinary.items():
        yield Twin(name, sent(SITE, url))
    yield Twin("a subdomain", sent(DOMAIN, "https://b.a.example"))
    yield Twin("an address", sent(w.url("https", host="127.0.0.1"), "https://127.0.0.1/"))
    yield Twin("an address in a network", sent(w.cidr("10.0.0.0/8"), "10.255.0.1"))
    yield Twin("an IPv6 address in a network", sent(w.cidr("fe80::/10"), "fe80::1"))


CLASSES = (AttackClass("URL and address escapes", url_escapes, ordinary_urls),)
