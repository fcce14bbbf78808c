"""The laws that every loss keeps, as a check for custom losses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from multiloss._gradient import value_and_grad

__all__ = ["check_loss"]

Loss = Callable[..., Any]

# Residuals of both signs, small and large, and a perfect prediction; nothing but the sign is even.
_PREDICTION = np.array([0.5, 1.25, 3.0, 2.0, 0.3, 0.75, 1.5, 4.1, 2.2])
_TARGET = np.array([1.1, 1.0, 2.5, 2.0, 3.2, 0.9, 0.2, 4.6, 1.3])
_SIGNS = np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
_WEIGHT = np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0, 1.0, 2.0, 1.0])
# Scores of both signs of three classes, and labels, of which half are those of the largest score.
_SCORES = np.stack([_PREDICTION, 2.0 - _TARGET, _SIGNS * _TARGET], axis=-1)
_LABELS = np.array([0, 1, 2, 0, 2, 1, 0, 2, 1])


class _Engine(NamedTuple):
    """An array library, as the laws need it."""

    name: str
    asarray: Callable[[Any], Any]  # of a NumPy array, in its dtype
    numpy: Callable[[Any], Any]
    gradient: Callable[[Loss, Any, Any], Any] | None  # by automatic differentiation
    compiled: Callable[[Loss], Loss] | None


def check_loss(loss: Loss, **parameters: Any) -> None:
    """Raise AssertionError if a loss breaks a law, on any engine that is installed.

    The laws: it is finite; its slope is the derivative of its value, and what automatic
    differentiation finds; it is computed in double precision where its operands are, and keeps its
    digits; an element that is masked, or has no weight, counts for nothing, not even if it is NaN;
    a weight of two is an element twice; each slice along an axis has the loss that it has alone;
    16 bits and integers are computed in floats; a compiled call gives the same; the operands are
    left unchanged.

    Parameters
    ----------
    loss : callable
        A loss of this package, or of :func:`multiloss.make_loss`.
    **parameters
        Its parameters and options, best not 0, ½ or 1, which hide what rounds; also ``prediction``
        and ``target``, arrays of nine numbers, for
        a loss that is not defined for positive ones. A loss of vectors of classes is given nine
        vectors of three scores, and labels; ``target`` may be distributions instead.

    Raises
    ------
    AssertionError
        Names the law, the engine and the numbers.

    Examples
    --------
    >>> import multiloss as ml
    >>> from multiloss.testing import check_loss
    >>> check_loss(ml.huber, delta=0.5)
    >>> wrong = ml.make_loss(lambda xp, y, t: (y - t) ** 2, lambda xp, y, t: y - t)
    >>> check_loss(wrong)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    AssertionError: slope is the derivative of the value (numpy): ...
    """
    is_vector = "class_axis" in signature(loss).parameters
    usual = (_SCORES, _LABELS) if is_vector else (_PREDICTION, _TARGET)
    given = parameters.pop("prediction", usual[0]), parameters.pop("target", usual[1])
    function = partial(loss, **parameters)
    cases = [given]
    if not is_vector:
        mixed = tuple(_SIGNS * each for each in given)
        cases += [mixed] if _is_defined(function, *mixed) else []
    with _engines() as engines:
        for engine in engines:
            for operands in cases:
                for law in _LAWS:
                    law(engine, function, *operands)


def _is_defined(loss: Loss, prediction: Any, target: Any) -> bool:
    return bool(np.isfinite(loss(prediction, target)))


def _check(  # noqa: PLR0917  as the laws call it
    law: str, engine: _Engine, got: Any, expected: Any, rtol: float, least: float = 1e-300
) -> None:
    """Raise AssertionError unless two results agree, relative to the largest of them."""
    got, expected = (np.asarray(engine.numpy(each), dtype=float) for each in (got, expected))
    scale = np.max(np.abs(expected), initial=least)
    if got.shape != expected.shape or not np.allclose(got, expected, rtol=rtol, atol=rtol * scale):
        raise AssertionError(f"{law} ({engine.name}): got {got}, expected {expected}")


def _converted(array: Any, dtype: Any) -> Any:
    """Return an array in a dtype, and labels as they are."""
    return array if array.dtype.kind == "i" else array.astype(dtype)


def _poisoned(array: Any, wrong: float, counts: Any) -> Any:
    """Return an array with something wrong in what does not count; of labels, no class."""
    selected = np.reshape(counts, (-1, *[1] * (array.ndim - 1)))
    return np.where(selected, array, -100 if array.dtype.kind == "i" else wrong)


def _closed_form(loss: Loss, prediction: Any, target: Any, **options: Any) -> Any:
    """Return the gradient in closed form, or None for a loss without a slope in NumPy."""
    try:
        return value_and_grad(loss)(prediction, target, **options)[1]
    except TypeError as error:
        if "has no slope" in str(error):
            return None
        raise


def _is_finite(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    value = engine.numpy(loss(engine.asarray(prediction), engine.asarray(target)))
    if not np.all(np.isfinite(value)):
        raise AssertionError(f"a loss is finite ({engine.name}): got {value}")


_DIGITS = "double precision keeps its digits"


def _slope_is_the_derivative(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "slope is the derivative of the value"
    y, t = engine.asarray(prediction), engine.asarray(target)
    closed = _closed_form(loss, y, t)
    if closed is None:
        return
    closed = engine.numpy(closed)

    def total(changed: Any) -> Any:
        return np.sum(engine.numpy(loss(engine.asarray(changed), t)))

    here, step = total(prediction), 1e-6
    ahead, behind = (
        np.reshape(
            [
                total(prediction + sign * step * np.reshape(each, prediction.shape))
                for each in np.eye(prediction.size)
            ],
            prediction.shape,
        )
        for sign in (1, -1)
    )
    right, left = (ahead - here) / step, (here - behind) / step
    is_smooth = np.abs(right - left) < 1e-3 * np.max(np.abs(closed))
    if 2 * is_smooth.sum() < is_smooth.size:
        raise AssertionError(f"{_DIGITS} ({engine.name}): got difference quotients {left}, {right}")
    # Where the two differ there is a kink, and a convention, which is one of the slopes between.
    between = np.clip(closed, np.minimum(left, right), np.maximum(left, right))
    _check(law, engine._replace(numpy=np.asarray), closed, between, 1e-5)


def _autodiff_agrees(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "automatic differentiation finds the slope"
    if engine.gradient is None:
        return
    for factor in (1.0, 1e3):
        y, t = engine.asarray(factor * prediction), engine.asarray(target)
        closed = _closed_form(loss, y, t)
        if closed is not None and np.all(np.isfinite(engine.numpy(closed))):
            # All that is left of the slopes of certain classes may be far below the digits of one.
            least = 1.0 if prediction.ndim > 1 else 1e-300
            _check(law, engine, engine.gradient(loss, y, t), closed, 1e-9, least)


def _digits_are_kept(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    value = loss(engine.asarray(prediction), engine.asarray(target))
    if not str(value.dtype).endswith("float64"):
        raise AssertionError(f"{_DIGITS} ({engine.name}): got {value.dtype} for float64")
    wide = loss(*(_converted(each, np.longdouble) for each in (prediction, target)))
    _check(_DIGITS, engine, value, engine.asarray(np.asarray(wide, dtype=float)), 1e-10)


def _masked_elements_do_not_count(
    engine: _Engine, loss: Loss, prediction: Any, target: Any
) -> None:
    counts = _WEIGHT > 0
    y, t = (engine.asarray(each[counts]) for each in (prediction, target))
    value, gradient = loss(y, t), _closed_form(loss, y, t)
    for wrong in (np.nan, np.inf):
        law = f"a masked {wrong} reaches neither value nor gradient"
        for roles in ((True, False), (False, True), (True, True)):
            y, t = (
                engine.asarray(_poisoned(each, wrong, counts) if role else each)
                for role, each in zip(roles, (prediction, target), strict=True)
            )
            where = engine.asarray(counts)
            _check(law, engine, loss(y, t, where=where), value, 1e-10)
            found = _closed_form(loss, y, t, where=where)
            if found is not None and gradient is not None:
                full = np.zeros(prediction.shape)
                full[counts] = engine.numpy(gradient)
                _check(law, engine, found, engine.asarray(full), 1e-10)


def _weights_repeat(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "a weight of n is an element n times"
    times = _WEIGHT.astype(int)
    repeated = (engine.asarray(np.repeat(each, times, axis=0)) for each in (prediction, target))
    y, t, weight = (engine.asarray(each) for each in (prediction, target, _WEIGHT))
    _check(law, engine, loss(y, t, weight=weight), loss(*repeated), 1e-10)


def _slices_are_apart(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "a slice along an axis has the loss that it has alone"
    y, t = (np.reshape(each, (3, 3, *each.shape[1:])) for each in (prediction, target))
    alone = [engine.numpy(loss(*map(engine.asarray, row))) for row in zip(y, t, strict=True)]
    found = loss(engine.asarray(y), engine.asarray(t), axis=1)
    _check(law, engine, found, engine.asarray(np.stack(alone)), 1e-10)


def _other_dtypes(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "integers and 16 bits are computed in floats"
    # Labels stay as they are, and so do distributions, whose halves are no shares.
    is_vector = prediction.ndim > 1
    whole = [np.rint(2 * prediction), target if is_vector else np.rint(2 * target)]
    expected = loss(*map(engine.asarray, whole))
    if not np.all(np.isfinite(engine.numpy(expected))):
        return
    for dtype, given in (("float64", "int64"), ("float32", "float32"), ("float32", "float16")):
        y, t = (engine.asarray(_converted(each, given)) for each in whole)
        if is_vector and given == "int64":
            t = engine.asarray(target)  # integers would be labels
        value = loss(y, t)
        if not str(value.dtype).endswith(dtype):
            raise AssertionError(f"{law} ({engine.name}): got {value.dtype} for {given}")
        _check(law, engine, value, expected, 1e-10 if dtype == "float64" else 1e-4)


def _compiled_agrees(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "a compiled call gives the same"
    if engine.compiled is None:
        return
    y, t = engine.asarray(prediction), engine.asarray(target)
    try:
        value = engine.compiled(loss)(y, t)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise AssertionError(f"{law} ({engine.name}): it cannot be compiled: {reason}") from error
    _check(law, engine, value, loss(y, t), 1e-9)


def _operands_are_left_alone(engine: _Engine, loss: Loss, prediction: Any, target: Any) -> None:
    law = "operands are left unchanged"
    y, t = engine.asarray(prediction), engine.asarray(target)
    loss(y, t)
    _closed_form(loss, y, t)
    for found, given in ((y, prediction), (t, target)):
        _check(law, engine, found, engine.asarray(given), 0.0)


_LAWS = (
    _is_finite,
    _operands_are_left_alone,
    _slope_is_the_derivative,
    _digits_are_kept,
    _autodiff_agrees,
    _masked_elements_do_not_count,
    _weights_repeat,
    _slices_are_apart,
    _other_dtypes,
    _compiled_agrees,
)


@contextmanager
def _engines() -> Iterator[Iterator[_Engine]]:
    """Yield the engines that are installed, in double precision."""
    with ExitStack() as stack:
        yield iter([make(stack) for name, make in _MAKE.items() if find_spec(name)])


def _numpy(_: ExitStack) -> _Engine:
    return _Engine("numpy", np.array, np.asarray, None, None)


def _torch(_: ExitStack) -> _Engine:
    import torch

    def gradient(loss: Loss, prediction: Any, target: Any) -> Any:
        tracked = prediction.clone().requires_grad_()
        loss(tracked, target).sum().backward()
        return tracked.grad

    def compiled(loss: Loss) -> Loss:
        torch.compiler.reset()
        compile_: Any = torch.compile
        result: Loss = compile_(loss, backend="eager", fullgraph=True)
        return result

    return _Engine(
        "torch",
        lambda array: torch.tensor(np.array(array)),
        lambda tensor: tensor.detach().numpy(),
        gradient,
        compiled,
    )


def _jax(stack: ExitStack) -> _Engine:
    import jax
    import jax.experimental
    import jax.numpy as jnp

    # Moved out of jax.experimental in later releases.
    home: Any = jax if hasattr(jax, "enable_x64") else jax.experimental
    stack.enter_context(home.enable_x64(True))  # noqa: FBT003  the signature is JAX's

    def gradient(loss: Loss, prediction: Any, target: Any) -> Any:
        return jax.grad(lambda y: jnp.sum(loss(y, target)))(prediction)

    return _Engine("jax", jnp.asarray, np.asarray, gradient, jax.jit)


_MAKE = {"numpy": _numpy, "torch": _torch, "jax": _jax}
