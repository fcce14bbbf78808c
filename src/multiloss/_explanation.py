"""What an explanation of a loss holds, and how it is printed."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from multiloss._core.plan import Plan

Index = tuple[int, ...]

_DOMINANT = 0.5  # the share of the sum from which one element is worth a sentence


class OperandReport(NamedTuple):
    """What an operand is, and how many of its numbers are not finite, and where the first is."""

    engine: str
    device: str
    shape: tuple[int, ...]
    dtype: str
    nan: int
    first_nan: Index | None
    infinite: int
    first_infinite: Index | None


class Contribution(NamedTuple):
    """An element, or a vector of classes, and its share of the sum."""

    at: Index
    prediction: Any
    target: Any
    weight: float
    loss: float  # without the weight
    share: float


@dataclass(frozen=True)
class Explanation:
    """What :func:`explain` finds; it prints as a report.

    Attributes
    ----------
    loss : str
        The loss and its options.
    value : array
        The loss, in NumPy.
    gradient_norm : float or None
        The Euclidean norm of the gradient; None where there is no slope.
    operands : dict of str to OperandReport
        The engine, device, shape and dtype of each array, and its NaN and infinite numbers.
    computed_in : str
        The dtype to which the operands are promoted.
    strategy : str
        How the engine runs the call.
    plan : Plan
        All that is decided without a look at numbers.
    counted, masked, weightless : int
        How many elements count, are masked, and have a weight of zero.
    undefined : int
        How many losses are not finite although all that they are made of is: outside of the domain,
        or too large.
    first_undefined : tuple of int or None
        The index of the first of them.
    largest : list of Contribution
        The elements with the largest shares of the sum.
    """

    loss: str
    value: Any
    gradient_norm: float | None
    operands: dict[str, OperandReport]
    computed_in: str
    strategy: str
    plan: Plan
    counted: int
    masked: int
    weightless: int
    undefined: int
    first_undefined: Index | None
    largest: list[Contribution]

    @property
    def findings(self) -> list[str]:
        """Return what is worth a sentence."""
        return _findings(self)

    def __repr__(self) -> str:
        lines = [f"{self.loss} = {self.value}"]
        if self.gradient_norm is not None:
            lines[0] += f", norm of the gradient {self.gradient_norm:.4g}"
        lines += [f"  {each}" for each in self.findings]
        lines += ["operands, computed in " + self.computed_in + f", strategy {self.strategy!r}"]
        lines += [f"  {role}: {_shown(each)}" for role, each in self.operands.items()]
        lines.append(
            f"elements: {self.counted} count, {self.masked} are masked, {self.weightless} have "
            f"weight 0, {self.undefined} are not finite"
        )
        if self.largest:
            lines += ["largest contributions"]
            lines += [
                f"  {each.share:4.0%} at {_at(each.at)}: loss {each.loss:.4g}, prediction "
                f"{_number(each.prediction)}, target {_number(each.target)}"
                for each in self.largest
            ]
        return "\n".join(lines)


def _findings(found: Explanation) -> list[str]:
    lines = []
    for role, each in found.operands.items():
        if each.nan:
            lines.append(f"{role} has {each.nan} NaN, the first at {_at(each.first_nan)}")
        if each.infinite:
            lines.append(
                f"{role} has {each.infinite} infinite numbers, the first at "
                f"{_at(each.first_infinite)}"
            )
    if found.undefined:
        lines.append(
            f"{found.undefined} losses of finite numbers are not finite, the first at "
            f"{_at(found.first_undefined)}: outside of the domain of the loss, or too large"
        )
    if not found.counted:
        lines.append("no element counts: the mean of nothing is what empty= says")
    if found.largest and found.largest[0].share > _DOMINANT and found.counted > 1:
        first = found.largest[0]
        lines.append(f"one element is {first.share:.0%} of the sum: {_at(first.at)}")
    return lines


def _at(index: Index | None) -> str:
    return "the only element" if index == () else str(index)


def _number(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(f'{each:.4g}' for each in value)}]"
    return f"{value:.4g}"


def _shown(each: OperandReport) -> str:
    device = "" if each.device in {"cpu", "None"} else f" on {each.device}"
    text = f"{each.engine} {each.dtype}{device}, shape {each.shape}"
    if each.nan:
        text += f", {each.nan} NaN"
    return text + (f", {each.infinite} infinite" if each.infinite else "")
