"""Constraints for the search of the worst input, written as messages: nothing here minds whether a reader takes them.

A constraint that is to *hit* allows every text of its pool, one that is to *miss* none, which shows as late as can be.
Copies of one recipe differ by their number.
"""

from __future__ import annotations

from typing import Any, Final

from worst_recipes import Part, Recipe, Whole, Word
from worst_values import NAMES, TEXTS, VALUES, Room, value

from delegation.core import limits
from delegation.v1 import chain_pb2 as pb

_AIM: Final = Word(("hit", "miss"))
_SEPARATORS: Final = Word(("/", ".", "a"))
_MANY: Final = Whole(1, limits.BRANCHES)

CONSTRAINTS: Final = {
    "anything": (),
    "exact": (Part("value"),),
    "set": (
        Word(("one_of", "not_one_of", "list_subset", "list_contains")),
        Whole(1, limits.SET_VALUES),
        Part("value"),
    ),
    "integers": (Whole(0, 2 * limits.COMPARED_INTEGERS), _AIM),
    "decimals": (Word(("decimal_range", "decimal_text")), Whole(1, 60), _AIM),
    "length": (_AIM,),
    "beginning": (Word(("prefix", "sub_path")), Word(tuple(TEXTS)), Whole(1, limits.TEXT_BYTES), _AIM),
    "glob": (Whole(0, limits.TEXT_BYTES // 2 - 1), _SEPARATORS, _AIM),
    "url": (Whole(0, limits.TEXT_BYTES), Whole(1, limits.SCHEMES), _AIM),
    "cidr": (Word(("v4", "v6")), _AIM),
    "regex": (Word(("literal", "class", "choice", "anything", "late", "foreign", "sets")), Whole(1, 256), _AIM),
    "each": (Part("constraint"),),
    "fields": (Whole(0, limits.ARGUMENTS), Part("constraint"), Word(("required", "optional")), Word(tuple(NAMES))),
    "negation": (Part("constraint"),),
    "all_of": (_MANY, Part("constraint"), Part("constraint")),
    "any_of": (_MANY, Part("constraint"), Part("constraint")),
}
"""The grammar of constraints."""

GRAMMAR: Final = {"constraint": CONSTRAINTS, "value": VALUES}


def constraint(recipe: Recipe, number: int, room: Room, depth: int = limits.NESTING) -> pb.Constraint:
    """Make a constraint; copies with other numbers are others."""
    kind, *parameters = recipe
    if depth == 1 or kind not in _NESTED:
        made = _MAKE.get(kind, _anything)(*parameters, number=number, room=room)
        room.take(made.ByteSize() + 2)
        return made
    room.take(4)
    inner = parameters[0] if isinstance(parameters[0], list) else parameters[1]
    match recipe:
        case "each", _:
            return pb.Constraint(each=constraint(inner, number, room, depth - 1))
        case "negation", _:
            return pb.Constraint(negation=constraint(inner, number, room, depth - 1))
        case "fields", count, _, presence, names:
            listed = arguments(count, (inner,), room, number=number, depth=depth - 1, presence=presence, names=names)
            return pb.Constraint(fields=pb.Fields(fields=listed))
        case _, count, _, last:
            several = []
            for index in range(count):
                if not room.is_left:
                    break
                chosen = last if index == count - 1 else inner
                several.append(constraint(chosen, number * count + index, room, depth - 1))
            return pb.Constraint(**{kind: pb.ConstraintList(constraints=several)})


def arguments(
    count: int,
    recipes: tuple[Recipe, ...],
    room: Room,
    *,
    number: int = 0,
    depth: int = limits.NESTING,
    presence: str = "required",
    names: str = "plain",
) -> list[pb.Argument]:
    """Make the constraints of several arguments or fields, by the recipes in turn."""
    made = []
    for index in range(count):
        if not room.is_left:
            break
        name = NAMES[names](index)
        room.take(len(name.encode()) + 6)
        inner = constraint(recipes[index % len(recipes)], number * count + index, room, depth)
        made.append(pb.Argument(name=name, optional=presence == "optional", constraint=inner))
    return made


def _anything(*_: Any, **__: Any) -> pb.Constraint:
    return pb.Constraint(anything=True)


def _exact(of: Recipe, *, number: int, room: Room) -> pb.Constraint:
    given = value(of, number, _within_text(room), limits.NESTING - 1)
    match given:
        case None:
            return pb.Constraint(exact_null=True)
        case bool():
            return pb.Constraint(exact_boolean=given)
        case int():
            return pb.Constraint(exact_integer=given)
        case str():
            return pb.Constraint(exact_string=given)
        case float():
            return pb.Constraint(exact_decimal=_written(given))
        case _:
            return pb.Constraint(exact_composite=_message(given))


def _within_text(room: Room) -> Room:
    """Give room in which a text stays within its limit, too, if it is the first."""
    return Room(min(room.bytes_left, limits.TEXT_BYTES * 12), 20_000)


def _written(number: float) -> str:
    text = f"{number:.40f}".rstrip("0")
    return text if text[-1] != "." else text + "5"


def _message(given: Any) -> pb.Value:
    match given:
        case None:
            return pb.Value(null=True)
        case bool():
            return pb.Value(boolean=given)
        case int():
            return pb.Value(integer=given)
        case str():
            return pb.Value(string=given[: limits.TEXT_BYTES])
        case float():
            return pb.Value(decimal=_written(given))
        case list():
            return pb.Value(list=pb.ValueList(values=map(_message, given)))
        case _:
            members = [pb.ValueMember(name=name, value=_message(given[name])) for name in sorted(given)]
            return pb.Value(object=pb.ValueObject(members=members))


def _set(kind: str, count: int, of: Recipe, *, number: int, room: Room) -> pb.Constraint:
    """Make a set; those of other numbers share all of its members but one."""
    strings, integers, decimals, left = set(), set(), set(), Room(room.bytes_left)
    for index in range(count):
        if left.bytes_left <= 0:
            break
        made = value(of, index or number, Room(min(left.bytes_left, limits.TEXT_BYTES)))
        left.take(len(str(made)) + 2 if not isinstance(made, int) else 2)
        if isinstance(made, str):
            strings.add(made)
        elif isinstance(made, float):
            decimals.add(_written(made))
        elif isinstance(made, int) and not isinstance(made, bool):
            integers.add(made)
    scalars = pb.ScalarSet(
        strings=sorted(strings),
        integers=sorted(integers),
        decimals=sorted(decimals, key=float),
        has_true=not (strings or integers or decimals),
    )
    return pb.Constraint(**{kind: scalars})


def _integers(width: int, aim: str, *, number: int, room: Room) -> pb.Constraint:
    low = -number if aim == "hit" else -limits.SAFE_INTEGER
    return pb.Constraint(integer_range=pb.IntegerRange(minimum=low, maximum=low + number % 2 + width))


def _decimals(kind: str, digits: int, aim: str, *, number: int, room: Room) -> pb.Constraint:
    bound = f"{'9' * digits if aim == 'hit' else '-1'}.{number % 1000:03}5"
    return pb.Constraint(**{kind: pb.DecimalRange(maximum=bound)})


def _length(aim: str, *, number: int, room: Room) -> pb.Constraint:
    return pb.Constraint(length=pb.LengthRange(minimum=number + 1 if aim == "hit" else limits.ARGUMENT_BYTES))


def _beginning(kind: str, pool: str, length: int, aim: str, *, number: int, room: Room) -> pb.Constraint:
    text = TEXTS[pool](number, min(length, max(room.bytes_left // 4, 1)))
    if aim == "hit":
        text = "/srv" if kind == "sub_path" or "path" in pool else text[:1]
    return pb.Constraint(**{kind: text})


def _glob(pieces: int, separator: str, aim: str, *, number: int, room: Room) -> pb.Constraint:
    character = "~" if separator == "a" else separator
    last = "**" if aim == "hit" else f"{number:x}b"
    pattern = character.join([*["*"] * min(pieces, max(room.bytes_left // 2, 1)), last])
    return pb.Constraint(segment_glob=pb.SegmentGlob(pattern=pattern, separator="" if character == "/" else character))


def _url(path: int, schemes: int, aim: str, *, number: int, room: Room) -> pb.Constraint:
    written = TEXTS["url"](number, min(path, max(room.bytes_left, 1)))
    prefix = "" if aim == "hit" else written.removeprefix("https://a.example.org")
    named = sorted({"https", *(f"https+{index}" for index in range(1, schemes))})
    return pb.Constraint(url=pb.UrlPattern(schemes=named, host="example.org", subdomains=True, path_prefix=prefix))


def _cidr(version: str, aim: str, *, number: int, room: Room) -> pb.Constraint:
    if version == "v4":
        return pb.Constraint(cidr="0.0.0.0/0" if aim == "hit" else f"{TEXTS['v4'](number, 0)}/32")
    return pb.Constraint(cidr="::/0" if aim == "hit" else f"{TEXTS['v6'](number + 4096, 0)}/128")


def _regex(shape: str, weight: int, aim: str, *, number: int, room: Room) -> pb.Constraint:
    end = "" if aim == "hit" else f"{number:x}"
    times = max(1, min(weight - len(end), 255))
    expression = {
        "literal": "a" * times,
        "class": f"[a-y]{{{times}}}",
        "choice": f"(a|b|[^c]){{{max(times // 3, 1)}}}",
        "anything": f".{{0,{times}}}",
        "late": f".*a.{{{max(times - 2, 1)}}}",
        "foreign": f"[^\U0001f600]{{{times}}}",
        "sets": rf"[\w\d\s]{{{max(times // 3, 1)}}}",
    }[shape]
    return pb.Constraint(regex=(expression + end)[: limits.REGEX_BYTES])


_NESTED: Final = frozenset({"each", "negation", "fields", "all_of", "any_of"})
_MAKE: Final = {
    "exact": _exact,
    "set": _set,
    "integers": _integers,
    "decimals": _decimals,
    "length": _length,
    "beginning": _beginning,
    "glob": _glob,
    "url": _url,
    "cidr": _cidr,
    "regex": _regex,
}
