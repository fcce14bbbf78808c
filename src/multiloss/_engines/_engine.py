"""The plain way to run a formula, and what the other engines build on."""

from typing import Any, Literal, TypeAlias

from array_api_compat import device

from multiloss._formulas import Formula
from multiloss._reduction import Reduction, reduce_slopes, reduce_values
from multiloss._selection import Operands, select
from multiloss._typing import Array, DType, Namespace

Kind: TypeAlias = Literal["integer", "real", "complex"]


class Engine:
    """An array library, known by its array API namespace, and how it runs a formula."""

    def __init__(self, namespace: Namespace) -> None:
        self.xp = namespace
        self.name = str(namespace.__name__).removeprefix("array_api_compat.").split(".")[0]

    def check(self, role: str, array: Array) -> None:
        """Raise TypeError if this array is of a sort that the formula would misread."""

    def check_devices(self, arrays: dict[str, Array]) -> None:
        """Raise ValueError if the arrays cannot meet in one computation."""

    def kind(self, dtype: DType) -> Kind | None:
        """Tell what numbers a dtype holds, booleans counting as integers; None if it holds none."""
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
        """Return a number or a NumPy array as an array of the engine, on the device of ``like``."""
        return self.xp.asarray(value, dtype=dtype, device=device(like))

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        """Return the loss."""
        prediction, target, weight = select(self.xp, operands)
        values = formula.value(self.xp, prediction, target)
        return reduce_values(self.xp, values, weight, reduction)

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        """Return the loss and its gradient with respect to the prediction."""
        prediction, target, weight = select(self.xp, operands)
        values = formula.value(self.xp, prediction, target)
        slopes = formula.slope(self.xp, prediction, target)
        return (
            reduce_values(self.xp, values, weight, reduction),
            self._as_gradient(
                reduce_slopes(self.xp, slopes, weight, reduction), operands.prediction
            ),
        )

    def _as_gradient(self, gradient: Array, prediction: Array) -> Array:
        """Bring a gradient to the shape and the dtype of the prediction it belongs to."""
        xp = self.xp
        added = len(gradient.shape) - len(prediction.shape)
        stretched = tuple(
            axis
            for axis, size in enumerate(gradient.shape)
            if axis < added or (prediction.shape[axis - added] == 1 and size != 1)
        )
        if stretched:
            gradient = xp.sum(gradient, axis=stretched, keepdims=True)
        if added:
            gradient = xp.squeeze(gradient, axis=tuple(range(added)))
        kind = self.kind(prediction.dtype)
        if kind == "integer":
            return gradient
        if kind == "real" and self.kind(gradient.dtype) == "complex":
            gradient = xp.real(gradient)
        return xp.astype(gradient, prediction.dtype, copy=False)
