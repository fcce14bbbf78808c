"""The modules of multiloss.torch stand in for those of torch.nn, and no number changes."""

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest
import torch
from torch import Tensor, nn

import multiloss as ml
import multiloss.torch as ours

NEEDS = "engines"

RNG = torch.Generator().manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=RNG, dtype=torch.float64)


def shares(*shape: int) -> Tensor:
    return torch.rand(shape, generator=RNG, dtype=torch.float64) * 0.9 + 0.05


def counts(*shape: int) -> Tensor:
    return torch.randint(0, 5, shape, generator=RNG).double()


def labels(*shape: int, ignored: bool = False) -> Tensor:
    given = torch.randint(0, 3, shape, generator=RNG)
    if ignored:
        given[0] = -100
    return given


def distributions(*shape: int) -> Tensor:
    return torch.softmax(normal(*shape), 1)


class Case(NamedTuple):
    """A module, what it is made with, and what it is called with."""

    name: str
    operands: tuple[Tensor, ...]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012  read alone
    names: tuple[str, ...] = ("input", "target")


CLASS_WEIGHT = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
CASES: dict[str, Case] = {
    "MSELoss": Case("MSELoss", (normal(4, 3), normal(4, 3))),
    "MSELoss-scalar": Case("MSELoss", (normal(), normal())),
    "L1Loss": Case("L1Loss", (normal(4, 3), normal(4, 3))),
    "SmoothL1Loss": Case("SmoothL1Loss", (normal(4, 3), normal(4, 3))),
    "SmoothL1Loss-beta": Case("SmoothL1Loss", (normal(4, 3), normal(4, 3)), kwargs={"beta": 0.3}),
    "SmoothL1Loss-zero": Case("SmoothL1Loss", (normal(4, 3), normal(4, 3)), kwargs={"beta": 0.0}),
    "SmoothL1Loss-positions": Case(
        "SmoothL1Loss", (normal(4, 3), normal(4, 3)), args=(None, None, "mean", 0.3)
    ),
    "HuberLoss": Case("HuberLoss", (normal(4, 3), normal(4, 3))),
    "HuberLoss-positions": Case("HuberLoss", (normal(4, 3), normal(4, 3)), args=("sum", 0.3)),
    "GaussianNLLLoss": Case(
        "GaussianNLLLoss",
        (normal(4, 3), normal(4, 3), shares(4, 3)),
        names=("input", "target", "var"),
    ),
    "GaussianNLLLoss-one": Case(
        "GaussianNLLLoss",
        (normal(4, 3), normal(4, 3), shares(4, 1)),
        kwargs={"full": True, "eps": 1e-3},
        names=("input", "target", "var"),
    ),
    "GaussianNLLLoss-fewer": Case(
        "GaussianNLLLoss", (normal(4, 3), normal(4, 3), shares(4)), names=("input", "target", "var")
    ),
    "PoissonNLLLoss": Case(
        "PoissonNLLLoss", (normal(4, 3), counts(4, 3)), names=("log_input", "target")
    ),
    "PoissonNLLLoss-rate": Case(
        "PoissonNLLLoss",
        (shares(4, 3), counts(4, 3)),
        args=(False, True),
        kwargs={"eps": 1e-3},
        names=("log_input", "target"),
    ),
    "CrossEntropyLoss": Case("CrossEntropyLoss", (normal(4, 3), labels(4))),
    "CrossEntropyLoss-ignored": Case(
        "CrossEntropyLoss", (normal(4, 3), labels(4, ignored=True)), args=(CLASS_WEIGHT,)
    ),
    "CrossEntropyLoss-index": Case(
        "CrossEntropyLoss",
        (normal(4, 3, 2), labels(4, 2)),
        kwargs={"ignore_index": 1, "label_smoothing": 0.1},
    ),
    "CrossEntropyLoss-image": Case("CrossEntropyLoss", (normal(2, 3, 4, 5), labels(2, 4, 5))),
    "CrossEntropyLoss-weighted": Case(
        "CrossEntropyLoss",
        (normal(4, 3), labels(4)),
        kwargs={"weight": CLASS_WEIGHT, "label_smoothing": 0.2},
    ),
    "CrossEntropyLoss-one": Case("CrossEntropyLoss", (normal(3), labels())),
    "CrossEntropyLoss-shares": Case("CrossEntropyLoss", (normal(4, 3), distributions(4, 3))),
    "BCEWithLogitsLoss": Case("BCEWithLogitsLoss", (normal(4, 3), shares(4, 3))),
    "BCEWithLogitsLoss-weighted": Case(
        "BCEWithLogitsLoss",
        (normal(4, 3), shares(4, 3)),
        args=(CLASS_WEIGHT,),
        kwargs={"pos_weight": CLASS_WEIGHT},
    ),
    "BCELoss": Case("BCELoss", (shares(4, 3), shares(4, 3))),
    "BCELoss-weighted": Case("BCELoss", (shares(4, 3), shares(4, 3)), args=(shares(4, 1),)),
    "KLDivLoss": Case("KLDivLoss", (distributions(4, 3).log(), distributions(4, 3))),
    "KLDivLoss-batch": Case(
        "KLDivLoss",
        (distributions(4, 3).log(), distributions(4, 3)),
        kwargs={"reduction": "batchmean"},
    ),
    "KLDivLoss-logarithms": Case(
        "KLDivLoss",
        (distributions(4, 3).log(), distributions(4, 3).log()),
        kwargs={"log_target": True, "reduction": "sum"},
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def made(case: Case, home: Any, **kwargs: Any) -> Any:
    return getattr(home, case.name)(*case.args, **{**case.kwargs, **kwargs})


def both(case: Case, make: Callable[[Any], Any], **called: Any) -> list[tuple[Tensor, Tensor]]:
    """Return the loss and the gradient of our module, and of PyTorch's."""
    results = []
    for home in (ours, nn):
        prediction = case.operands[0].clone().requires_grad_()
        loss = make(home)(prediction, *case.operands[1:], **called)
        (gradient,) = torch.autograd.grad(loss.sum(), prediction)
        results.append((loss, gradient))
    return results


@every_case
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
@pytest.mark.parametrize("reduction", [None, "mean", "sum", "none"])
def test_the_same_numbers(case: Case, reduction: str | None) -> None:
    given = {} if reduction is None or "sum" in case.args else {"reduction": reduction}
    if case.args[2:]:
        given = {}
    found, reference = both(case, lambda home: made(case, home, **given))
    torch.testing.assert_close(found, reference, rtol=1e-12, atol=1e-14)


@every_case
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_operands_by_name(case: Case) -> None:
    named = dict(zip(case.names, case.operands, strict=True))
    torch.testing.assert_close(made(case, ours)(**named), made(case, nn)(**named))


NAMES = sorted({case.name for case in CASES.values()})


@pytest.mark.parametrize("name", NAMES)
def test_they_are_those_of_torch(name: str) -> None:
    module, original = getattr(ours, name), getattr(nn, name)
    assert issubclass(module, original)
    assert inspect.signature(module) == inspect.signature(original)
    given = list(inspect.signature(original.forward).parameters)
    assert list(inspect.signature(module.forward).parameters)[: len(given)] == given


def test_every_module_is_here() -> None:
    assert {*NAMES, "Loss", "SSELoss"} == set(ours.__all__)


@every_case
@pytest.mark.parametrize("how", ["pickle", "deepcopy", "save", "state_dict"])
def test_copies(case: Case, how: str) -> None:
    module = made(case, ours)
    if how == "pickle":
        duplicate = pickle.loads(pickle.dumps(module))  # noqa: S301  made by the test
    elif how == "deepcopy":
        duplicate = copy.deepcopy(module)
    elif how == "save":
        file = io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        duplicate = torch.load(file, weights_only=False)
    else:
        duplicate = made(case, ours)
        # Those of PyTorch's own load here, and the other way round.
        duplicate.load_state_dict(made(case, nn).state_dict())
        made(case, nn).load_state_dict(module.state_dict())
    assert repr(duplicate) == repr(module)
    torch.testing.assert_close(duplicate(*case.operands), module(*case.operands))


@every_case
def test_weights_and_masks(case: Case) -> None:
    module = made(case, ours)
    each = copy.copy(module)
    each.reduction = "none"
    losses = each(*case.operands)
    weight = torch.rand(losses.shape, generator=RNG, dtype=torch.float64) + 0.5
    mask = torch.rand(losses.shape, generator=RNG) < 0.7
    torch.testing.assert_close(
        each(*case.operands, weight=weight, where=mask), losses * weight * mask
    )
    module.reduction = "sum"
    torch.testing.assert_close(
        module(*case.operands, weight=weight, where=mask), (losses * weight * mask).sum()
    )


@pytest.mark.parametrize("name", ["BCELoss", "BCEWithLogitsLoss"])
def test_a_mean_divides_by_the_weights_of_the_call_alone(name: str) -> None:
    prediction, target, factor = shares(4, 3), shares(4, 3), shares(3)
    weight, mask = shares(4, 3), torch.rand(4, 3, generator=RNG) < 0.7
    losses = getattr(nn, name)(reduction="none")(prediction, target)
    module = getattr(ours, name)(factor)
    torch.testing.assert_close(
        module(prediction, target, weight=weight, where=mask),
        (losses * factor * weight * mask).sum() / (weight * mask).sum(),
    )


@every_case
def test_symbolic_trace(case: Case) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loss = made(case, ours)

        def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
            result: Tensor = self.loss(prediction, target, *case.operands[2:])
            return result

    traced = torch.fx.symbolic_trace(Model())
    assert [node.op for node in traced.graph.nodes].count("call_module") == 1
    torch.testing.assert_close(traced(*case.operands[:2]), made(case, ours)(*case.operands))


@every_case
@pytest.mark.slow
def test_compiled_in_one_graph(case: Case) -> None:
    cast(Any, torch.compiler).reset()
    module = made(case, ours)
    compiled: Any = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*case.operands), module(*case.operands))


