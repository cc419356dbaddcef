"""A constraint of another kind than the parent's, every pair of kinds; and kinds that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Twin
from attacks.suite.recipes import link_says, one_argument, scope_is, under
from attacks.suite.samples import OF_A_KIND, VALUE_OF_A_KIND
from attacks.suite.worlds import SCOPE
from attacks.suite.writer import Of
from delegation.errors import Reason

WRAPPED = {
    "": lambda inner: inner,
    " in a list": w.each,
    " in an object": lambda inner: w.object_of(w.argument("f", inner)),
    " among alternatives": lambda inner: w.any_of(w.string("a"), inner),
    " among conjuncts": lambda inner: w.all_of(w.anything(), inner),
    " negated": w.negation,
}
UNKNOWN = {
    "no kind": b"",
    "the kind after the last": w.field(27, b"x"),
    "a kind that is a number": w.field(27, 1),
    "kind 100": w.field(100, "x"),
    "the greatest field number": w.field(2**29 - 1, "x"),
}


def changed_kind() -> Iterator[Attempt]:
    for parent, said in OF_A_KIND.items():
        for child, instead in OF_A_KIND.items():
            if parent == child:
                continue
            call = ("t", "t", {"x": VALUE_OF_A_KIND[child]})
            recipe = under([one_argument(said), one_argument(instead)], call=call)
            yield Attempt(f"{child} in place of {parent}", Reason.SCOPE_GREW, recipe, 1)


def same_kind() -> Iterator[Twin]:
    for kind, said in OF_A_KIND.items():
        call = ("t", "t", {"x": VALUE_OF_A_KIND[kind]})
        yield Twin(f"{kind} in place of {kind}", under(one_argument(said), 3, call=call))
    for kind in OF_A_KIND:
        call = ("t", "t", {"x": VALUE_OF_A_KIND[kind]})
        scopes = [one_argument(w.anything()), one_argument(OF_A_KIND[kind])]
        yield Twin(f"{kind} in place of anything", under(scopes, call=call))


def unknown_kind() -> Iterator[Attempt]:
    for name, kind in UNKNOWN.items():
        reason = Reason.CONSTRAINT_UNSUPPORTED if kind == b"" else Reason.NOT_CANONICAL
        for where, wrap in WRAPPED.items():
            if where == " negated" and not kind:
                continue
            scope = one_argument(wrap(kind))
            for at, of in ((0, 1), (1, 2)):
                change = scope_is(scope)
                recipe = link_says(change, at, of, scope=one_argument(w.anything()), call=("t", "t", {"x": "x"}))
                yield Attempt(f"{name}{where}, in link {at} of {of}", reason, recipe, at)
    unasked = w.scope(w.capability("a", "a", w.argument("x", b"")), w.capability("t", "t", any_arguments=True))
    recipe = under(unasked, 1, call=("t", "t", {}))
    yield Attempt("no kind for a tool that is not called", Reason.CONSTRAINT_UNSUPPORTED, recipe, 0)
    unsent = one_argument(b"", optional=True)
    recipe = under(unsent, 1, call=("t", "t", {}))
    yield Attempt("no kind for an argument that is not sent", Reason.CONSTRAINT_UNSUPPORTED, recipe, 0)


def known_kind() -> Iterator[Twin]:
    for where in ("", " in a list", " in an object", " among alternatives", " among conjuncts"):
        value = {"": "b", " in a list": ["b"], " in an object": {"f": "b"}}.get(where, "b")
        scope = one_argument(WRAPPED[where](w.string("b")))
        yield Twin(f"a known kind{where}", under(scope, 2, call=("t", "t", {"x": value})))
    yield Twin("a known kind negated", under(one_argument(w.negation(w.string("b"))), call=("t", "t", {"x": "a"})))


VERSIONS = {"version 0": None, "version 2": 2, "version 255": 255, "the greatest version": 2**32 - 1}


def unknown_version() -> Iterator[Attempt]:
    for name, version in VERSIONS.items():
        for at, of in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)):
            recipe = link_says({Of.VERSION: version}, at, of)
            yield Attempt(f"{name} in link {at} of {of}", Reason.VERSION_UNSUPPORTED, recipe, at)
    for name, version in VERSIONS.items():
        yield Attempt(
            f"{name} of a proof",
            Reason.PROOF_INVALID,
            lambda world, version=version: world.call(world.chain(), changes={1: version}),
        )
    later = lambda payload: w.changed(payload, {Of.VERSION: 2}) + w.field(14, "of a later version")  # noqa: E731
    yield Attempt("a later version with a field of its own", Reason.VERSION_UNSUPPORTED, link_says(later), 1)


def known_version() -> Iterator[Twin]:
    for of in (1, 2, 3):
        yield Twin(
            f"version 1, written by hand, in the last of {of}", link_says({Of.VERSION: 1}, of - 1, of, scope=SCOPE)
        )


CLASSES = (
    AttackClass("changed constraint kind", changed_kind, same_kind),
    AttackClass("unknown constraint kind", unknown_kind, known_kind),
    AttackClass("unknown version", unknown_version, known_version),
)
