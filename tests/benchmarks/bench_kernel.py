"""The rows "in process" of the bars: verify, authorize, hand off, prove, in multiples of one signature verification."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from chains import arguments, granted, hand_off, in_turn, scope_at, trace_ids
from kernel_paths import NOW_MS, Call, Kernel, different_calls
from measure import ROUNDS, Samples, Subject, calls_needed, interleaved, one_core
from nacl.signing import SigningKey as NaclKey
from report import Row

from delegation.core.arguments import Arguments
from delegation.core.codec import join_token
from delegation.core.keys import SigningKey
from delegation.errors import Reason

DEPTHS: Final = (1, 2, 4, 8)
_RAW_MESSAGE_BYTES: Final = 400
_SIGNATURES: Final = 64
_DENIAL_DEPTH: Final = 4
_LOST: Final = 0.25
"""A path of n verifications never takes less than this many times n `raw`, however loud the machine."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them."""
    rounds = 3 if quick else ROUNDS
    kernel = Kernel()
    with one_core():
        found: list[Row] = []
        for depth in DEPTHS:
            found += _chain_of(kernel, depth, rounds)
        found += _refusals(kernel, rounds)
        found += _signing(kernel, rounds)
    return sorted(found, key=lambda row: _ORDER.index(row.name.partition(",")[0])) + _sizes(kernel)


_ORDER: Final = ("cold", "warm", "new child", "denial", "bad proof", "hand off", "sign a proof", "raw")


def raw() -> Subject:
    """One signature verification as everybody does it: what all is compared with."""
    key = NaclKey.generate()
    signed = [key.sign(secrets.token_bytes(_RAW_MESSAGE_BYTES)) for _ in range(_SIGNATURES)]
    verify = key.verify_key.verify
    return Subject(lambda number: verify(in_turn(signed, number)), 32)


def _chain_of(kernel: Kernel, depth: int, rounds: int) -> list[Row]:
    chain = granted(kernel.issuer, NOW_MS, depth=depth)
    calls = different_calls(chain, _SIGNATURES)
    needed = calls_needed(12, rounds)
    children = [Call.of(chain.child(NOW_MS), arguments(number)) for number in range(needed)]
    samples = interleaved(
        {
            "raw": raw(),
            "cold": Subject(kernel.permitted(kernel.forgetful, calls), 12),
            "warm": Subject(kernel.permitted(kernel.remembering(chain.token), calls), 24),
            "child": Subject(kernel.permitted(kernel.remembering(chain.token), children), 12),
        },
        rounds=rounds,
    )
    verifications = depth + 1
    cold = samples.ratio("cold", "raw") / verifications
    warm = samples.ratio("warm", "raw")
    child = samples.ratio("child", "raw")
    return [
        Row(f"cold, depth {depth}, by verification", cold, "x raw", 1.25, possible_from=_LOST),
        Row(f"warm, depth {depth}", warm, "x raw", 1.5, possible_from=_LOST),
        Row(f"new child, known prefix of {depth}", child, "x raw", 2.7, possible_from=2 * _LOST),
    ]


