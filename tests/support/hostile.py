"""Values of every type that a public function may be given, none of them kind; made from annotations.

- bytes, text, numbers and JSON-like values: any value at all of the annotated type, however large or strange;
- records (named tuples and data classes that anybody may build): any such values in their fields;
- what only the kernel makes (constraints, scopes, verified chains, caches): as the kernel makes it, from anything.

`of_type` raises `NoStrategyError` for a type that is none of these.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any, Final

from google.protobuf.message import Message
from hypothesis import strategies as st

from delegation.core import codec, limits
from delegation.core.agent_history import AgentHistory
from delegation.core.approval import ApprovalDemand
from delegation.core.arguments import Arguments, Value
from delegation.core.call_plan import CallPlan, CallPlans
from delegation.core.chain import SignedLink, UnverifiedChain, VerifiedChain
from delegation.core.codec import envelope
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount
from delegation.core.constraints import Constraint, Steps, between, each, exactly, one_of
from delegation.core.demands import Demand
from delegation.core.federation import FederatedDomain, FollowedFeeds, not_followed
from delegation.core.keys import Signer, SigningKey
from delegation.core.prefix_cache import PrefixCache
from delegation.core.revocation import RevocationState
from delegation.core.scope import Capability, Scope
from delegation.core.session import TaskSession
from delegation.core.trust import Catalogue, CatalogueTool, Effect, TrustBundle
from delegation.core.trusted_keys import StatementKeys, TrustedKeys
from delegation.core.verify import Verifier
from delegation.errors import DelegationError
from delegation.v1 import chain_pb2
from fuzz import seeds
from fuzz.message_mutations import change_message
from support.chains import BUNDLE, MALLORY, ROOT, STATEMENTS, verify
from support.samples import CONSTRAINTS
from support.strategies import constraints as valid_constraints
from support.strategies import names, values


class NoStrategyError(Exception):
    """Nothing here makes values of a type."""


def of_these(known: Sequence[Any]) -> st.SearchStrategy[Any]:
    """As `sampled_from`, for values that hypothesis had better not show whenever it shows the strategy."""
    return st.integers(0, len(known) - 1).map(lambda index: known[index])


# -- scalars and JSON ----------------------------------------------------------------------------------------------

_DIGITS: Final = (
    5000  # more than Python writes of an int; such numbers are made late, for hypothesis shows what it knows
)
_TEXTS: Final = (
    "",
    "/",
    "/srv",
    "5",
    "-0",
    "1e5",
    "NaN",
    "9" * 5000,
    "a:b",
    "x" * 600,
    "é" * 5000,
    "\0",
    "(a+)+b",
    "(",
)
_NUMBERS: Final = (0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**64))
_DECIMALS: Final = ("sNaN", "NaN", "-Infinity", "1E+999999", "1E-999999", "-0", "0.10", "0." + "1" * 80)

texts = st.text(st.characters(), max_size=12) | of_these([*_TEXTS, "\ud800", "a\udfff"])
integers = st.integers() | st.sampled_from(_NUMBERS) | st.sampled_from([-1, 1]).map(lambda sign: sign * 10**_DIGITS)
decimals = st.decimals() | st.sampled_from([Decimal(text) for text in _DECIMALS])
floats = st.floats() | st.sampled_from([1e308, 5e-324, -0.0, 2.0**53])


def _seen() -> list[bytes]:
    made = seeds.chains()[:3]
    statements = seeds.signed_statements()
    return [
        *(each.token for each in made),
        *(payload for each in made for payload in each.payloads),
        *seeds.proofs(),
        *map(codec.encode_statement, statements),
        *(statement.payload for statement in statements),
    ]


_sized = st.sampled_from([16, 32, 64]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
some_bytes = st.binary(max_size=80) | _sized | of_these(_seen()) | st.just(bytes(limits.TOKEN_BYTES + 1))


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


_WORDS: Final = (
    *("audience", "tool", "arguments", "optional", "any", "each", "fields", "exactly", "one_of", "range", "minimum"),
    *("at_most", "at_least", "between", "under", "not", "all_of", "any_of", "matching", "length", "prefix", "url"),
)
plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | integers | floats | texts | decimals | some_bytes | st.sampled_from([object(), {1, 2}]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.sampled_from(_WORDS) | texts | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
) | st.sampled_from([40, 900, 5000]).map(_deep)

SCALARS: Final[dict[Any, st.SearchStrategy[Any]]] = {
    bytes: some_bytes,
    str: texts,
    int: integers,
    float: floats,
    bool: st.booleans(),
    Decimal: decimals,
    type(None): st.none(),
    object: plain,
    Any: plain,
}

# -- what the kernel makes -------------------------------------------------------------------------------------------


def accepted(make: Callable[..., Any], *given: Any) -> st.SearchStrategy[Any]:
    """Values that the kernel makes of anything, where it makes one."""

    def attempt(drawn: tuple[Any, ...]) -> Any:
        try:
            return make(*drawn)
        except DelegationError:
            return None
        except Exception:  # noqa: BLE001 - that it leaks is for the test of `make` to say
            return None

    return st.tuples(*given).map(attempt).filter(lambda made: made is not None)


_SAMPLES: Final = (
    *CONSTRAINTS,
    *(argument.constraint for capability in seeds.of_each_kind() for argument in (capability.arguments or {}).values()),
)
constraints: st.SearchStrategy[Constraint] = st.one_of(
    valid_constraints,
    of_these(_SAMPLES),
    accepted(exactly, plain),
    accepted(lambda found: one_of(*found), st.lists(plain, min_size=1, max_size=3)),
    accepted(between, integers | texts, integers | decimals),
    accepted(each, plain),
)
_VERIFIED: Final = tuple(verify(made.token) for made in seeds.chains())


@st.composite
def _states(draw: st.DrawFn) -> RevocationState:
    """Revocation states, each its own: methods change them."""
    state = RevocationState() if draw(st.booleans()) else RevocationState.nothing_revoked()
    for entry in draw(st.sampled_from(seeds.feeds())):
        try:
            state.apply(entry, monotonic_ms=0)
        except DelegationError:
            break
    return state


def _session(tools: Sequence[CatalogueTool], denials: int) -> TaskSession:
    session = dataclasses.replace(TaskSession(), denials=denials)
    for tool in tools:
        session = session.after(tool)
    return session


def _history(acts: Sequence[tuple[frozenset[Effect], int]]) -> AgentHistory:
    history = AgentHistory()
    for effects, until_ms in acts:
        history = history.after_call(effects, now_ms=0, until_ms=until_ms)
    return history


def _plans(plans: CallPlans) -> CallPlan | None:
    return plans.whole(("files", "read"))


_scopes = accepted(lambda found: Scope(*found), st.lists(st.deferred(lambda: of_type(Capability)), max_size=3))
_listed = of_these([tool for catalogue in seeds.catalogues() for tool in catalogue.tools])
_trusted_keys = of_these([bundle.keys for bundle in seeds.bundles()])

MADE_BY_THE_KERNEL: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Constraint: constraints,
    CallCount: st.builds(CallCount.of, st.integers(1, limits.SAFE_INTEGER)),
    Budget: accepted(Budget.of, names, st.sampled_from(["0", "0.5", "50", "9" * 64])),
    ApprovalRequirement: st.sets(names, min_size=1, max_size=3).map(lambda of: ApprovalRequirement.of(sorted(of), 1)),
    Value: values,
    Scope: _scopes,
    Arguments: accepted(Arguments.of, st.dictionaries(texts, plain, max_size=3)),
    VerifiedChain: of_these(_VERIFIED),
    SignedLink: of_these([link for chain in _VERIFIED for link in chain.links]),
    tuple[SignedLink, ...]: of_these([chain.links for chain in _VERIFIED]),
    UnverifiedChain: of_these([codec.parse_token(made.token) for made in seeds.chains()]),
    envelope.Envelope: of_these([envelope.parse_envelope(made.token) for made in seeds.chains()]),
    CallPlans: of_these([chain.plans for chain in _VERIFIED]),
    CallPlan: of_these([chain.plans for chain in _VERIFIED]).map(_plans).filter(lambda plan: plan is not None),
    RevocationState: _states(),
    Verifier: st.builds(Verifier, st.just(BUNDLE), cache_entries=st.integers(0, 3)),
    PrefixCache: st.builds(PrefixCache, st.integers(0, 4)),
    Signer: st.sampled_from([ROOT, STATEMENTS, MALLORY]),
    SigningKey: st.sampled_from([ROOT, STATEMENTS, MALLORY]),
    Steps: st.builds(Steps),
    TrustBundle: of_these(seeds.bundles()),
    StatementKeys: of_these(seeds.bundles()),
    TrustedKeys: of_these([TrustedKeys(bundle.keys) for bundle in seeds.bundles()]),
    FederatedDomain: st.builds(
        FederatedDomain, names, _trusted_keys, st.sets(names, max_size=2), st.sets(names, max_size=2), _scopes
    ),
    FollowedFeeds: st.sampled_from([not_followed, lambda _: RevocationState.nothing_revoked()]),
    Catalogue: of_these(seeds.catalogues()),
    AgentHistory: st.builds(
        _history,
        st.lists(st.tuples(st.frozensets(st.sampled_from(Effect)), st.integers(0, limits.SAFE_INTEGER)), max_size=40),
    ),
    TaskSession: st.builds(_session, st.lists(_listed, max_size=3), st.integers(0, limits.SAFE_INTEGER)),
    ApprovalDemand: st.builds(
        ApprovalDemand,
        st.lists(texts, max_size=3).map(tuple),
        st.integers(-1, limits.SAFE_INTEGER),
        st.booleans(),
        st.none() | st.integers(0, limits.LINKS - 1),
        texts,
    ),
    Demand: st.builds(Demand, some_bytes, st.integers(0, limits.LINKS - 1), texts, texts, texts, texts, texts),
}
"""Types whose values nobody else makes, or makes otherwise."""

# -- from annotation to values -----------------------------------------------------------------------------------------


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Give hostile values of an annotated type.

    Raises:
        NoStrategyError: for a type that is not known here.
    """
    for known in (MADE_BY_THE_KERNEL, SCALARS):
        if hint in known:
            return known[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is None and inspect.isclass(hint):
        return _of_class(hint)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(of_type, inner))
    if origin is tuple and inner[1:] != (...,):
        return st.tuples(*map(of_type, inner))
    make = _CONTAINERS.get(origin)
    if make is None:
        raise NoStrategyError(str(hint))
    return make(*[of_type(each) for each in inner if each is not ...])


