"""The examples in the docstrings of the adapters."""

import doctest
import importlib

import pytest

NEEDS = "frameworks"


@pytest.mark.parametrize("name", ["boosting", "keras", "sklearn"])
def test_docstrings(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"multiloss.{name}"))
    assert tried > 2
    assert failed == 0
