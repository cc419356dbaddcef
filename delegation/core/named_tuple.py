"""`typing.NamedTuple`, made in a tenth of the time: what the kernel's values are.

The standard one compiles each annotation, and a constructor, when a class is made. Importing a guard makes some sixty,
and spent a fifth of its time on that. Here nothing is compiled before there is a first value of a kind. Type checkers
see the standard one, and a value shows no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

__all__ = ["NamedTuple", "made"]

made: Final = tuple.__new__
"""Makes a value of all its fields, `made(Kind, (one, other))`, in half the time of a call of its kind: for decoders."""

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from _collections import _tuplegetter
    from collections import namedtuple

    class _Value(tuple):
        """What all kinds of values derive from."""

        __slots__ = ()

        def __new__(cls, /, *values: Any, **named: Any) -> _Value:  # noqa: PYI034 - as `typing` has it
            """Make the first value of a kind; the standard constructor makes those that follow."""
            standard = namedtuple(cls.__name__, cls._fields, defaults=cls._field_defaults.values())  # noqa: PYI024
            cls.__new__ = standard.__new__
            return cls(*values, **named)

        @classmethod
        def _make(cls, values: Any, /) -> _Value:
            return cls(*values)

        def _replace(self, /, **changes: Any) -> _Value:
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            fields = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({fields})"

    class _MakesKinds(type):
        """Makes a class of whatever derives from `NamedTuple`: the annotations in its body are its values' fields.

        A plain class, as the standard one's are: to ask `isinstance` of one with a metaclass takes three times as long.
        """

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if len(bases) != 1:
                raise TypeError("a kind of values has no further bases")
            fields = tuple(body.get("__annotations__", ()))
            body["_field_defaults"] = {field: body[field] for field in fields if field in body}
            body.update({field: _tuplegetter(index, "") for index, field in enumerate(fields)})
            body["_fields"] = body["__match_args__"] = fields
            body["__slots__"] = ()
            return type(name, (_Value,), body)

    class _Base:
        """What kinds of values are written to derive from; kinds with type parameters are not supported."""

        def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type]:
            return (_TEMPLATE,)

    _TEMPLATE = type.__new__(_MakesKinds, "NamedTuple", (), {})
    NamedTuple = _Base()