def _several(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(inner, max_size=3)


def _named(names: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    return st.dictionaries(names, values, max_size=3)


_CONTAINERS: Final[dict[Any, Callable[..., st.SearchStrategy[Any]]]] = {
    list: _several,
    Iterable: _several,
    Sequence: _several,
    tuple: lambda inner: _several(inner).map(tuple),
    frozenset: lambda inner: st.frozensets(inner, max_size=3),
    Container: lambda inner: st.frozensets(inner, max_size=3),
    dict: _named,
    Mapping: _named,
}


def _of_class(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Give values of a class: enumerations, messages, constraints, and records with anything in their fields."""
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, Message):
        return _messages(kind)
    samples = [constraint for constraint in _SAMPLES if type(constraint) is kind]
    if samples:
        return of_these(samples)
    if "of" in vars(kind):  # the constructor that checks
        return accepted(kind.of, *map(of_type, [h for n, h in typing.get_type_hints(kind.of).items() if n != "return"]))
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind) if field.init]
    elif hasattr(kind, "_fields"):
        names = list(kind._fields)
    else:
        raise NoStrategyError(str(kind))
    hints = typing.get_type_hints(kind)
    fields = {name: of_type(hints[name]) for name in names}

    @st.composite
    def records(draw: st.DrawFn) -> Any:
        return kind(**{name: draw(made) for name, made in fields.items()})

    return records()


def _messages(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Give messages of a kind, changed field by field."""
    link = chain_pb2.Link.FromString(seeds.chains()[2].payloads[0])
    starts: list[Message] = [link, link.scope, link.grant.principal]
    data = next((start.SerializeToString() for start in starts if isinstance(start, kind)), b"")

    def make(number: int, changes: int) -> Message:
        random, changed = Random(number), data
        for _ in range(changes):
            changed = change_message(kind, changed, data, random) or changed
        return kind.FromString(changed)

    return st.builds(make, st.integers(0, 2**20), st.integers(0, 6))
