"""A module without one of its checks: what `raise refusal(Reason.X, …)` did is not done.

For checks that are no function of their own. The module itself stays as it is; what is given back are
the names of a copy.
"""

from __future__ import annotations

import ast
import inspect
from types import ModuleType
from typing import Any

from delegation.errors import Reason


class _Without(ast.NodeTransformer):
    def __init__(self, reason: Reason, instead: str) -> None:
        self.reason = reason
        self.instead = ast.parse(f"def f():\n    {instead}").body[0].body[0]  # type: ignore[attr-defined]
        self.taken = 0

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        if f"Reason.{self.reason.name}" in ast.unparse(node):
            self.taken += 1
            return ast.copy_location(self.instead, node)
        return node


def without(module: ModuleType, reason: Reason, *, instead: str = "pass") -> dict[str, Any]:
    """Give the names of a copy of a module that never refuses for this reason.

    Args:
        module: the module.
        reason: what it shall not say any more.
        instead: the statement that stands in the place of the `raise`.
    """
    change = _Without(reason, instead)
    tree = ast.fix_missing_locations(change.visit(ast.parse(inspect.getsource(module))))
    assert change.taken, f"{module.__name__} never raises {reason}"
    names: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(tree, f"<{module.__name__} without {reason}>", "exec"), names)
    return names


def reasons_of(module: ModuleType) -> set[Reason]:
    """List the reasons for which a module refuses."""
    tree = ast.parse(inspect.getsource(module))
    raises = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {reason for reason in Reason if any(f"Reason.{reason.name}," in r.replace(")", ",") for r in raises)}
