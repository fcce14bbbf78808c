"""What adapters ask of a loss: which targets it takes, and how it is called truth first."""

from typing import Any

import numpy as np

from multiloss._call import bound_loss
from multiloss._planning.options import keywords_of
from multiloss._value import Loss, get


class Adapted:
    """A loss as a library calls it that has the truth first, in NumPy, and one weight a sample."""

    def __init__(self, loss: Any, options: dict[str, Any]) -> None:
        self.value: Loss = get(loss, **options)
        self.__name__ = str(self.value)
        term = self.value.terms[0]
        # Not kept: it holds plans, which cannot be copied.
        definition = bound_loss(term.function, **dict(term.options)).loss
        self.is_vector = definition.is_vector  # whether a sample has a vector of classes
        self.takes_signs = definition.takes_signs  # whether the target is -1 and 1

    def has_option(self, name: str) -> bool:
        """Tell whether every loss of a sum has an option."""
        return all(name in (keywords_of(each.function) or ()) for each in self.value.terms)

    def target(self, truth: Any) -> Any:
        """Return the truth as the loss takes it."""
        truth = np.asarray(truth)
        if self.is_vector and truth.dtype.kind == "f" and truth.ndim == 1:
            return truth.astype(np.int64)
        if self.takes_signs and not (truth < 0).any():
            return truth > 0
        return truth

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


def weight_for(weight: Any, target: Any, *, is_vector: bool) -> Any:
    """Return one weight a sample in the axes of a loss; None for none."""
    if weight is None or not np.size(weight):
        return None
    axes = 1 if is_vector else np.ndim(target)
    return np.reshape(weight, (-1, *[1] * (axes - 1)))
