"""A loss: sums of terms over the items, and what becomes of the sums.

An item is an element; or a vector along the axis of the classes, which is the last one by the time
that a term sees it. The gradient follows from the parts by one rule. With the weights w and the
sums Σₖ,

    ∂ loss / ∂ y  =  w Σ over k of (∂ combination / ∂ Σₖ) slopeₖ
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from multiloss._core.combinations import MEAN, Combination
from multiloss._core.measures import Measure
from multiloss._core.terms import Term
from multiloss._typing import OPTION_NAMES, ReductionName


class Domain(NamedTuple):
    """The values that a parameter may have."""

    description: str
    holds: Callable[[Any], Any]  # of a number or, element by element, of an array


POSITIVE = Domain("a positive number", lambda value: value > 0)
FINITE_POSITIVE = Domain(
    "a positive and finite number", lambda value: (value > 0) & (value < math.inf)
)
NOT_NEGATIVE = Domain("zero or a positive number", lambda value: value >= 0)
FINITE_NOT_NEGATIVE = Domain(
    "zero or a positive and finite number", lambda value: (value >= 0) & (value < math.inf)
)
FRACTION = Domain("a number from 0 to 1", lambda value: (value >= 0) & (value <= 1))
AT_LEAST_ONE = Domain(
    "a finite number of at least 1", lambda value: (value >= 1) & (value < math.inf)
)
NUMBER = Domain("a number other than nan", lambda value: value == value)  # noqa: PLR0124  not NaN
BELOW_INFINITY = Domain("a number below inf", lambda value: value < math.inf)


class ParameterSpec(NamedTuple):
    """The name of a parameter, and what it may be."""

    name: str
    domain: Domain
    is_per_class: bool = False  # whether it has one number for each class


@dataclass(frozen=True, eq=False)
class Loss:
    """The definition of a loss."""

    name: str  # for messages
    terms: tuple[Term, ...]
    combination: Combination = MEAN
    measure: Measure | None = None
    parameters: tuple[ParameterSpec, ...] = ()
    reduction: ReductionName = "mean"  # where the caller names none
    scale: float = 1.0  # of the sums
    divisor: Term | None = None  # what an item counts in a mean, beside its weight; None for one
    is_vector: bool = False  # whether an item is a vector of classes, not an element
    takes_distributions: bool = True  # of the classes, beside labels
    takes_signs: bool = False  # whether booleans stand for -1 and 1
    takes_complex: bool = False
    stand_in: float = 1.0  # for what is masked, in prediction and target
    kernel: str | None = None  # that computes its terms, where an engine has one of this name
    is_custom: bool = False  # whether the slope is the caller's word: autodiff goes by the value
    options: tuple[str, ...] = OPTION_NAMES  # its keywords but for the parameters
    # What was decided about earlier calls; it goes when the loss goes.
    plans: dict[Any, Any] = field(default_factory=dict, repr=False, init=False)
    derived: dict[str, Any] = field(default_factory=dict, repr=False, init=False)