@pytest.mark.parametrize("name", ["MSELoss", "CrossEntropyLoss"])
def test_symbolic_trace_of_keywords(name: str) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loss = getattr(ours, name)()

        def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
            result: Tensor = self.loss(input=prediction, target=target)
            return result

    operands = CASES[name].operands
    traced = torch.fx.symbolic_trace(Model())
    torch.testing.assert_close(traced(*operands), getattr(ours, name)()(*operands))


def test_targets_that_are_no_tensors() -> None:
    scores = normal(2, 3)
    expected = ml.cross_entropy(scores, torch.tensor([0, 2]))
    torch.testing.assert_close(ours.CrossEntropyLoss()(scores, [0, 2]), expected)


def test_a_module_of_text_is_that_of_the_function() -> None:
    given: list[Any] = ["huber(delta=0.5)", {"name": "huber", "delta": 0.5}]
    for loss in (*given, ml.get("huber", delta=0.5)):
        assert repr(ours.Loss(loss)) == "Loss(huber, delta=0.5, reduction='mean')"
    with pytest.raises(TypeError, match="huber has no option dleta"):
        ours.Loss("huber", dleta=1.0)
    with pytest.raises(TypeError, match=r"mse \+ mae has no option delta"):
        ours.Loss("mse + mae", delta=1.0)
    assert ours.Loss("mse + mae", reduction="sum")(normal(3), normal(3)).shape == ()


