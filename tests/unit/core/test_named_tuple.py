"""The kernel's named tuples are those of `typing`: whatever is asked of a value has the same answer."""

from __future__ import annotations

import copy
import pickle
import threading
import typing

import pytest

from delegation.core.named_tuple import NamedTuple
from delegation.core.scope import Capability


class Mine(NamedTuple):
    first: int
    second: str = "b"
    third: tuple[int, ...] | None = None

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"


class Standard(typing.NamedTuple):
    first: int
    second: str = "b"
    third: tuple[int, ...] | None = None


QUESTIONS = {
    "fields": lambda kind: kind._fields,
    "defaults": lambda kind: kind._field_defaults,
    "names in patterns": lambda kind: kind.__match_args__,
    "annotations": typing.get_type_hints,
    "by position": lambda kind: tuple(kind(1, "x", (2,))),
    "by name": lambda kind: tuple(kind(third=(2,), first=1)),
    "of an iterable": lambda kind: tuple(kind._make([1, "x", None])),
    "one field": lambda kind: (kind(1).first, kind(1).second, kind(1).third),
    "changed": lambda kind: tuple(kind(1)._replace(second="y")),
    "as a dict": lambda kind: kind(1)._asdict(),
    "equal": lambda kind: (kind(1) == kind(1, "b"), kind(1) == (1, "b", None), hash(kind(1)) == hash((1, "b", None))),
    "in order": lambda kind: min(kind(2), kind(1)).first,
    "shown": lambda kind: repr(kind(1)).replace(kind.__name__, ""),
    "copied": lambda kind: (copy.copy(kind(1)) == kind(1), type(copy.deepcopy(kind(1))) is kind),
    "pickled": lambda kind: type(pickle.loads(pickle.dumps(kind(1)))) is kind,
    "without a dict of its own": lambda kind: hasattr(kind(1), "__dict__"),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_it_answers_as_the_standard_one(ask):
    assert ask(Mine) == ask(Standard)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda kind: kind(),
        lambda kind: kind(1, "x", None, 4),
        lambda kind: kind(1, fourth=4),
        lambda kind: kind(1, first=1),
        lambda kind: kind._make([]),
    ],
    ids=["too few", "too many", "another name", "one twice", "an empty iterable"],
)
def test_what_does_not_fit_is_refused_as_by_the_standard_one(wrong):
    for kind in (Mine, Standard):
        with pytest.raises(TypeError):
            wrong(kind)


def test_a_name_that_is_no_field_cannot_be_changed_and_no_field_can_be_set():
    for kind in (Mine, Standard):
        with pytest.raises((TypeError, ValueError)):
            kind(1)._replace(fourth=4)
        with pytest.raises(AttributeError):
            kind(1).first = 2
        with pytest.raises(AttributeError):
            kind(1).fourth = 2


def test_it_is_taken_apart_like_a_tuple_and_by_pattern():
    match Mine(1, "x"):
        case Mine(first, "x", third):
            assert (first, third) == (1, None)
    first, second, third = Mine(1)
    assert (first, second, third, Mine(1).both) == (1, "b", None, "1b")


def test_a_kind_of_a_kind_has_its_fields():
    class Further(Mine):
        __slots__ = ()

    assert Further(1) == Mine(1)
    assert repr(Further(1)) == "Further(first=1, second='b', third=None)"


def test_first_values_that_are_made_at_once_are_whole():
    class Fresh(NamedTuple):
        first: int
        second: int

    begin, made = threading.Barrier(8), []

    def make(number: int) -> None:
        begin.wait()
        made.append(Fresh(number, second=number))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [(number, number) for number in range(8)]


def test_a_kind_is_a_plain_class_which_isinstance_asks_fastest():
    assert type(Capability) is type
    assert not isinstance((), Capability)
