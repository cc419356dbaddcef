"""The closed family of constraints on one argument: what each allows, and which covers which.

A constraint is a frozen value with `allows(value, steps)` and `describe()`. `covers` alone relates
two of them. What is not in this family refuses.
"""

from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.build import (
    all_of,
    any_of,
    anything,
    containing,
    each,
    exactly,
    fields,
    none_of,
    not_,
    one_of,
    optional,
    subset_of,
)
from delegation.core.constraints.build_numbers import at_least, at_most, between, decimal_text, less_than, more_than
from delegation.core.constraints.build_strings import (
    in_network,
    length,
    matching,
    matching_segments,
    starting_with,
    under,
    url,
)
from delegation.core.constraints.covers import arguments_covered, covers
from delegation.core.constraints.family import Argument, Constraint, Steps
from delegation.core.constraints.lists import Each, ListContains, ListSubset
from delegation.core.constraints.logic import AllOf, AnyOf, Negation
from delegation.core.constraints.numbers import DecimalRange, DecimalText, IntegerRange
from delegation.core.constraints.objects import Fields
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.regex import Regex
from delegation.core.constraints.scalars import Anything, Exact
from delegation.core.constraints.segments import SegmentGlob
from delegation.core.constraints.sets import NotOneOf, OneOf
from delegation.core.constraints.strings import Length, Prefix
from delegation.core.constraints.urls import Url

__all__ = [
    "AllOf",
    "AnyOf",
    "Anything",
    "Argument",
    "Cidr",
    "Constraint",
    "DecimalRange",
    "DecimalText",
    "Each",
    "Exact",
    "Fields",
    "IntegerRange",
    "Length",
    "ListContains",
    "ListSubset",
    "Negation",
    "NotOneOf",
    "OneOf",
    "Prefix",
    "Regex",
    "SegmentGlob",
    "Steps",
    "SubPath",
    "Url",
    "all_of",
    "any_of",
    "anything",
    "arguments_covered",
    "at_least",
    "at_most",
    "between",
    "containing",
    "covers",
    "decimal_text",
    "each",
    "exactly",
    "fields",
    "in_network",
    "length",
    "less_than",
    "matching",
    "matching_segments",
    "more_than",
    "none_of",
    "not_",
    "one_of",
    "optional",
    "starting_with",
    "subset_of",
    "under",
    "url",
]
