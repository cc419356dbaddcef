"""Links that permit more than the one before: tools, arguments, constraints, audiences."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Twin
from attacks.suite.recipes import everywhere, link_says, one_argument, scope_is, under
from attacks.suite.samples import NARROWED, WIDENED
from attacks.suite.worlds import READ, REFUND, SCOPE, SEARCH
from delegation.errors import Reason
from support.chains import READ_CALL

GREW = Reason.SCOPE_GREW


def any_of_tool(audience: str, tool: str) -> bytes:
    return w.capability(audience, tool, any_arguments=True)


# -- wider tool

MORE_TOOLS = {
    "a tool that writes": ("files", "write"),
    "a tool that deletes": ("files", "delete"),
    "a tool whose name begins the same": ("files", "readme"),
    "a tool whose name is a part of it": ("files", "rea"),
    "the tool in capital letters": ("files", "READ"),
    "the tool with a space": ("files", "read "),
    "the tool with an accent": ("files", "re\u0301ad"),
    "the tool in Cyrillic": ("files", "re\u0430d"),
    "every tool, it hopes": ("files", "*"),
    "every tool by a pattern, it hopes": ("files", "r*"),
    "the tool with its audience": ("files", "files.read"),
    "a tool by a path": ("files", "../read"),
}


def with_tool(audience: str, tool: str) -> bytes:
    before = [REFUND] if (audience, tool) > ("billing", "refund") else []
    after = [READ] if (audience, tool) < ("files", "read") else []
    middle = [] if after else [READ]
    return w.scope(*before, *middle, any_of_tool(audience, tool), *after, SEARCH)


def wider_tool() -> Iterator[Attempt]:
    changes = {name: (scope_is(with_tool(*pair)), (*pair, {})) for name, pair in MORE_TOOLS.items()}
    yield from everywhere(changes, GREW)
    instead = scope_is(w.scope(any_of_tool("files", "write")))
    yield from everywhere({"another tool in place of all": (instead, ("files", "write", {}))}, GREW)
    for at, of in ((1, 2), (2, 3)):
        nothing = link_says(scope_is(SCOPE), at, of, scope=b"")
        yield Attempt(f"tools where none are permitted, by link {at} of {of}", GREW, nothing, at)
    regained = [SCOPE, w.scope(READ), SCOPE]
    call = ("billing", "refund", {"amount": 5, "currency": "EUR"})
    yield Attempt("a tool that an ancestor gave up, regained", GREW, under(regained, 3, call=call), 2)


def fewer_tools() -> Iterator[Twin]:
    for of in (2, 3, 4):
        yield Twin(f"all tools, handed on by {of} links", under(of=of))
    yield Twin("one tool of three", under([SCOPE, w.scope(READ)], 3))
    yield Twin("another of them", under([SCOPE, w.scope(READ, SEARCH)], call=("web", "search", {"q": "x"})))


# -- wider argument


def wider_argument() -> Iterator[Attempt]:
    for name, (parent, child, gained) in WIDENED.items():
        call = ("t", "t", {"x": gained})
        yield Attempt(name, GREW, under([one_argument(parent), one_argument(child)], call=call), 1)
    for name in ("a path above", "a greater maximum", "one member more"):
        parent, child, gained = WIDENED[name]
        call = ("t", "t", {"x": gained})
        for at, of in ((2, 3), (3, 4)):
            change = scope_is(one_argument(child))
            recipe = link_says(change, at, of, scope=one_argument(parent), call=call)
            yield Attempt(f"{name}, by link {at} of {of}", GREW, recipe, at)


def narrower_argument() -> Iterator[Twin]:
    for name, (parent, child, value) in NARROWED.items():
        yield Twin(name, under([one_argument(parent), one_argument(child)], call=("t", "t", {"x": value})))


# -- dropped constraint


LIMIT, PATH = w.integers(maximum=100), w.sub_path("/srv/docs")


def optional(name: str, constraint: bytes) -> bytes:
    return w.argument(name, constraint, optional=True)


DROPPED = {
    "anything for a path": w.capability("files", "read", optional("limit", LIMIT), w.argument("path", w.anything())),
    "anything for a number": w.capability("files", "read", optional("limit", w.anything()), w.argument("path", PATH)),
    "any arguments": w.capability("files", "read", any_arguments=True),
    "a required argument that is not listed": w.capability("files", "read", optional("limit", LIMIT)),
    "a required argument that is optional": w.capability(
        "files", "read", optional("limit", LIMIT), optional("path", PATH)
    ),
    "no arguments at all": w.capability("files", "read"),
    "a path that may also be anything": w.capability("files", "read", w.argument("path", w.any_of(PATH, w.anything()))),
    "all of no constraint but anything": w.capability("files", "read", w.argument("path", w.all_of(w.anything()))),
}
GAINED = {
    "anything for a number": {**READ_CALL, "limit": 10**9},
    "a required argument that is not listed": {"limit": 5},
    "a required argument that is optional": {"limit": 5},
    "no arguments at all": {},
}


def dropped_constraint() -> Iterator[Attempt]:
    for name, capability in DROPPED.items():
        call = ("files", "read", GAINED.get(name, {"path": "/etc/passwd"}))
        for at, of in ((1, 2), (2, 3)):
            change = scope_is(w.scope(capability))
            yield Attempt(f"{name}, by link {at} of {of}", GREW, link_says(change, at, of, call=call), at)
    different = {parent: name for name, (parent, _, _) in WIDENED.items()}
    for parent, name in different.items():
        call = ("t", "t", {"x": [["anything"]]})
        for wrap, how in ((lambda c: c, ""), (w.each, ", in every member"), (_in_field, ", in a field")):
            if how and not name.startswith(("a ", "one ")):
                continue
            scopes = [one_argument(wrap(parent)), one_argument(wrap(w.anything()))]
            yield Attempt(f"anything in place of what {name} widens{how}", GREW, under(scopes, call=call), 1)


def _in_field(constraint: bytes) -> bytes:
    return w.object_of(w.argument("f", constraint))


def kept_constraint() -> Iterator[Twin]:
    kept = w.capability("files", "read", w.argument("path", PATH))
    yield Twin("an optional argument that may not be sent any more", under([SCOPE, w.scope(kept)]))
    required = w.capability("files", "read", w.argument("limit", LIMIT), w.argument("path", PATH))
    yield Twin(
        "an optional argument that is required now",
        under([SCOPE, w.scope(required)], call=("files", "read", {**READ_CALL, "limit": 1})),
    )
    constrained = w.scope(w.capability("web", "search", w.argument("q", w.prefix("news "))))
    yield Twin(
        "arguments where any were permitted",
        under([SCOPE, constrained], call=("web", "search", {"q": "news today"})),
    )
    anything = one_argument(w.anything())
    yield Twin("anything where anything is permitted", under(anything, 3, call=("t", "t", {"x": [["anything"]]})))


# -- added argument

ADDED_NAMES = {
    "an argument more": "follow",
    "an argument that comes first": "a",
    "an argument that comes last": "z",
    "the argument with a capital": "Path",
    "the argument with a space": "path ",
    "the argument in Cyrillic": "p\u0430th",
    "the argument with an accent": "path\u0301",
    "a dotted argument": "path.follow",
    "an argument with a dollar": "$path",
    "an argument that is a prototype": "__proto__",
}


def added(name: str, constraint: bytes, *, is_optional: bool) -> bytes:
    arguments = {
        "limit": optional("limit", LIMIT),
        "path": w.argument("path", PATH),
        name: w.argument(name, constraint, optional=is_optional),
    }
    in_order = [arguments[each] for each in sorted(arguments, key=str.encode)]
    return w.scope(w.capability("files", "read", *in_order))


def added_argument() -> Iterator[Attempt]:
    for name, argument in ADDED_NAMES.items():
        for is_optional in (True, False):
            for at, of in ((1, 2), (2, 3)):
                change = scope_is(added(argument, w.boolean(True), is_optional=is_optional))
                call = ("files", "read", {**READ_CALL, argument: True})
                how = "optional" if is_optional else "required"
                yield Attempt(f"{name}, {how}, by link {at} of {of}", GREW, link_says(change, at, of, call=call), at)
    parent, child = (
        one_argument(w.object_of(*(w.argument(name, w.anything()) for name in names))) for names in ("a", "ab")
    )
    yield Attempt(
        "a field more of an object", GREW, under([parent, child], call=("t", "t", {"x": {"a": 1, "b": 2}})), 1
    )


def listed_arguments() -> Iterator[Twin]:
    for name, argument in list(ADDED_NAMES.items())[:4]:
        wide = added(argument, w.boolean(True), is_optional=True)
        call = ("files", "read", {**READ_CALL, argument: True})
        yield Twin(f"{name}, which every link lists", under(wide, 3, call=call))


# -- other audience

OTHER_AUDIENCES = {
    "another audience": "web",
    "an audience whose name begins the same": "files2",
    "a subdomain": "files.example.org",
    "the audience in capitals": "FILES",
    "the audience with a space": "files ",
    "the audience in Cyrillic": "f\u0456les",
    "the audience as a URL": "https://files",
    "every audience, it hopes": "*",
}


def other_audience() -> Iterator[Attempt]:
    changes = {
        name: (scope_is(w.scope(any_of_tool(audience, "read"))), (audience, "read", READ_CALL))
        for name, audience in OTHER_AUDIENCES.items()
    }
    yield from everywhere(changes, GREW)
    for name, audience in OTHER_AUDIENCES.items():
        recipe = under(call=(audience, "read", READ_CALL))
        yield Attempt(f"a call at {name}", Reason.TOOL_NOT_PERMITTED, recipe, 0)


def same_audience() -> Iterator[Twin]:
    yield from fewer_tools()
    for audience in ("files2", "f\u0456les"):
        scope = w.scope(any_of_tool(audience, "read"))
        yield Twin(f"{audience}, which every link names", under(scope, 3, call=(audience, "read", READ_CALL)))


CLASSES = (
    AttackClass("wider tool", wider_tool, fewer_tools),
    AttackClass("wider argument", wider_argument, narrower_argument),
    AttackClass("dropped constraint", dropped_constraint, kept_constraint),
    AttackClass("added argument", added_argument, listed_arguments),
    AttackClass("other audience", other_audience, same_audience),
)
