"""The names that the annotations of this package share."""

from typing import Any, Literal, ParamSpec, TypeAlias, TypedDict, TypeVar

# The array API has no published protocol that the stubs of NumPy, PyTorch and JAX all satisfy:
# https://github.com/data-apis/array-api/pull/589
Array: TypeAlias = Any
Namespace: TypeAlias = Any
DType: TypeAlias = Any

# A shape holds whole numbers, or what a lazy engine has in their place while it does not know them.
Shape: TypeAlias = tuple[Any, ...]

# What a caller may pass for an operand: an array of any engine, or host data.
Operand: TypeAlias = Any

# A parameter of a loss once it was converted: a number, or an array of the dtype to compute in.
Parameter: TypeAlias = Any

# Statically the result has the type of the prediction. At run time lists give NumPy's scalars; an
# overload for them would cost jax.jit(loss) and torch.func.vmap(loss) their types.
ArrayT = TypeVar("ArrayT")
P = ParamSpec("P")
R = TypeVar("R")

Axis: TypeAlias = int | tuple[int, ...] | None
ReductionName: TypeAlias = Literal["mean", "sum", "none"]


class VectorOptions(TypedDict, total=False):
    """The options of every loss but for the axis, which a loss of vectors has by itself."""

    weight: Operand | None
    where: Operand | None
    keepdims: bool
    broadcast: bool


class WeightOptions(VectorOptions, total=False):
    """The options of every loss."""

    axis: Axis


class Options(WeightOptions, total=False):
    """The options of every loss that is reduced: those of ``multiloss.mse`` but for ``half``."""

    reduction: ReductionName
    empty: Operand


# The names of these, in the order in which messages list them.
OPTION_NAMES = ("weight", "where", "axis", "keepdims", "reduction", "broadcast", "empty")
