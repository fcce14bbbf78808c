"""What the door and the losses ask of an engine, answered with nothing but the array API."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from multiloss._engines._plain import plain_value, plain_value_and_grad
from multiloss._engines._quiet import quietly
from multiloss._formulas.formula import Formula
from multiloss._reduction import Reduction
from multiloss._selection import Operands
from multiloss._typing import Array, DType, Namespace

# Booleans count as integers.
Kind: TypeAlias = Literal["integer", "real", "complex"]

# How an engine may run a formula.
Way: TypeAlias = Literal[
    "operators",  # on whole arrays, with nothing but the array API
    "compiled",  # the same, as one compiled call
    "whole",  # on whole arrays, in place where that is possible
    "blocks",  # block by block
    "product",  # a sum of squares as one product
    "kernel",  # one that the engine has for this loss
    "node",  # as one node of the graph of an engine with autograd
    "node and blocks",
    "root",  # a norm: by the way of its powers, if none of them overflows or vanishes
]


class Engine:
    """An array library, known by its array API namespace, and how it runs a formula."""

    def __init__(self, namespace: Namespace) -> None:
        self.xp = namespace
        self.name = str(namespace.__name__).removeprefix("array_api_compat.").split(".")[0]

    def takes_as_is(self, prediction: Array, target: Array) -> bool:  # noqa: ARG002
        """Tell at a glance that nothing is wrong with two arrays and nothing is to be converted.

        The door stays open for them: it is half the time of a small loss. False if in doubt.
        """
        return False

    def check(self, role: str, array: Array) -> None:
        """Raise TypeError if this array is of a sort that the formulas would misread."""

    def device_of(self, array: Array) -> Any:
        """Return the device of an array, or None if the engine moves arrays by itself."""
        from array_api_compat import device

        return device(array)

    def kind(self, dtype: DType) -> Kind | None:
        """Tell what numbers a dtype holds; None if it holds none."""
        if self.xp.isdtype(dtype, "real floating"):
            return "real"
        if self.xp.isdtype(dtype, ("bool", "integral")):
            return "integer"
        return "complex" if self.xp.isdtype(dtype, "complex floating") else None

    def integer_bits(self, dtype: DType) -> int:
        """Return the width of an integer or boolean dtype."""
        return 1 if self.xp.isdtype(dtype, "bool") else int(self.xp.iinfo(dtype).bits)

    def float_bits(self, dtype: DType) -> int:
        """Return the width of a floating-point dtype, of one part if it is complex."""
        return int(self.xp.finfo(dtype).bits)

    def has_float64(self) -> bool:
        """Tell whether the engine computes in double precision."""
        return "float64" in self.xp.__array_namespace_info__().dtypes(kind="real floating")

    def default_float(self) -> DType:
        """Return the floating-point dtype that the engine gives to new arrays."""
        return self.xp.__array_namespace_info__().default_dtypes()["real floating"]

    def is_weak(self, array: Array) -> bool:  # noqa: ARG002  only some engines have weak arrays
        """Tell whether the array stands for a number, without a dtype of its own."""
        return False

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        """Return a number or a new NumPy array as an array on the device of ``like``."""
        # NumPy may do the conversion.
        return quietly(self.xp.asarray, value, dtype=dtype, device=self.device_of(like))

    def compute(self, function: Callable[..., Array], *arguments: Any) -> Array:
        """Return what a function makes of a namespace and other arguments."""
        return function(self.xp, *arguments)

    def way(self, formula: Formula, operands: Operands, reduction: Reduction) -> Way:  # noqa: ARG002
        """Return the way in which the engine computes the value of this loss."""
        return "operators"

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        """Return the loss."""
        return plain_value(self.xp, formula, operands, reduction)

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        """Return the loss and its gradient with respect to the prediction."""
        return plain_value_and_grad(self.xp, self.with_slope(formula), operands, reduction)

    def with_slope(self, formula: Formula) -> Formula:
        """Return a formula that has a slope; engines that differentiate find a missing one."""
        if formula.slope is None:
            raise TypeError(
                f"{formula.name} has no slope, and {self.name} has no automatic differentiation; "
                "define it with slope=, or pass arrays of an engine that has"
            )
        return formula
