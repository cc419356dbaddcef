"""Where attacks take place: a world without a network, whose keys the tests hold, and that of a running service.

An attacker holds the holder keys of the links that it was handed, signs with them what it likes, and writes the bytes
by hand. What only the service can sign, an attacker has only heard: see `Heard`.
"""

from __future__ import annotations

import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from attacks.suite import writer as w
from attacks.suite.calls import USUAL, Call, Moment, NotHere, RawArguments, arguments_text
from attacks.suite.writer import Of
from delegation.core.keys import Purpose, SigningKey, link_id, signing_input
from delegation.errors import DelegationError
from delegation.v1 import delegation_service_pb2 as pb
from support.caller import Caller, links_of
from support.chains import ISSUER, MINUTE_MS, NOW_MS, READ_CALL, STATEMENTS, MadeChain, agent, key, some_bytes

READ = w.capability(
    "files",
    "read",
    w.argument("limit", w.integers(maximum=100), optional=True),
    w.argument("path", w.sub_path("/srv/docs")),
)
REFUND = w.capability(
    "billing",
    "refund",
    w.argument("amount", w.decimals(maximum="50")),
    w.argument("currency", w.one_of("EUR", "USD")),
)
SEARCH = w.capability("web", "search", any_arguments=True)
SCOPE = w.scope(REFUND, READ, SEARCH)
"""What everybody here is permitted, unless a test says otherwise."""

ALICE = "orchestrator/alice"
GRANT_MS = 15 * MINUTE_MS
MEANT_MS = 1_000 * 1440 * MINUTE_MS
"""What is so near to NOW_MS was written relative to it."""


class Heard:
    """The signature of somebody whose key is elsewhere: it can be repeated, but nothing new can be signed."""

    def __init__(self, message: bytes, signature: bytes) -> None:
        self._message, self._signature = message, signature

    def sign(self, message: bytes) -> bytes:
        if message != self._message:
            raise NotHere
        return self._signature


class World(ABC):
    """Keys, a clock that stands still, and a way to get grants.

    Attributes:
        now_ms: what the clock says. Attempts are written as if that were NOW_MS: see `time`.
    """

    now_ms: int = NOW_MS

    def time(self, written: w.Content | None) -> w.Content | None:
        """Give the moment here that is meant by one written relative to NOW_MS; anything else means itself."""
        if isinstance(written, int) and abs(written - NOW_MS) < MEANT_MS:
            return written + self.now_ms - NOW_MS
        return written

    @abstractmethod
    def nonce(self) -> bytes:
        """Give the nonce of a proof."""

    @property
    @abstractmethod
    def statement_key(self) -> SigningKey:
        """The service's statement key; raises `NotHere`."""

    @property
    @abstractmethod
    def issuer(self) -> SigningKey:
        """The service's grant key; raises `NotHere`."""

    @abstractmethod
    def grant(self, scope: bytes, holder: SigningKey, **asked: Any) -> tuple[bytes, Any]:
        """Give a grant's payload and what signs it."""

    def chain(
        self,
        path: str = "root -> planner",
        *,
        scope: bytes | Sequence[bytes] = SCOPE,
        depth: int = 8,
        unrecorded: bool = True,
        task: str = "task",
        purpose: str = "answer the customer",
    ) -> MadeChain:
        """Make a chain of agents, all with the same scope unless there are several."""
        names = tuple(name.strip() for name in path.split("->"))
        scopes = [scope] if isinstance(scope, bytes) else list(scope)
        holders = tuple(key(f"{task} {name}") for name in names)
        payload, issuer = self.grant(
            scopes[0],
            holders[0],
            name=names[0],
            depth=depth,
            unrecorded=unrecorded,
            task=task,
            purpose=purpose,
        )
        payloads = [payload]
        for index in range(1, len(names)):
            said = scopes[min(index, len(scopes) - 1)]
            payloads.append(
                handoff_payload(
                    holders[index], names[index], said, depth - index, nonce=f"{task} nonce {index}", now_ms=self.now_ms
                )
            )
        signers = (issuer, *holders[:-1])
        purposes = (Purpose.GRANT, *[Purpose.HANDOFF] * (len(names) - 1))
        return MadeChain(names, tuple(payloads), signers, holders, purposes, ())

    def call(
        self,
        made: MadeChain,
        audience: str = "files",
        tool: str = "read",
        arguments: RawArguments = READ_CALL,
        *,
        moment: Moment = USUAL,
        earlier: Iterable[Call] = (),
        **proof: Any,
    ) -> Call:
        """Call a tool under a chain, with a proof by its leaf's key; see `proof_of` for how it can differ."""
        signed = self.proof(made, audience, tool, arguments, **proof)
        return Call(token_of(made), signed, audience, tool, arguments, moment, tuple(earlier))

    def proof(
        self,
        made: MadeChain,
        audience: str = "files",
        tool: str = "read",
        arguments: RawArguments = READ_CALL,
        *,
        signer: SigningKey | None = None,
        purpose: Purpose = Purpose.PROOF,
        changes: dict[int, w.Content | None] | None = None,
    ) -> bytes:
        """Sign a proof by hand.

        Args:
            made: the chain.
            audience: whom it is for.
            tool: what is called.
            arguments: with what.
            signer: who signs; None: the leaf's holder.
            purpose: what the signature is for.
            changes: fields of the proof that say something else.
        """
        payload = proof_payload(id_of(made, -1), audience, tool, arguments, nonce=self.nonce(), now_ms=self.now_ms)
        said = {
            number: self.time(content) if number == ISSUED_AT else content
            for number, content in (changes or {}).items()
        }
        return sign_proof_payload(w.changed(payload, said), signer or made.leaf_key, purpose)


