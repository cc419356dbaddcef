"""Which version of the operator's policy counts.

A version is rules together with the catalogue that they were checked against. Both are replaced at once, so that no
decision is taken by the rules of one and the effects and labels of another.
"""

from __future__ import annotations

from delegation.service.policy_rules import PolicyRules


class PolicyInUse:
    """The version that counts; another takes its place at once.

    Args:
        rules: the first.
    """

    def __init__(self, rules: PolicyRules) -> None:
        self._rules = rules

    def __call__(self) -> PolicyRules:
        """Give the version that counts now: whoever decides asks once, and goes on with that."""
        return self._rules

    def use(self, rules: PolicyRules) -> None:
        """Decide by another version from now on."""
        self._rules = rules
