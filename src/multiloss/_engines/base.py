"""What planning asks of an engine, answered with nothing but the array API."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

from multiloss._core.plan import Metadata, Operands, Plan
from multiloss._engines.host import without_warnings
from multiloss._strategies.arithmetic import Arithmetic
from multiloss._strategies.whole import whole
from multiloss._typing import Array, DType, Namespace

# Booleans count as integers.
Kind: TypeAlias = Literal["integer", "real", "complex"]


class Strategy(NamedTuple):
    """A function that runs plans, and the condition on which it does, if none before it does."""

    name: str
    suits: Callable[[Plan], bool]
    run: Callable[[Plan, Operands], Any]  # returns the value, or value and gradient

    def __repr__(self) -> str:
        return self.name


def always(_: Plan) -> bool:
    """Suit every plan."""
    return True


class Engine:
    """An array library, known by its array API namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self.xp = namespace
        self.name = str(namespace.__name__).removeprefix("array_api_compat.").split(".")[0]
        run = partial(whole, Arithmetic(namespace))
        # By the class of an operand: what a plan depends on.
        self.keys: dict[type, Callable[[Any], Any]] = {}
        # In the order in which they are looked at; the last one suits every plan.
        self.strategies: tuple[Strategy, ...] = (Strategy("operators", always, run),)

    def __repr__(self) -> str:
        return self.name

    def strategy_of(self, plan: Plan) -> Strategy:
        """Return the first strategy that suits a plan."""
        # A loop, since old releases of Dynamo do not trace generators.
        for each in self.strategies:
            if each.suits(plan):
                break
        return each

    def run(self, plan: Plan, operands: Operands) -> Any:
        """Return the loss, and its gradient if the plan wants it."""
        return plan.strategy.run(plan, operands)

    def key(self, operands: Operands) -> Any:
        """Return what operands are but for their numbers, and what else decides; None if in doubt.

        Classes that the engine does not know are never part of it, and so not kept alive.
        """
        prediction, target, weight, where, parameters, _ = operands
        keys = self.keys
        try:
            # One by one, since a loop takes longer, in every call.
            arrays = (
                keys[type(prediction)](prediction),
                keys[type(target)](target),
                keys[type(weight)](weight),
                keys[type(where)](where),
            )
            if not parameters:
                return arrays
            return (*arrays, *[keys[type(each)](each) for each in parameters])
        except KeyError:
            return None

    def metadata(self, array: Array) -> Metadata:
        """Return what a plan depends on of an array."""
        return Metadata(array.dtype, array.shape, self.device_of(array))

    def check(self, role: str, array: Array) -> None:
        """Raise TypeError if this array is of a sort that the formulas would misread."""

    def check_together(self, arrays: Mapping[str, Any]) -> None:
        """Raise TypeError if operands, by their roles, are of sorts that cannot be mixed."""

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

    def index_dtype(self) -> DType:
        """Return the dtype of indices."""
        return self.xp.__array_namespace_info__().default_dtypes()["indexing"]

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        """Return a number or a new NumPy array as an array on the device of ``like``."""
        # NumPy may do the conversion.
        return without_warnings(self.xp.asarray, value, dtype=dtype, device=self.device_of(like))

    def in_domain(self, array: Array, dtype: DType, holds: Callable[[Array], Array]) -> Array:
        """Convert a parameter, with NaN for what is out of its domain: tracers cannot raise."""
        if array.dtype != dtype:
            array = self.xp.astype(array, dtype)
        return self.xp.where(holds(array), array, self.xp.nan)

    def as_result(self, value: Array) -> Array:
        """Return a result as the engine's functions return theirs."""
        return value

    def without_warnings(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of arrays without the engine's warnings."""
        return function(*args)

    def known_values(self, array: Array) -> Any:  # noqa: ARG002  not known here
        """Return an array as one of NumPy; None if that would wait, or nothing is computed yet."""
        return None

    def register_pytree(self, container: type) -> None:
        """Let the engine's transformations look into a class that holds arrays.

        It has ``tree_flatten()`` and ``tree_unflatten()``.
        """

    def with_slope(self, loss: Any) -> Any:
        """Return a loss that has a slope; engines that differentiate find a missing one."""
        if loss.terms[0].slope is None:
            raise TypeError(
                f"{loss.name} has no slope, and {self.name} has no automatic differentiation; "
                "define it with slope=, or pass arrays of an engine that has"
            )
        return loss