ISSUED_AT = 6
"""The number of the time in a proof."""


def proof_payload(
    digest: bytes, audience: str, tool: str, arguments: RawArguments, *, nonce: bytes, now_ms: int
) -> bytes:
    """Write a proof's payload."""
    of_arguments = hashlib.sha256(arguments_text(arguments)).digest()
    return w.fields((1, 1), (2, digest), (3, audience), (4, tool), (5, of_arguments), (ISSUED_AT, now_ms), (7, nonce))


def sign_proof_payload(payload: bytes, signer: SigningKey, purpose: Purpose = Purpose.PROOF) -> bytes:
    """Write a signed proof."""
    return w.fields((1, payload), (2, signer.sign(signing_input(purpose, payload))))


def handoff_payload(
    holder: SigningKey, name: str, scope: bytes, depth: int, *, nonce: str, now_ms: int = NOW_MS
) -> bytes:
    """Write the payload of a handoff that lives as long as the grant."""
    return w.fields(
        (Of.VERSION, 1),
        (Of.NONCE, some_bytes(nonce)),
        (Of.ISSUED_AT_MS, now_ms),
        (Of.NOT_BEFORE_MS, now_ms),
        (Of.EXPIRES_AT_MS, now_ms + GRANT_MS),
        (Of.HOLDER_KEY, holder.public),
        (Of.HOLDER_AGENT, agent(name)),
        *([(Of.REMAINING_DEPTH, depth)] if depth else []),
        (Of.SCOPE, scope),
    )


class KernelWorld(World):
    """No network: the keys of the service are the tests' own, so that even a grant can be forged rightfully.

    Args:
        fresh_nonces: True where the same store sees many proofs. Else every proof has the same nonce, so that two
            attempts with the same bytes are found to be one.
    """

    def __init__(self, *, fresh_nonces: bool = False) -> None:
        self._nonces = itertools.count() if fresh_nonces else itertools.repeat(0)

    def nonce(self) -> bytes:
        return some_bytes(f"proof {next(self._nonces)}")

    @property
    def statement_key(self) -> SigningKey:
        return STATEMENTS

    @property
    def issuer(self) -> SigningKey:
        return ISSUER

    def grant(self, scope: bytes, holder: SigningKey, **asked: Any) -> tuple[bytes, SigningKey]:
        principal = w.fields((1, "ada"), (2, "https://login.example.test"), (3, 2), (4, some_bytes("id token", 32)))
        claims = w.fields((1, ISSUER.key_id), (2, some_bytes(asked["task"])), (3, principal))
        claims += w.field(4, 1) if asked["unrecorded"] else b""
        return w.changed(
            handoff_payload(holder, asked["name"], scope, asked["depth"], nonce=f"{asked['task']} nonce 0"),
            {Of.PURPOSE: asked["purpose"], Of.GRANT: claims},
        ), ISSUER


class ServiceWorld(World):
    """A running service, whose clock stands still. Its keys are its own.

    Args:
        as_: gives the caller with a path, over mTLS: `as_("tool/files")`.
        now_ms: what its clock says: now, since certificates are valid now.
    """

    def __init__(self, as_: Callable[[str], Caller], now_ms: int) -> None:
        self.as_ = as_
        self.now_ms = now_ms
        self._nonces = itertools.count()
        self._grants: dict[tuple[Any, ...], tuple[bytes, Heard]] = {}

    def nonce(self) -> bytes:
        return some_bytes(f"proof of the service's world {next(self._nonces)}")

    @property
    def statement_key(self) -> SigningKey:
        raise NotHere

    @property
    def issuer(self) -> SigningKey:
        raise NotHere

    def grant(self, scope: bytes, holder: SigningKey, **asked: Any) -> tuple[bytes, Heard]:
        request = w.fields(
            (1, asked["purpose"]),
            (2, scope),
            (3, holder.public),
            (4, GRANT_MS),
            (5, asked["depth"]),
            *([(6, 1)] if asked["unrecorded"] else []),
        )
        known = (request, asked["task"])
        if known not in self._grants:
            alice = self.as_(ALICE)
            try:
                answer = alice.ask(alice.delegation.Grant, pb.GrantRequest.FromString(request))
            except (DelegationError, DecodeError) as error:
                raise NotHere from error  # such a grant is not to be had
            (link,) = links_of(answer.token)
            self._grants[known] = link.payload, Heard(signing_input(Purpose.GRANT, link.payload), link.signature)
        return self._grants[known]


def id_of(made: MadeChain, index: int) -> bytes:
    """Give the id of a link; nothing is signed for it."""
    parent = b""
    for payload, purpose in zip(made.payloads[: index % len(made.payloads) + 1], made.purposes, strict=False):
        parent = link_id(signing_input(purpose, payload, parent))
    return parent


def token_of(made: MadeChain) -> bytes:
    """Write the token of a chain, without statements."""
    return join([(payload, signature) for payload, signature, _ in made.signed])


def join(frames: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write a token of payloads and signatures."""
    return b"".join(w.field(1, w.fields((1, payload), (2, signature))) for payload, signature in frames)
