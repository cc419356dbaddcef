"""The worst input that is within the limits: how long one call can hold a verifier."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final

from chains import Chain
from kernel_paths import NOW_MS, Kernel
from measure import MeasurementFailedError, one_core
from report import Row

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.attest import sign_binding, sign_receipt
from delegation.core.authorize import authorize
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.codec import add_statements
from delegation.core.constraints import at_most, between, each, exactly, fields, one_of
from delegation.core.keys import SigningKey
from delegation.core.mint import sign_grant, sign_handoff
from delegation.core.scope import Scope, tool
from delegation.core.statement import Binding, Receipt
from delegation.errors import Malformed

BAR_MS: Final = 40
_ROUNDS: Final = 7
"""The fastest counts: this is about the work, to which others on the machine only add."""

_AGENT: Final = "a:a"


def rows(*, quick: bool = False) -> list[Row]:
    """Measure several kinds of tokens and of arguments. All of them are accepted: what is refused ends earlier."""
    rounds = 1 if quick else _ROUNDS
    kernel = Kernel()
    with one_core():
        tokens = {name: _fastest_ms(work, rounds) for name, work in _tokens(kernel)}
        called = {name: _fastest_ms(work, rounds) for name, work in _arguments(kernel)}
    costs = {**{f"a token of {name}": cost for name, cost in tokens.items()}, **called}
    return [Row(f"worst input, {name}", cost, "ms", BAR_MS, possible_from=0.05) for name, cost in costs.items()]


def _fastest_ms(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


# -- tokens of at most 64 KiB, every one of them valid -----------------------------------------------------------


def _tokens(kernel: Kernel) -> Iterator[tuple[str, Callable[[], object]]]:
    small_object = fields(a=exactly(1), b=between(1, 2))
    token_of = {
        "one link of decimal bounds": _largest(kernel, 1, lambda _: at_most("0.5")),
        "2 links of nested constraints": _largest(kernel, 2, lambda _: _nested()),
        f"{limits.LINKS} links of decimal bounds": _largest(kernel, limits.LINKS, lambda _: at_most("0.5")),
        f"{limits.LINKS} links of sets": _largest(kernel, limits.LINKS, lambda _: one_of(*range(100))),
        f"{limits.LINKS} links of objects": _largest(kernel, limits.LINKS, lambda _: small_object),
        f"{limits.LINKS} links and {limits.STATEMENTS} statements": _with_statements(kernel),
    }
    for name, token in token_of.items():
        yield name, lambda token=token: kernel.forgetful.verify(token, now_ms=NOW_MS, revocations=kernel.revocations)


def _nested() -> object:
    constraint: object = exactly(1)
    for _ in range(limits.NESTING - 2):
        constraint = each(constraint)
    return constraint


def _largest(kernel: Kernel, links: int, constraint: Callable[[int], object]) -> bytes:
    """Make about the largest token within the limits whose links all constrain as many arguments as fit."""
    one, two = (len(_token(kernel, _scope(count, constraint), links)) for count in (1, 2))
    count = min((limits.TOKEN_BYTES - one) // (two - one), limits.ARGUMENTS * limits.CAPABILITIES) + 2
    while count > 1:
        token = _token(kernel, _scope(count, constraint), links)
        if 0 < len(token) <= limits.TOKEN_BYTES:
            return token
        count = count * 19 // 20
    raise MeasurementFailedError("no token of this kind is within the limits")


def _token(kernel: Kernel, scope: Scope, links: int) -> bytes:
    """Give the token of a chain whose links all permit the same; empty if one of them is too large by itself."""
    try:
        return _repeated(kernel, scope, links).token
    except Malformed:
        return b""


def _scope(count: int, constraint: Callable[[int], object]) -> Scope:
    names = [f"{number:x}" for number in range(limits.ARGUMENTS)]
    capabilities = []
    for start in range(0, count, limits.ARGUMENTS):
        some = names[: min(count - start, limits.ARGUMENTS)]
        capabilities.append(tool("a", f"t{start}", **{name: constraint(start) for name in some}))
    return Scope(*capabilities)


def _repeated(kernel: Kernel, scope: Scope, links: int) -> Chain:
    """Make a chain whose links all permit the same."""
    key = SigningKey.generate(secrets.token_bytes)
    chain = Chain(
        (
            sign_grant(
                kernel.issuer,
                task_id=bytes(16),
                principal=Principal("p", "i", PrincipalBasis.ASSERTED),
                holder_key=key.public,
                holder_agent=_AGENT,
                scope=scope,
                purpose="p",
                now_ms=NOW_MS,
                lifetime_ms=60_000,
                max_depth=limits.LINKS,
                unrecorded_handoffs=True,
                nonce=bytes(16),
            ),
        ),
        (key,),
    )
    while len(chain.links) < links:
        key = SigningKey.generate(secrets.token_bytes)
        link = sign_handoff(
            chain.links[-1],
            chain.keys[-1],
            holder_key=key.public,
            holder_agent=_AGENT,
            scope=scope,
            now_ms=NOW_MS,
            expires_at_ms=NOW_MS + 60_000,
            nonce=bytes(16),
        )
        chain = Chain((*chain.links, link), (*chain.keys, key))
    return chain


def _with_statements(kernel: Kernel) -> bytes:
    chain = _repeated(kernel, _scope(1, lambda _: exactly(1)), limits.LINKS)
    bindings = [
        sign_binding(Binding(signed.link.holder_key, _AGENT, NOW_MS, NOW_MS + 60_000), kernel.statement_key)
        for signed in chain.links
    ]
    receipts = [sign_receipt(Receipt(signed.link_id, NOW_MS), kernel.statement_key) for signed in chain.links]
    return add_statements(chain.token, (*bindings, *receipts)[: limits.STATEMENTS])


# -- arguments of at most 1 MiB and 10,000 values ---------------------------------------------------------------


def _arguments(kernel: Kernel) -> Iterator[tuple[str, Callable[[], object]]]:
    values = limits.ARGUMENT_VALUES - 8
    names = ",".join(f'"n{number:05}":1' for number in range(values))
    kinds: dict[str, bytes] = {
        "arguments of 1 MiB, one text": _json('"' + "x" * (limits.ARGUMENT_BYTES - 16) + '"'),
        "arguments of 10,000 integers": _json(f"[{','.join(['9007199254740991'] * values)}]"),
        "arguments of 10,000 fractions": _json(f"[{','.join(['0.1234567890123456'] * values)}]"),
        "arguments of 10,000 empty lists": _json(f"[{','.join(['[]'] * values)}]"),
        "arguments of 10,000 names": _json(f"{{{names}}}"),
    }
    for name, text in kinds.items():
        yield name, lambda text=text: Arguments.parse(text)
    scope = Scope(tool("a", "t0", a=each(one_of("x", "y"))))
    chain = kernel.forgetful.verify(_token(kernel, scope, limits.LINKS), now_ms=NOW_MS, revocations=kernel.revocations)
    long = Arguments.of({"a": ["x"] * (limits.EVALUATION_STEPS // limits.LINKS - 8)})
    yield "as many evaluation steps as are granted", lambda: authorize(chain, audience="a", tool="t0", arguments=long)


def _json(member: str) -> bytes:
    return f'{{"a":{member}}}'.encode()