def test_complex_numbers() -> None:
    operands = torch.tensor([1 + 1j]), torch.tensor([0j])
    assert nn.L1Loss()(*operands).item() == pytest.approx(2**0.5)
    with pytest.raises(TypeError, match="of complex numbers is not defined"):
        ours.L1Loss()(*operands)
    assert ours.MSELoss()(*operands).item() == 2.0


def test_torchscript_says_why_not() -> None:
    with pytest.raises(NotImplementedError, match=r"torch\.jit\.script does not compile MSELoss; "):
        torch.jit.script(ours.MSELoss())


def test_what_they_print() -> None:
    assert repr(ours.HuberLoss(delta=0.5)) == "HuberLoss(delta=0.5, reduction='mean')"
    alpha = nn.Parameter(torch.tensor(1.5))
    module = ours.Loss(ml.barron, alpha=alpha, scale=torch.ones(1, 3))
    assert repr(module) == "Loss(barron, alpha=1.5, scale=Tensor[1, 3], reduction='mean')"


def test_a_loss_that_is_written() -> None:
    prediction, target = normal(4), normal(4)
    module = ours.Loss("0.5 * mse + 0.5 * huber(delta=0.5)")
    torch.testing.assert_close(
        module(prediction, target),
        0.5 * ml.mse(prediction, target) + 0.5 * ml.huber(prediction, target, delta=0.5),
    )
    assert repr(module) == "Loss(0.5 * mse + 0.5 * huber(delta=0.5), reduction='mean')"
    copied = pickle.loads(pickle.dumps(module))  # noqa: S301  made by the test
    torch.testing.assert_close(copied(prediction, target), module(prediction, target))


