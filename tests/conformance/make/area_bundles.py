"""Trust bundles and catalogues: SPEC sections 9.6 and 9.7."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.make.keys import (
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    ROOT,
    STATEMENTS,
    Key,
    fixed,
    named,
    sha256,
)
from conformance.make.messages import DAY_MS, SAFE, T0_MS, capability
from conformance.make.stating import vector as stated
from conformance.make.tokens import FILES, NOW_MS, statement
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, refused
from conformance.make.wire import delimited, nonzero, number, some


def trusted_key(
    purpose: int, public: bytes, *, begin: int = T0_MS, end: int = 0, state: int = 1, lost: int = 0
) -> bytes:
    """Give a `TrustedKey`."""
    window = nonzero(3, begin) + nonzero(4, end)
    return nonzero(1, purpose) + some(2, public) + window + nonzero(5, state) + nonzero(6, lost)


SERVICE = sorted([(1, ISSUER), (2, STATEMENTS), (3, CHECKPOINTS)], key=lambda pair: pair[1].key_id)
KEYS = tuple(trusted_key(purpose, key.public) for purpose, key in SERVICE)
DIGEST = fixed("catalogue", 32)


def bundle(*keys: bytes, domain: str = "example.org", version: int = 7, digest: bytes = b"", **tweaks: int) -> bytes:
    """Give a `TrustBundle`."""
    times = {"issued": T0_MS, "expires": T0_MS + DAY_MS, **tweaks}
    head = some(1, domain) + nonzero(2, version) + nonzero(3, times["issued"]) + nonzero(4, times["expires"])
    return head + b"".join(delimited(5, key) for key in keys) + some(6, digest)


THEIRS = "partner.example"
TWO = tuple(sorted((named("partner issuer"), named("partner statements")), key=lambda key: key.key_id))


def domain(
    name: str = THEIRS,
    *key: Key,
    keys: tuple[Key, ...] = TWO[:1],
    purpose: int = 1,
    agents: Sequence[str] = (THEIRS,),
    principals: Sequence[str] = ("idp",),
    ceiling: bytes | None = b"",
    rest: bytes = b"",
) -> bytes:
    """Give a `FederatedDomain`."""
    listed = b"".join(delimited(2, trusted_key(purpose, each.public)) for each in key or keys) + rest
    names = b"".join(delimited(3, each) for each in agents) + b"".join(delimited(4, each) for each in principals)
    return some(1, name) + listed + names + (b"" if ceiling is None else delimited(5, ceiling))


def bundles() -> Iterator[Vector]:
    """T-14 to T-17."""
    plain = {"root_key": ROOT.public.hex(), "now_ms": NOW_MS, "known_version": 0}

    def vector(name: str, says: str, spec: str, payload: bytes, reason: str = "", **given: Any) -> Vector:
        expect = given.pop("expect", refused(reason) if reason else accepted())
        data = given.pop("statement", None) or statement("trust_bundle", payload, ROOT)
        return stated("bundle", name, says, spec, expect, statement=data, **{**plain, **given})

    full = bundle(*KEYS, digest=DIGEST)
    keys = [{"purpose": n, "public_key": k.public, "not_before_ms": T0_MS, "state": 1} for n, k in SERVICE]
    value = {
        "trust_domain": "example.org",
        "version": 7,
        "issued_at_ms": T0_MS,
        "expires_at_ms": T0_MS + DAY_MS,
        "keys": keys,
        "catalogue_digest": DIGEST,
    }
    yield vector("good", "A bundle of three keys.", "T-14 T-15", full, expect=accepted(value=value))
    yield vector("no-keys", "A bundle without keys.", "T-15", bundle())
    old = [
        (
            ISSUER,
            trusted_key(1, ISSUER.public, end=NOW_MS, state=2),
            {"purpose": 1, "not_after_ms": NOW_MS, "state": 2},
        ),
        (
            MALLORY,
            trusted_key(2, MALLORY.public, state=3, lost=NOW_MS),
            {"purpose": 2, "state": 3, "compromised_at_ms": NOW_MS},
        ),
    ]
    old.sort(key=lambda row: row[0].key_id)
    keys = [{"public_key": key.public, "not_before_ms": T0_MS, **rest} for key, _, rest in old]
    value = {
        "trust_domain": "example.org",
        "version": 7,
        "issued_at_ms": T0_MS,
        "expires_at_ms": T0_MS + DAY_MS,
        "keys": keys,
    }
    payload = bundle(*(data for _, data, _ in old))
    yield vector(
        "states", "A retired key with an end, and a compromised one.", "T-15", payload, expect=accepted(value=value)
    )
    payload = bundle(*KEYS) + delimited(7, domain(ceiling=FILES))
    yield vector("federated", "A federated domain.", "T-17", payload)
    payload = bundle() + delimited(7, domain("a", agents=(), principals=())) + delimited(7, domain("b", TWO[1]))
    yield vector("federated-two", "Two, one without agents and principals.", "T-17", payload)
    for known, reason in ((6, ""), (7, ""), (8, "bundle_rollback"), (SAFE, "bundle_rollback")):
        says = f"Version 7, when version {known} is known."
        yield vector(f"known-{known}", says, "T-14", full, reason, known_version=known)
    end = T0_MS + DAY_MS
    yield vector("last-moment", "The last millisecond of a bundle.", "T-14", full, now_ms=end - 1)
    yield vector("expired", "It has just expired.", "T-14", full, "bundle_expired", now_ms=end)
    invalid = "bundle_invalid"
    for name, signer in (("the-issuer", ISSUER), ("mallory", MALLORY)):
        data = statement("trust_bundle", full, signer)
        yield vector(f"by-{name}", f"Signed by {name.replace('-', ' ')}.", "T-14", full, invalid, statement=data)
    data = statement("trust_bundle", full, MALLORY, key_id=ROOT.key_id)
    yield vector("by-impostor", "Signed by somebody under the root's key id.", "T-14", full, invalid, statement=data)
    data = statement("trust_bundle", full, ROOT, purpose="checkpoint")
    yield vector("signed-as-checkpoint", "Signed for another purpose.", "T-14 K-7", full, invalid, statement=data)
    data = statement("checkpoint", full, ROOT, purpose="trust_bundle")
    yield vector("kind", "Called a checkpoint.", "T-14 T-1", full, invalid, statement=data)
    yield from (vector(name, says, spec, payload, invalid) for name, says, spec, payload in _bad_bundles(full))
    old = bundle(*KEYS, version=1, expires=NOW_MS)
    yield vector(
        "rollback-before-expiry",
        "An older version that has expired, too.",
        "T-14",
        old,
        ("bundle_rollback"),
        known_version=2,
    )


def _bad_bundles(full: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    one = KEYS[0]
    yield "version-0", "Version 0.", "T-15", bundle(*KEYS, version=0)
    yield "version-too-large", "A version past 2^53 - 1.", "F-10", bundle(*KEYS, version=SAFE + 1)
    yield "no-domain", "Without a trust domain.", "F-5", bundle(*KEYS, domain="")
    yield "no-time", "Without the time of signing.", "F-7", bundle(*KEYS, issued=0)
    yield "no-end", "Without an end.", "F-7", bundle(*KEYS, expires=0)
    yield "keys-unsorted", "Keys in another order.", "T-15", bundle(*reversed(KEYS))
    yield "key-twice", "A key twice.", "T-15", bundle(one, one)
    public = ISSUER.public
    twice = (trusted_key(1, public), trusted_key(2, public))
    yield "key-for-two-purposes", "A key for two purposes.", "T-15", bundle(*twice)
    for name, key in (
        ("purpose-0", trusted_key(0, public)),
        ("purpose-5", trusted_key(5, public)),
        ("state-0", trusted_key(1, public, state=0)),
        ("state-4", trusted_key(1, public, state=4)),
        ("key-31-bytes", trusted_key(1, public[:31])),
        ("weak-key", trusted_key(1, bytes(32))),
        ("no-beginning", trusted_key(1, public, begin=0)),
        ("end-too-large", trusted_key(1, public, end=SAFE + 1)),
        ("compromised-without-time", trusted_key(1, public, state=3)),
        ("time-without-compromise", trusted_key(1, public, lost=NOW_MS)),
        ("retired-with-time-of-compromise", trusted_key(1, public, state=2, lost=NOW_MS)),
        ("unknown-field", trusted_key(1, public) + number(7, 1)),
    ):
        yield f"key-{name}", f"A key that must not be so: {name.replace('-', ' ')}.", "T-15", bundle(key)
    yield "digest-31-bytes", "A catalogue's digest of 31 bytes.", "F-9", bundle(*KEYS, digest=DIGEST[:31])
    yield "federated-bare", "Another trust domain, named and no more.", "T-17", full + delimited(7, some(1, THEIRS))
    for name, domains in (
        ("unsorted", (domain("b.example", named("b")), domain("a.example", named("a")))),
        ("twice", (domain(keys=(named("a"),)), domain(keys=(named("b"),)))),
        ("own", (domain("example.org"),)),
        ("no-name", (domain(""),)),
        ("slash", (domain(THEIRS + "/a"),)),
        ("no-keys", (domain(keys=()),)),
        ("checkpoint-key", (domain(purpose=3),)),
        ("break-glass-key", (domain(purpose=4),)),
        ("key-of-two", (domain("a.example"), domain("b.example"))),
        ("own-key", (domain(keys=(ISSUER,)),)),
        ("keys-unsorted", (domain(keys=tuple(reversed(TWO))),)),
        ("weak-key", (domain(rest=delimited(2, trusted_key(1, bytes(32)))),)),
        ("agents-unsorted", (domain(agents=("b", "a")),)),
        ("agent-twice", (domain(agents=("a", "a")),)),
        ("agent-slash", (domain(agents=("a/b",)),)),
        ("agent-empty", (domain(agents=("",)),)),
        ("principals-unsorted", (domain(principals=("b", "a")),)),
        ("principal-empty", (domain(principals=("",)),)),
        ("no-ceiling", (domain(ceiling=None),)),
        ("bad-ceiling", (domain(ceiling=capability("", "t")),)),
        ("unknown-field", (domain() + number(8, 1),)),
    ):
        says = f"A federated domain that must not be so: {name.replace('-', ' ')}."
        yield f"federated-{name}", says, "T-17", full + b"".join(delimited(7, each) for each in domains)
    yield "unknown-field", "A field that nobody knows.", "C-7", full + number(8, 1)
    yield "empty", "An empty bundle.", "T-15", b""


READ, WRITE, EXTERNAL, DESTRUCTIVE, SPENDS, PRIVILEGE = range(1, 7)


def entry(
    audience: str,
    tool: str,
    *effects: int,
    local: bool = False,
    labels: Sequence[str] = (),
    owner: str = "",
    feed_age_ms: int = 0,
    plain: Sequence[str] = (),
    digests: Sequence[str] = (),
    manifest: bytes = b"",
    required: bool = False,
    until_ms: int = 0,
) -> bytes:
    """Give a `CatalogueTool` as a field of a catalogue."""
    head = some(1, audience) + some(2, tool) + some(3, bytes(effects)) + nonzero(4, local)
    rest = some(6, owner) + nonzero(7, feed_age_ms)
    rest += b"".join(delimited(number, name) for number, names in ((8, plain), (9, digests)) for name in names)
    rest += some(10, manifest) + nonzero(11, required) + nonzero(12, until_ms)
    return delimited(1, head + b"".join(delimited(5, label) for label in labels) + rest)


LOCAL = entry("files", "read", READ, local=True)


def catalogues() -> Iterator[Vector]:
    """T-18 to T-20."""
    asked = [("files", "read"), ("files", "write"), ("web", "read")]
    tools = [{"audience": audience, "tool": tool} for audience, tool in asked]

    def vector(
        name: str, says: str, spec: str, data: bytes, expect: dict[str, Any], *, digest: bytes | None = None
    ) -> Vector:
        named = sha256(data) if digest is None else digest
        return stated("catalogue", name, says, spec, expect, catalogue=data, catalogue_digest=named.hex(), tools=tools)

    def local(*answers: bool) -> dict[str, Any]:
        return accepted(local=list(answers))

    yield vector(
        "none", "A bundle without a digest: no tool is local.", "T-18 T-20", b"", local(False, False, False), digest=b""
    )
    yield vector("empty", "A catalogue of nothing, by its digest.", "T-18 T-20", b"", local(False, False, False))
    yield vector("local", "A tool that reads and is local.", "T-20", LOCAL, local(True, False, False))
    remote = entry("files", "read", READ)
    yield vector("not-local", "A tool that reads and is not local.", "T-20", remote, local(False, False, False))
    full = entry("files", "read", READ, local=True, labels=("a", "b"), owner="Files team", feed_age_ms=600_000) + entry(
        "files", "write", READ, WRITE, EXTERNAL, DESTRUCTIVE, SPENDS, PRIVILEGE
    )
    yield vector("two", "Two tools, with everything.", "T-19", full, local(True, False, False))
    yield vector(
        "recorded-and-pinned",
        "Arguments that are kept with decisions, and a tool's manifest.",
        "T-35",
        entry("files", "read", READ, local=True, plain=("a", "b"), digests=("c",), manifest=DIGEST, required=True),
        local(True, False, False),
    )
    most = [f"a{number:02}" for number in range(64)]
    yield vector(
        "recorded-most",
        "As many as may be.",
        "T-35",
        entry("files", "read", READ, plain=most),
        local(False, False, False),
    )
    invalid = refused("bundle_invalid")
    yield vector(
        "another-digest", "Another catalogue than the bundle's.", "T-18", LOCAL, invalid, digest=fixed("other", 32)
    )
    yield vector("digest-missing", "A catalogue where the bundle names none.", "T-18", LOCAL, invalid, digest=b"")
    yield vector("missing", "None where the bundle names one.", "T-18", b"", invalid, digest=sha256(LOCAL))
    for name, says, data in (
        ("unsorted", "Tools in another order.", entry("web", "read", READ) + LOCAL),
        ("twice", "A tool twice.", LOCAL + remote),
        ("no-effect", "A tool without effects.", entry("files", "read")),
        ("effect-0", "An effect of no kind.", entry("files", "read", 0)),
        ("effect-7", "An unknown effect.", entry("files", "read", READ, 7)),
        ("effects-unsorted", "Effects in another order.", entry("files", "write", WRITE, READ)),
        ("effect-twice", "An effect twice.", entry("files", "read", READ, READ)),
        ("local-write", "A local tool that writes.", entry("files", "write", WRITE, local=True)),
        ("local-read-write", "A local tool that writes, too.", entry("files", "write", READ, WRITE, local=True)),
        ("labels-unsorted", "Labels in another order.", entry("files", "read", READ, labels=("b", "a"))),
        ("label-twice", "A label twice.", entry("files", "read", READ, labels=("a", "a"))),
        ("label-empty", "An empty label.", entry("files", "read", READ, labels=("",))),
        ("no-audience", "A tool of no audience.", entry("", "read", READ)),
        ("no-tool", "A tool without a name.", entry("files", "", READ)),
        ("feed-too-old", "A feed that is older than may be.", entry("files", "read", READ, feed_age_ms=600_001)),
        ("owner-newline", "An owner with a line break.", entry("files", "read", READ, owner="a\n")),
    ):
        yield vector(name, says, "T-19 T-20", data, refused("field_invalid"))
    for name, says, recorded in (
        ("plain-unsorted", "Kept arguments in another order.", {"plain": ("b", "a")}),
        ("plain-twice", "An argument kept twice.", {"plain": ("a", "a")}),
        ("digest-unsorted", "Digested arguments in another order.", {"digests": ("b", "a")}),
        ("digest-empty", "A digested argument without a name.", {"digests": ("",)}),
        (
            "plain-and-digest",
            "An argument that is kept as it is, and as a digest.",
            {"plain": ("a",), "digests": ("a",)},
        ),
        ("plain-too-many", "One argument too many.", {"plain": [*most, "b"]}),
        ("manifest-31-bytes", "A manifest's digest of 31 bytes.", {"manifest": DIGEST[:31]}),
        ("manifest-missing", "A manifest is required that is not pinned.", {"required": True}),
    ):
        yield vector(name, says, "T-35", entry("files", "read", READ, **recorded), refused("field_invalid"))
    yield vector("unknown-field", "A field that nobody knows.", "C-7", LOCAL + number(2, 1), refused(NOT_CANONICAL))


QUARTER_MS = 90 * DAY_MS


def observations() -> Iterator[Vector]:
    """T-39."""
    asked = [("files", "read"), ("files", "write"), ("web", "read")]
    tools = [{"audience": audience, "tool": tool} for audience, tool in asked]
    bundle_of = {"issued_at_ms": T0_MS, "expires_at_ms": T0_MS + DAY_MS, "now_ms": NOW_MS}
    invalid = "field_invalid"

    def vector(name: str, says: str, data: bytes, *answers: bool, reason: str = "", **tweaks: int) -> Vector:
        expect = refused(reason) if reason else accepted(observed=list(answers or (False, False, False)))
        digest = fixed("other", 32) if reason == "bundle_invalid" else sha256(data) if data else b""
        given = {"catalogue": data, "catalogue_digest": digest.hex(), "tools": tools, **bundle_of, **tweaks}
        return stated("observation", name, says, "T-39", expect, **given)

    def until(end_ms: int, *effects: int, tool: str = "read") -> bytes:
        return entry("files", tool, *(effects or (READ,)), until_ms=end_ms)

    hour = until(NOW_MS + 3_600_000)
    yield vector("one", "One tool is under observation, another is not listed.", hour, True, False, False)
    beside = entry("files", "read", READ) + until(NOW_MS + 1, WRITE, SPENDS, tool="write")
    yield vector("of-any-effect", "One that does harm is, one beside it is not.", beside, False, True, False)
    yield vector("none", "A catalogue without observation.", LOCAL)
    yield vector("no-catalogue", "A bundle without a catalogue.", b"")
    yield vector("last-moment", "The last millisecond.", until(NOW_MS + 1), True, False, False)
    yield vector("over", "It is just over.", until(NOW_MS))
    yield vector("long-over", "It is long over.", until(T0_MS))
    yield vector("bundle-expired", "The bundle has just expired.", hour, expires_at_ms=NOW_MS)
    early = {"issued_at_ms": NOW_MS + 30_000}
    yield vector("bundle-just-signed", "By a clock that is a little behind.", hour, True, False, False, **early)
    early = {"issued_at_ms": NOW_MS + 30_001}
    yield vector("bundle-of-later", "By a clock from before the bundle was signed.", hour, **early)
    yield vector("longest", "As long as may be.", until(T0_MS + QUARTER_MS), True, False, False)
    yield vector("too-long", "A millisecond longer: none at all, and no error.", until(T0_MS + QUARTER_MS + 1))
    yield vector("for-ever", "As long as a time can say.", until(SAFE))
    later = {"issued_at_ms": T0_MS + 1}
    yield vector("too-long-signed-anew", "A later bundle.", until(T0_MS + QUARTER_MS + 1), True, False, False, **later)
    yield vector("another-catalogue", "Another catalogue than the bundle's.", hour, reason="bundle_invalid")
    yield vector("no-time", "A time past 2^53 - 1.", until(SAFE + 1), reason=invalid)
    yield vector("before-time", "A time below 0.", until(2**64 - 1), reason=invalid)


AREA = Area("bundles", "Trust bundles and catalogues.", [*bundles(), *catalogues(), *observations()])
