"""No public function of the kernel or of carriage lets anything out but the project's own exceptions.

Functions and methods are found by looking, their arguments are made from their annotations (`support.hostile`): one
that is added is tried without being named here, and one whose parameters nothing can make fails.

Values of another type than the annotated one are not tried: that is a mistake of whoever calls, mypy tells, and Python
raises TypeError or AttributeError as for any function. Every value of the right type is answered or refused.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import delegation.core
import delegation_sdk
from delegation.core import notation
from delegation.core.constraints import Constraint
from delegation.core.revocation import RevocationKind, revocation_key
from delegation.errors import DelegationError
from delegation.v1 import chain_pb2
from delegation_sdk import carriage
from support.hostile import MADE_BY_THE_KERNEL, NoStrategyError, of_type
from support.strategies import bounded, json_values, typed

MODULES = [
    *(
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(delegation.core.__path__, "delegation.core.")
    ),
    carriage,
]
OTHERWISE: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("canonical_json.canonical_json", "value"): json_values.map(typed) | st.text(st.characters(categories=("L", "Cs"))),
    ("canonical_json.canonical_json", "plain"): st.just(False),
    ("notation_read.constraint_from_plain", "arguments"): st.just(notation.arguments_from_plain),
    ("notation_write.constraint_to_plain", "arguments"): st.just(notation.arguments_to_plain),
    ("keys.SigningKey.generate", "random"): st.just(bytes),
    ("constraints.Steps.once", "read"): st.just(len),
    ("prefix_cache.PrefixCache.put", "value"): st.just(object()),
    ("chain.VerifiedChain.bound", "index"): st.just(0),
    ("codec.Envelope.frames", "start"): st.just(0),
    ("codec.decode_link", "message"): st.builds(chain_pb2.Link),
    ("revocation.split_revocation_key", "key"): st.builds(revocation_key, st.sampled_from(RevocationKind), st.binary()),
}
"""Parameters that are functions; places and ids that only the kernel itself comes to give."""


class Given:
    """Arguments, shown by what they are where Python refuses to write an integer of thousands of digits."""

    def __init__(self, drawn: tuple[list[Any], dict[str, Any]]) -> None:
        self.positional, self.named = drawn

    def __repr__(self) -> str:
        try:
            return f"{self.positional}, {self.named}"
        except (ValueError, RecursionError):
            types = [type(value).__name__ for value in (*self.positional, *self.named.values())]
            return f"too large to show: {', '.join(types)}"


class Public:
    """Something public that can be called.

    Attributes:
        name: module, class and name, without what all have in common.
        call: calls it, with an instance first if it is a method.
        parameters: a strategy for each argument.
    """

    def __init__(self, name: str, function: Any, owner: type[Any] | None) -> None:
        self.name = name
        self._bound = isinstance(function, classmethod | staticmethod)
        self._function = getattr(owner, function.__name__) if self._bound else function
        self._owner = None if self._bound else owner

    def __repr__(self) -> str:
        return self.name

    def arguments(self) -> st.SearchStrategy[tuple[list[Any], dict[str, Any]]]:
        """Make arguments: those in order, and those by name."""
        positional, named = [], st.just({})
        required, free = {}, {}
        hints = typing.get_type_hints(self._function)
        for parameter in list(inspect.signature(self._function).parameters.values()):
            if parameter.name == "self":
                positional.append(self._instance().map(lambda value: [value]))
                continue
            made = OTHERWISE.get((self.name, parameter.name))
            if made is None:
                made = of_type(hints[parameter.name])
            match parameter.kind:
                case parameter.VAR_POSITIONAL:
                    positional.append(st.lists(made, max_size=3))
                case parameter.VAR_KEYWORD:
                    named = st.dictionaries(st.text(max_size=4), made, max_size=3)
                case parameter.POSITIONAL_ONLY:
                    positional.append(made.map(lambda value: [value]))
                case _ if parameter.default is parameter.empty:
                    required[parameter.name] = made
                case _:
                    free[parameter.name] = made
        by_name = st.fixed_dictionaries(required, optional=free)
        in_order = st.tuples(*positional).map(lambda parts: [value for part in parts for value in part])
        return st.tuples(in_order, st.builds(lambda a, b: {**a, **b}, named, by_name))

    def _instance(self) -> st.SearchStrategy[Any]:
        if self._owner is not None and self._function.__name__ in vars(Constraint) and _is_constraint(self._owner):
            return MADE_BY_THE_KERNEL[Constraint]
        return of_type(self._owner)

    def call(self, positional: list[Any], named: dict[str, Any]) -> Any:
        """Call it."""
        if self._owner is None or not positional:
            return self._function(*positional, **named)
        instance, *rest = positional
        return getattr(instance, self._function.__name__)(*rest, **named)


def _is_constraint(owner: type[Any]) -> bool:
    return owner.__module__.startswith("delegation.core.constraints.") and {"allows", "describe"} <= set(dir(owner))


def public() -> Iterator[Public]:
    """Find every public function and every public method of a public class; a package says itself what is public."""
    for module in MODULES:
        place = module.__name__.removeprefix("delegation.core.").removeprefix("delegation_sdk.")
        for name, found in vars(module).items():
            here = name in module.__all__ if hasattr(module, "__path__") else found_in(module, found)
            if name.startswith("_") or not here:
                continue
            if inspect.isfunction(found):
                yield Public(f"{place}.{name}", found, None)
            elif (
                inspect.isclass(found) and not getattr(found, "_is_protocol", False) and not issubclass(found, Message)
            ):
                for inner, method in vars(found).items():
                    if not inner.startswith("_") and isinstance(method, Callable | classmethod | staticmethod):
                        yield Public(f"{place}.{name}.{inner}", method, found)


def found_in(module: Any, found: Any) -> bool:
    return getattr(found, "__module__", None) == module.__name__


PUBLIC = {each.name: each for each in public()}


def test_there_is_a_strategy_for_every_argument():
    missing = []
    for each in PUBLIC.values():
        try:
            each.arguments()
        except NoStrategyError as error:
            missing.append(f"{each}: {error}")
    assert missing == []


def test_what_is_named_here_exists():
    names = {each.name for each in public()}
    assert {name for name, _ in OTHERWISE} <= names


def test_what_people_build_scopes_with_is_among_them():
    homes = {name: home for name, home in delegation_sdk._HOME.items() if home.startswith("delegation.core")}
    built = {name for name, home in homes.items() if inspect.isfunction(getattr(importlib.import_module(home), name))}
    assert built
    assert built <= {name.rpartition(".")[2] for name in PUBLIC}


@pytest.mark.parametrize("name", PUBLIC)
@given(st.data())
@settings(bounded(15), phases=[Phase.generate])  # shrinking writes out integers, even those too long for Python
def test_nothing_but_the_projects_own_exceptions_comes_out(name, data):
    function = PUBLIC[name]
    given = data.draw(function.arguments().map(Given))
    try:
        function.call(given.positional, given.named)
    except DelegationError as error:
        str(error)  # nor does anything come out of saying why
