"""The public losses by name."""

from collections.abc import Callable
from typing import Any

NOT_LOSSES = {
    "Loss",
    "Partial",
    "__version__",
    "explain",
    "get",
    "gradient_and_hessian",
    "make_loss",
    "partial",
    "value_and_grad",
}


def losses() -> dict[str, Callable[..., Any]]:
    """Return the public losses by name."""
    import multiloss  # not at the top, since it imports this module

    return {name: getattr(multiloss, name) for name in sorted({*multiloss.__all__} - NOT_LOSSES)}