def _refusals(kernel: Kernel, rounds: int) -> list[Row]:
    chain = granted(kernel.issuer, NOW_MS, depth=_DENIAL_DEPTH)
    permitted = different_calls(chain, _SIGNATURES)
    out_of_range = different_calls(chain, _SIGNATURES, limit=1001)
    forged = different_calls(chain, _SIGNATURES, key=SigningKey.generate(secrets.token_bytes))
    other = [Call(call.token, arguments(number + 1), call.proof) for number, call in enumerate(permitted)]
    cut = [Call(call.token, call.arguments, call.proof[:-1]) for call in permitted]
    warm = kernel.remembering(chain.token)
    bad = {
        "forged": (forged, Reason.PROOF_INVALID),
        "other call's": (other, Reason.PROOF_OTHER_CALL),
        "cut": (cut, Reason.PROOF_INVALID),
    }
    cold_paths: dict[str, Callable[[int], None]] = {
        "permitted": kernel.permitted(kernel.forgetful, permitted),
        "denied": kernel.denied(kernel.forgetful, out_of_range, Reason.ARGUMENT_REFUSED),
        **{name: kernel.denied(kernel.forgetful, calls, reason) for name, (calls, reason) in bad.items()},
    }
    warm_paths: dict[str, Callable[[int], None]] = {
        "permitted": kernel.permitted(warm, permitted),
        "denied": kernel.denied(warm, out_of_range, Reason.ARGUMENT_REFUSED),
    }
    cold = interleaved({"raw": raw(), **{name: Subject(run, 8) for name, run in cold_paths.items()}}, rounds=rounds)
    warmed = interleaved({"raw": raw(), **{name: Subject(run, 24) for name, run in warm_paths.items()}}, rounds=rounds)
    amplified = max(cold.difference(name, "permitted", unit="raw") for name in bad)
    depth = f"depth {_DENIAL_DEPTH}"
    possible = _LOST
    return [
        Row(f"denial, cold, {depth}", cold.ratio("denied", "permitted"), "x permitted", 1, possible_from=possible),
        Row(f"denial, warm, {depth}", warmed.ratio("denied", "permitted"), "x permitted", 1, possible_from=possible),
        Row(f"bad proof, worst of {len(bad)}, over permitted, {depth}", amplified, "x raw", 1, possible_from=-2),
    ]


def _signing(kernel: Kernel, rounds: int) -> list[Row]:
    chain = granted(kernel.issuer, NOW_MS, depth=_DENIAL_DEPTH)
    message = secrets.token_bytes(_RAW_MESSAGE_BYTES)
    nacl_key = NaclKey.generate()
    holder = SigningKey.generate(secrets.token_bytes).public
    scope, trace = scope_at(_DENIAL_DEPTH), trace_ids()
    asked = [arguments(number) for number in range(_SIGNATURES)]

    def handed_off(_: int) -> bytes:
        return join_token((*chain.links, hand_off(chain, holder, NOW_MS, scope, trace)), ())

    def proved(number: int) -> bytes:
        return chain.proof(Arguments.of(in_turn(asked, number)), NOW_MS)

    kernel.decide(kernel.forgetful, Call(chain.token, asked[0], proved(0)))
    kernel.forgetful.verify(handed_off(0), now_ms=NOW_MS, revocations=kernel.revocations)
    samples = interleaved(
        {
            "raw": raw(),
            "sign": Subject(lambda _: nacl_key.sign(message), 32),
            "hand off": Subject(handed_off, 16),
            "prove": Subject(proved, 24),
        },
        rounds=rounds,
    )
    sign_us = samples.median("sign")
    return [
        Row("hand off, narrowed, signed, encoded", samples.median("hand off"), "µs", 1.5 * sign_us + 40),
        Row("sign a proof, arguments included", samples.median("prove"), "µs", sign_us + 25),
        *_units(samples),
    ]


def _units(samples: Samples) -> list[Row]:
    """What the rows above are made of here, for orientation."""
    return [
        Row("raw, one verification", samples.median("raw"), "µs", possible_from=5),
        Row("raw, one signature", samples.median("sign"), "µs", possible_from=2),
    ]


def _sizes(kernel: Kernel) -> list[Row]:
    chain = granted(kernel.issuer, NOW_MS, depth=max(DEPTHS))
    grant, whole = len(chain.first(1).token), len(chain.token)
    return [
        Row("token, bytes that a further hop adds", (whole - grant) / (max(DEPTHS) - 1), "B", 340, possible_from=64),
        Row("token, bytes of a grant alone", grant, "B", possible_from=64),
        Row(f"token, bytes of {max(DEPTHS)} links", whole, "B", possible_from=64),
    ]