# The table of docs/torch.md, line by line.


def test_shapes_that_differ() -> None:
    prediction, target = normal(4, 1), normal(4)
    with pytest.warns(UserWarning, match="Using a target size"):
        nn.MSELoss()(prediction, target)
    with pytest.raises(ValueError, match="broadcast=True"):
        ours.MSELoss()(prediction, target)


def test_half_precision() -> None:
    prediction, target = torch.tensor([300.0]).half(), torch.zeros(1).half()
    assert nn.MSELoss()(prediction, target).item() == float("inf")
    loss = ours.MSELoss()(prediction, target)
    assert loss.dtype == torch.float32
    assert loss.item() == 90000.0


def test_integers() -> None:
    with pytest.raises(RuntimeError):
        nn.HuberLoss()(torch.tensor([3]), torch.tensor([1]))
    assert ours.HuberLoss()(torch.tensor([3]), torch.tensor([1])).item() == 1.5


def test_class_weights_and_probabilities() -> None:
    scores, target = normal(4, 3), distributions(4, 3)
    total = nn.CrossEntropyLoss(CLASS_WEIGHT, reduction="sum")(scores, target)
    torch.testing.assert_close(nn.CrossEntropyLoss(CLASS_WEIGHT)(scores, target), total / 4)
    torch.testing.assert_close(
        ours.CrossEntropyLoss(CLASS_WEIGHT)(scores, target), total / (target * CLASS_WEIGHT).sum()
    )


def test_labels_out_of_range() -> None:
    with pytest.raises(IndexError):
        nn.CrossEntropyLoss()(normal(1, 3), torch.tensor([3]))
    assert ours.CrossEntropyLoss()(normal(1, 3), torch.tensor([3])).isnan()


def test_certain_and_wrong() -> None:
    prediction, target = torch.tensor([0.0]), torch.tensor([1.0])
    assert nn.BCELoss()(prediction, target).item() == 100.0
    assert ours.BCELoss()(prediction, target).item() == float("inf")


def test_nothing_of_an_infinite_logarithm() -> None:
    logarithm, target = torch.tensor([[-torch.inf, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert nn.KLDivLoss(reduction="sum")(logarithm, target).isnan()
    assert ours.KLDivLoss(reduction="sum")(logarithm, target).item() == 0.0


def test_variances() -> None:
    operands = torch.tensor([1.0]), torch.tensor([0.0])
    with pytest.raises(ValueError, match="negative"):
        nn.GaussianNLLLoss()(*operands, torch.tensor([-1.0]))
    assert ours.GaussianNLLLoss()(*operands, torch.tensor([-1.0])).isnan()
    # (log v + 1/v)' / 2 = (1 - 1/v) / v / 2 = -1 at v = 1/2
    for home, expected in ((nn, -1.0), (ours, 0.0)):
        variance = torch.tensor([0.25], requires_grad=True)
        home.GaussianNLLLoss(eps=0.5)(*operands, variance).backward()
        assert variance.grad is not None
        assert variance.grad.item() == expected


def test_torch_fx_takes_a_wrapped_function() -> None:
    class Model(nn.Module):
        def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
            return wrapped_mse(prediction, target)

    traced = torch.fx.symbolic_trace(Model())
    operands = normal(3), normal(3)
    torch.testing.assert_close(traced(*operands), ml.mse(*operands))


@torch.fx.wrap
def wrapped_mse(prediction: Tensor, target: Tensor) -> Tensor:
    return ml.mse(prediction, target)
