"""What a strategy asks of an array library, answered with nothing but the array API."""

from typing import Any

from multiloss._core.combinations import is_one
from multiloss._core.plan import Items, Operands, Plan, beside_classes, items_of, masked
from multiloss._core.sums import Total, as_dtype_of, repeats_of_weight
from multiloss._core.terms import Scaled, Term
from multiloss._typing import Array, Namespace


class Arithmetic:
    """Runs the terms of a loss by plain operators, which every library can trace."""

    def __init__(self, xp: Namespace) -> None:
        self.xp = xp

    def select(self, plan: Plan, operands: Operands) -> Items:
        """Return what enters the arithmetic, without masked elements."""
        return masked(self.xp, plan, items_of(self.xp, plan, operands))

    def detached(self, value: Array) -> Array:
        """Return a result for a look at its numbers."""
        return value

    def unit(self, plan: Plan, items: Items | None, *lengths: Array) -> Any:
        """Return the unit of the terms."""
        measure: Any = plan.loss.measure
        return measure.unit(self.xp, plan, items, *lengths)

    def values(self, plan: Plan, term: Term, items: Items) -> Array:
        """Return a term of each item."""
        xp = self.xp
        if term.is_square and plan.is_complex:
            # From the two parts: abs() would take a root first, which has no derivative at zero.
            residual: Any = term.residual
            full = residual(xp, items.prediction, items.target)
            real, imaginary = xp.real(full), xp.imag(full)
            return real * real + imaginary * imaginary
        return term.value(xp, items.prediction, items.target, *items.parameters)

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        """Return Σ w·term, with the axes that the plan keeps."""
        values = self.values(plan, term, items)
        return self.sum(plan, values if items.weight is None else values * items.weight)

    def sum(self, plan: Plan, values: Array) -> Array:
        """Return the sum over the axes of the plan."""
        if plan.axes == ():
            return values
        return self.xp.sum(values, axis=plan.axes, keepdims=plan.keeps_axes)

    def mean(self, plan: Plan, values: Array) -> Array:
        """Return the mean over the axes of the plan, which are not empty."""
        return self.sum(plan, values) / plan.reduced_size

    def total(self, plan: Plan, items: Items) -> Total:
        """Return Σ w."""
        weight, where, axes = items.weight, items.where, plan.axes
        if where is not None:
            weight = where if weight is None else self.xp.where(where, weight, 0.0)
        if plan.reduced_size is None:
            ones = self.xp.ones_like(self._full(plan, items))
            weight = ones if weight is None else weight * ones
            return self.xp.sum(weight, axis=axes, keepdims=plan.keeps_axes)
        if weight is None:
            return plan.reduced_size
        # Multiplied if the weights broadcast: faster, and exact, where some engines lose digits
        # in repeated terms.
        total = self.xp.sum(weight, axis=axes, dtype=plan.real_dtype, keepdims=plan.keeps_axes)
        stretch = repeats_of_weight(weight.shape, plan.shape, axes)
        return total if stretch == 1 else total * stretch

    @staticmethod
    def _full(plan: Plan, items: Items) -> Array:
        """Return an array of the shape of the loss, where a part of that is not known."""
        if plan.class_axis is None:
            return items.prediction + items.target
        return items.prediction[..., 0]

    def slopes(self, plan: Plan, term: Term, items: Items) -> Array | Scaled:
        """Return w·slope of each item."""
        function: Any = term.slope
        slopes = function(self.xp, items.prediction, items.target, *items.parameters)
        if items.weight is None:
            return slopes
        weight = beside_classes(plan, items.weight)
        if isinstance(slopes, Scaled):
            return slopes._replace(above=slopes.above * weight)
        # Slopes may be complex where weights are not.
        return slopes * as_dtype_of(self.xp, weight, slopes)

    def scaled_slopes(
        self,
        slopes: Array,
        above: Array | float,
        below: Total,
        out: Array | None = None,  # noqa: ARG002  for others
    ) -> Array:
        """Return slopes times a factor over a total, in ``out`` if that is possible."""
        # Nothing is divided by a count of zero, but the graph of autograd goes on.
        if isinstance(below, int) or (isinstance(below, float) and below):
            slopes = slopes / below
        elif isinstance(below, float):
            slopes = self.xp.zeros_like(slopes)
        elif below is not None:
            nothing = below == 0
            safe = as_dtype_of(self.xp, self.xp.where(nothing, 1.0, below), slopes)
            slopes = self.xp.where(nothing, 0.0, slopes / safe)
        if is_one(above):
            return slopes
        return slopes * (above if isinstance(above, float) else as_dtype_of(self.xp, above, slopes))


class InPlaceArithmetic(Arithmetic):
    """Computes in place, where nothing is differentiated.

    Masked elements are left out of the terms themselves, which is one selection instead of one for
    each operand.
    """

    def select(self, plan: Plan, operands: Operands) -> Items:
        return items_of(self.xp, plan, operands)

    def values(self, plan: Plan, term: Term, items: Items) -> Array:
        if not term.is_square or plan.is_complex:
            return super().values(plan, term, items)
        residual: Any = term.residual
        values = residual(self.xp, items.prediction, items.target)
        values *= values
        return values

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        values = self.values(plan, term, items)
        if items.weight is not None:
            values *= items.weight
        if items.where is not None:
            values = self.xp.where(items.where, values, 0.0)
        return self.sum(plan, values)

    def slopes(self, plan: Plan, term: Term, items: Items) -> Array | Scaled:
        function: Any = term.slope
        slopes = function(self.xp, items.prediction, items.target, *items.parameters)
        if isinstance(slopes, Scaled):
            if items.weight is None and items.where is None:
                return slopes
            # Divided now: where an item is left out, slopes and quotient may be NaN.
            above = self._weighed(plan, items, slopes.above / slopes.below)
            return Scaled(
                self._selected(plan, items, slopes.slopes),
                self._selected(plan, items, above),
                1.0,
            )
        return self._selected(plan, items, self._weighed(plan, items, slopes))

    @staticmethod
    def _weighed(plan: Plan, items: Items, slopes: Array) -> Array:
        if items.weight is not None:
            slopes *= beside_classes(plan, items.weight)
        return slopes

    def _selected(self, plan: Plan, items: Items, slopes: Array) -> Array:
        if items.where is None:
            return slopes
        return self.xp.where(beside_classes(plan, items.where), slopes, 0.0)


class MeasuringArithmetic(InPlaceArithmetic):
    """The same, where what is measured has to be without masked elements."""

    def select(self, plan: Plan, operands: Operands) -> Items:
        items = super().select(plan, operands)
        return items if plan.loss.measure is None else masked(self.xp, plan, items)
