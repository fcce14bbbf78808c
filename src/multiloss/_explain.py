"""Why a loss is what it is: what is in the operands, and which elements it is made of."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from multiloss._call import bound_loss, evaluate
from multiloss._core.combinations import MEAN, RATIO, ROOT
from multiloss._core.plan import Operands, Plan
from multiloss._engines import NUMPY, engine_of
from multiloss._engines.host import without_warnings
from multiloss._explanation import Contribution, Explanation, Index, OperandReport
from multiloss._gradient import value_and_grad
from multiloss._planning.options import REQUIRED, keywords_of
from multiloss._planning.plan import planned
from multiloss._typing import OPTION_NAMES, Operand
from multiloss._value import get

_SHARED = (*OPTION_NAMES, "class_axis")
_MOST = 5  # contributions


def explain(
    loss: Callable[..., Any] | str, prediction: Operand, target: Operand, **options: Any
) -> Explanation:
    """Return what a loss is made of, to find out why it is NaN, or larger than expected.

    Parameters
    ----------
    loss : callable, str, dict or Loss
        What :func:`get` takes.
    prediction, target : array
        The operands, of any engine, whose numbers are looked at: outside of ``jax.jit`` and
        ``torch.compile``.
    **options
        The parameters and options of the call.

    Returns
    -------
    Explanation
        It prints as a report, and has its parts as attributes.

    Raises
    ------
    ValueError, TypeError
        As the loss itself, and if an operand has no numbers yet.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.explain("mse", [1.0, 2.0, 90.0], [1.0, 3.0, 0.0])
    mse = 2700.3333333333335, norm of the gradient 60
      one element is 100% of the sum: (2,)
    operands, computed in float64, strategy 'squares'
      prediction: NumPy float64, shape (3,)
      target: NumPy float64, shape (3,)
    elements: 3 count, 0 are masked, 0 have weight 0, 0 are not finite
    largest contributions
      100% at (2,): loss 8100, prediction 90, target 0
        0% at (1,): loss 1, prediction 2, target 3
    """
    arrays = {name: each for name, each in options.items() if _is_array(name, each)}
    value = get(loss, **{name: each for name, each in options.items() if name not in arrays})
    calls = [
        _Call(term.factor, term.function, {**dict(term.options), **arrays}, prediction, target)
        for term in value.terms
    ]
    given = {"prediction": prediction, "target": target, **arrays}
    numbers = {role: _numbers(role, each) for role, each in given.items()}
    plan = calls[0].plan
    result = _numbers("value", value(prediction, target, **arrays))
    has_elements = all(call.has_elements for call in calls)
    losses = sum(call.factor * call.losses() for call in calls) if has_elements else None
    weight, where = _weights(plan, numbers)
    return _explanation(
        str(value),
        result,
        _gradient_norm(value, prediction, target, arrays),
        {role: _report(given[role], each) for role, each in numbers.items()},
        plan,
        _Elements(
            _of_items(plan, "prediction", numbers["prediction"]),
            _of_items(plan, "target", numbers["target"]),
            losses,
            weight,
            where,
        ),
    )


def _is_array(name: str, option: Any) -> bool:
    return name in {"weight", "where"} or isinstance(option, list) or hasattr(option, "shape")


class _Call:
    """One loss of a sum, with the operands and options of the call."""

    def __init__(
        self,
        factor: float,
        function: Callable[..., Any],
        options: dict[str, Any],
        prediction: Operand,
        target: Operand,
    ) -> None:
        self.factor = factor
        self._operands = prediction, target
        keywords = keywords_of(function) or {}
        given = {**{k: v for k, v in keywords.items() if v is not REQUIRED}, **options}
        own = {name: each for name, each in given.items() if name not in _SHARED}
        self._definition = bound_loss(function, **own)
        self._shared = {name: given[name] for name in _SHARED if name in given}
        loss, parameters = self._definition
        self.plan, _ = planned(
            loss,
            Operands(
                prediction,
                target,
                self._shared.get("weight"),
                self._shared.get("where"),
                parameters,
                None,
            ),
            (
                self._shared.get("reduction", loss.reduction),
                self._shared.get("axis"),
                self._shared.get("keepdims", False),
                self._shared.get("broadcast", False),
                self._shared.get("class_axis"),
            ),
            with_gradient=False,
        )

    @property
    def has_elements(self) -> bool:
        """Tell whether the loss is made of one term of each element."""
        return self._definition.loss.combination in {MEAN, RATIO, ROOT}

    def losses(self) -> Any:
        """Return the terms of the elements, without weights."""
        loss, parameters = self._definition
        alone = replace(
            loss,
            terms=loss.terms[:1],
            combination=MEAN,
            measure=None,
            kernel=None,
            options=_SHARED,
        )
        shared = {
            name: each
            for name, each in self._shared.items()
            if name in {"broadcast", "class_axis"} and each is not None
        }
        values = evaluate(alone, *self._operands, *parameters, reduction="none", **shared)
        return _numbers("value", values).astype(float)


class _Elements(NamedTuple):
    """The numbers of each element, or vector of classes, its loss, and what it counts.

    There are no losses where a loss is not made of one term of each element.
    """

    prediction: Any
    target: Any
    losses: Any
    weight: Any
    where: Any


def _explanation(  # noqa: PLR0917  as they are found
    name: str,
    value: Any,
    gradient_norm: float | None,
    operands: dict[str, OperandReport],
    plan: Plan,
    elements: _Elements,
) -> Explanation:
    counts = elements.where & (elements.weight != 0)
    undefined, largest = np.zeros(counts.shape, bool), []
    if elements.losses is not None:
        undefined = counts & _all_finite(elements) & ~np.isfinite(elements.losses)
        largest = _largest(elements, counts)
    return Explanation(
        name,
        value[()],
        gradient_norm,
        operands,
        str(plan.dtype).removeprefix("torch."),
        repr(plan.strategy),
        plan,
        int(counts.sum()),
        int((~elements.where).sum()),
        int((elements.where & (elements.weight == 0)).sum()),
        int(undefined.sum()),
        _first(undefined),
        largest,
    )


def _numbers(role: str, value: Any) -> Any:
    """Return the numbers of an array of any engine in NumPy."""
    engine = engine_of(role, value)
    if engine is NUMPY:
        return NUMPY.read(role, value)
    try:
        array = getattr(value, "detach", lambda: value)()
        array = getattr(array, "cpu", lambda: array)()
        if str(array.dtype).endswith("bfloat16"):
            array = engine.xp.astype(array, engine.xp.float32)
        return np.asarray(array)
    except Exception as error:
        raise TypeError(
            f"explain() looks at numbers, which {role} ({type(value).__name__}) does not have yet; "
            "call it with arrays outside of jit, vmap and compile"
        ) from error


def _report(given: Any, numbers: Any) -> OperandReport:
    engine = engine_of("operand", given)
    is_float = numbers.dtype.kind in "fc"
    nan = np.isnan(numbers) if is_float else np.zeros(numbers.shape, bool)
    infinite = np.isinf(numbers) if is_float else nan
    return OperandReport(
        "NumPy" if engine is NUMPY else engine.name,
        str(getattr(given, "device", "cpu")),
        tuple(numbers.shape),
        str(getattr(given, "dtype", numbers.dtype)).removeprefix("torch."),
        int(nan.sum()),
        _first(nan),
        int(infinite.sum()) if is_float else 0,
        _first(infinite) if is_float else None,
    )


def _weights(plan: Plan, numbers: dict[str, Any]) -> tuple[Any, Any]:
    """Return the weight of each element, and whether it is selected."""
    weight, where = numbers.get("weight", 1.0), numbers.get("where", True)
    return np.broadcast_to(weight, plan.shape), np.broadcast_to(where, plan.shape)


def _of_items(plan: Plan, role: str, numbers: Any) -> Any:
    """Return the numbers of an operand for each item: of vectors, in a last axis."""
    if plan.class_axis is None:
        return np.broadcast_to(numbers, plan.shape)
    if role == "target" and plan.has_labels:
        return np.broadcast_to(numbers, plan.shape)
    return np.broadcast_to(np.moveaxis(numbers, plan.class_axis, -1), plan.full_shape)


def _all_finite(elements: _Elements) -> Any:
    result = np.ones(elements.losses.shape, bool)
    for numbers in (elements.prediction, elements.target):
        finite = np.isfinite(numbers)
        result &= finite if finite.ndim == result.ndim else finite.all(axis=-1)
    return result


def _largest(elements: _Elements, counts: Any) -> list[Contribution]:
    shares = without_warnings(np.multiply, elements.losses, elements.weight)
    shares = np.where(counts & np.isfinite(shares), shares, 0.0)
    total = np.abs(shares).sum()
    if not total:
        return []
    order = np.argsort(-np.abs(shares), axis=None, kind="stable")[:_MOST]
    found = []
    for flat in order:
        index = tuple(int(each) for each in np.unravel_index(flat, shares.shape))
        if not shares[index]:
            break
        found.append(
            Contribution(
                index,
                _shown(elements.prediction[index]),
                _shown(elements.target[index]),
                float(elements.weight[index]),
                float(elements.losses[index]),
                float(abs(shares[index]) / total),
            )
        )
    return found


def _shown(numbers: Any) -> Any:
    """Return a number, or those of a vector of classes as a list."""
    return numbers.tolist() if np.ndim(numbers) else numbers


def _gradient_norm(
    value: Callable[..., Any], prediction: Any, target: Any, arrays: dict[str, Any]
) -> float | None:
    try:
        _, gradient = value_and_grad(value)(prediction, target, **arrays)
    except TypeError:  # a custom loss without a slope
        return None
    return float(np.linalg.norm(_numbers("gradient", gradient).astype(complex).ravel()))


def _first(mask: Any) -> Index | None:
    found = np.argwhere(mask)
    return tuple(int(each) for each in found[0]) if len(found) else None
