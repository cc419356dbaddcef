"""An attack with the check that stops it, and how to take that check out.

`assert_refused` shows that the check works; `assert_gets_through` shows that nothing else does its
work, so that the attack would notice if the check were gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from delegation.errors import Reason, Refused

Take = tuple[object, str, object]
"""What to take out: a module, the name in it, and what stands there instead."""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: what is tried, as a sentence.
        step: the step or check that stops it.
        reason: with which it is refused.
        run: tries it; returns if it succeeded.
        without: what to take out so that it succeeds.
        next_reason: where another check stands behind this one, what that one says; else None.
        link_index: the link that is blamed.
    """

    name: str
    step: object
    reason: Reason
    run: Callable[[], object]
    without: tuple[Take, ...]
    next_reason: Reason | None = None
    link_index: int | None = None

    def __str__(self) -> str:
        return self.name

    def assert_refused(self) -> None:
        """Demand that it fails, for the right reason."""
        with pytest.raises(Refused) as caught:
            self.run()
        assert caught.value.reason is self.reason
        assert caught.value.link_index == self.link_index

    def assert_gets_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Demand that it succeeds once the check is taken out; or gets as far as the check behind it."""
        for module, name, instead in self.without:
            monkeypatch.setattr(module, name, instead)
        if self.next_reason is None:
            self.run()
            return
        with pytest.raises(Refused) as caught:
            self.run()
        assert caught.value.reason is self.next_reason


def nothing(*_: Any, **__: Any) -> None:
    """Stand in for a check that only raises."""


def first(value: Any, *_: Any, **__: Any) -> Any:
    """Stand in for a check that gives back what it was given."""
    return value


class Whatever:
    """Equal to everything."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False
