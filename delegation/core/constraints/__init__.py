"""The closed family of constraints on one argument: what each allows, and which covers which.

A constraint is a frozen value with `allows(value, steps)` and `describe()`. `covers` alone relates
two of them. What is not in this family refuses.
"""

from delegation.core.constraints.build import (
    anything,
    at_least,
    at_most,
    between,
    each,
    exactly,
    fields,
    one_of,
    optional,
    under,
)
from delegation.core.constraints.composites import Each, Fields
from delegation.core.constraints.covers import arguments_covered, covers
from delegation.core.constraints.family import Argument, Constraint, Steps
from delegation.core.constraints.numbers import DecimalRange, IntegerRange
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.scalars import Anything, Exact, OneOf

__all__ = [
    "Anything",
    "Argument",
    "Constraint",
    "DecimalRange",
    "Each",
    "Exact",
    "Fields",
    "IntegerRange",
    "OneOf",
    "Steps",
    "SubPath",
    "anything",
    "arguments_covered",
    "at_least",
    "at_most",
    "between",
    "covers",
    "each",
    "exactly",
    "fields",
    "one_of",
    "optional",
    "under",
]
