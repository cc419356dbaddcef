"""What several demands to sign in come to together, and what a demand may say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from delegation.policy.port import Denial, SignIn

ACR_VALUES: Final = 8
"""Named by one rule: a client has to offer them to a person."""

_ACR: Final = re.compile(r"[!#-\[\]-~]{1,128}", re.ASCII)
"""One value, as OAuth has the parts of a list that are parted by spaces (RFC 6749, NQCHAR)."""

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,7}", re.ASCII)


def read_sign_in(rule: str, texts: Mapping[str, str]) -> tuple[SignIn | None, str]:
    """Read what a rule's annotations `acr` and `max_age` demand, or say what is wrong with them."""
    values = tuple(dict.fromkeys(texts.get("acr", "").split()))
    if not {"acr", "max_age"} & texts.keys():
        return None, '@obligation("authenticate") says how: @acr("phr phrh"), @max_age("300") or both'
    if "acr" in texts and not (1 <= len(values) <= ACR_VALUES and all(map(_ACR.fullmatch, values))):
        return None, f'@acr names 1 to {ACR_VALUES} values with spaces between them, such as @acr("phr phrh")'
    if "max_age" in texts and not _SECONDS.fullmatch(texts["max_age"]):
        return None, '@max_age is a number of seconds from 1 to 99999999, such as @max_age("300")'
    return SignIn((rule,), values, int(texts["max_age"]) if "max_age" in texts else None), ""


def together(demands: Iterable[SignIn]) -> SignIn | Denial:
    """Give the one sign-in that fulfils all demands, of which there is one at least; a denial where none would."""
    every = sorted(demands, key=lambda demand: demand.rules)
    rules = tuple(sorted({rule for demand in every for rule in demand.rules}))
    naming = [demand.acr_values for demand in every if demand.acr_values]
    values = tuple(value for value in naming[0] if all(value in other for other in naming)) if naming else ()
    if naming and not values:
        return Denial(rules, "no one acr is enough for every rule that demands a sign-in")
    return SignIn(rules, values, min((each.max_age_s for each in every if each.max_age_s is not None), default=None))
