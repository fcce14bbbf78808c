"""What adapters ask of a loss: which targets it takes, and how it is called truth first."""

from typing import Any

import numpy as np

from multiloss._call import bound_loss
from multiloss._planning.options import keywords_of
from multiloss._value import Loss, get

# What the libraries pass themselves, or decide by the shapes that they want.
_TAKEN = ("axis", "keepdims", "weight", "where")


class Adapted:
    """A loss as a library calls it that has the truth first."""

    taken: tuple[str, ...] = _TAKEN

    def __init__(self, loss: Any, options: dict[str, Any]) -> None:
        self._refuse(options)
        self.value: Loss = get(loss, **options)
        for each in self.value.terms:
            self._refuse(dict(each.options))
        self.__name__ = str(self.value)
        term = self.value.terms[0]
        # Not kept: it holds plans, which cannot be copied.
        definition = bound_loss(term.function, **dict(term.options)).loss
        self.is_vector = definition.is_vector  # whether a sample has a vector of classes
        self.takes_signs = definition.takes_signs  # whether the target is -1 and 1
        # In the place of a target that does not count.
        self.stand_in = 0.0 if definition.is_vector else definition.stand_in

    def _refuse(self, options: dict[str, Any]) -> None:
        for name in self.taken:
            if name in options:
                raise TypeError(f"{name}= is what this adapter or the library passes; leave it out")

    def has_option(self, name: str) -> bool:
        """Tell whether every loss of a sum has an option."""
        return all(name in (keywords_of(each.function) or ()) for each in self.value.terms)

    def target(self, truth: Any, classes: int) -> Any:
        """Return the truth as the loss takes it, given the number of classes."""
        truth = np.asarray(truth)
        is_class = self.is_vector and truth.ndim < 2 + (truth.shape[-1:] == (1,))
        if truth.dtype.kind in "OSUT" and (is_class or self.takes_signs):
            raise TypeError(
                f"the labels are {truth.dtype}; encode them as 0, 1, …, for instance with "
                "sklearn.preprocessing.LabelEncoder"
            )
        if is_class:
            return _labels(truth.ravel(), classes)
        if self.takes_signs:
            return _signs(truth)
        return truth

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


def _labels(truth: Any, classes: int) -> Any:
    labels = truth.astype(np.int64)
    wrong = truth[(labels != truth) | (labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(
            f"the label {wrong[0]} is none of {classes} classes; the labels are 0 to {classes - 1}"
        )
    return labels


def _signs(truth: Any) -> Any:
    """Return whether a class is the second one, of 0 and 1, or -1 and 1."""
    wrong = truth[(truth != 1) & (truth != 0) & (truth != -1)]
    if wrong.size:
        raise ValueError(f"the label {wrong[0]} is none of 0 and 1, or -1 and 1; encode the labels")
    return truth > 0


def weight_for(weight: Any, target: Any, *, is_vector: bool) -> Any:
    """Return one weight a sample in the axes of a loss; None for none."""
    if weight is None or not np.size(weight):
        return None
    axes = 1 if is_vector else np.ndim(target)
    return np.reshape(weight, (-1, *[1] * (axes - 1)))
