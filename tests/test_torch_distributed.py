"""PyTorch in two processes: tensors that are spread over them, and batches of unequal size."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode

import class_losses
import multiloss as ml
from calls import CALLS, MERGEABLE

NEEDS = "newest"

SHARDED, REPLICATED = Shard(0), Replicate()
PLACEMENTS = [
    (SHARDED, SHARDED),
    (REPLICATED, REPLICATED),
    (SHARDED, REPLICATED),
    (REPLICATED, SHARDED),
]


def in_two_processes(function: Callable[[int], None], folder: Path) -> None:
    """Run a function of the number of a process in two that belong together."""
    spawn: Any = torch.multiprocessing.spawn  # type: ignore[attr-defined]  # documented all the same
    spawn(_process, (function, str(folder / "store")), nprocs=2)


def _process(rank: int, function: Callable[[int], None], store: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
    function(rank)
    distributed.barrier()  # or one closes the connection that the other still reads
    distributed.destroy_process_group()
    # At once, since threads of gloo that outlive the interpreter abort the process now and then:
    # https://github.com/pytorch/pytorch/pull/179291
    os._exit(0)


def all_reduced(part: ml.Partial) -> ml.Partial:
    for each in part.arrays:
        distributed.all_reduce(each)
    return part


def uneven_batches(rank: int) -> None:
    rows = slice(0, 1) if rank == 0 else slice(1, 4)
    for name, call in MERGEABLE.items():
        own = call.rows(rows)
        for names in ((), ("weight", "where")):
            part = ml.partial(
                call.function,
                torch.tensor(own.prediction),
                torch.tensor(own.target),
                **{each: torch.tensor(own.by_item[each]) for each in names},
            )
            options = {each: call.by_item[each] for each in names}
            whole = float(call.function(call.prediction, call.target, **options))
            error = abs(float(all_reduced(part).result()) - whole)
            assert error <= 4 * np.spacing(abs(whole)), (name, names)


def distributed_tensors(_: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    for name, call in CALLS.items():
        prediction, target = torch.tensor(call.prediction), torch.tensor(call.target)
        by_item = {key: torch.tensor(each) for key, each in call.by_item.items()}
        for placement, of_target in PLACEMENTS:
            for options in ({}, by_item):
                y = prediction.clone().requires_grad_()
                whole = call.function(y, target, **options)
                whole.backward()
                spread = distribute_tensor(prediction, mesh, [placement])
                own = {k: distribute_tensor(each, mesh, [placement]) for k, each in options.items()}
                own_target = distribute_tensor(target, mesh, [of_target])
                tracked = spread.clone().detach().requires_grad_()
                value = call.function(tracked, own_target, **own)
                value.backward()
                case = f"{name} {placement} {of_target} {[*options]}: "
                assert_same(value, whole, case, rtol=4 * sys.float_info.epsilon)
                assert_same(tracked.grad, y.grad, case, rtol=1e-14)
                value, gradient = ml.value_and_grad(call.function)(spread, own_target, **own)
                assert_same(value, whole, case, rtol=4 * sys.float_info.epsilon)
                assert_same(gradient, y.grad, case, rtol=1e-14)


def assert_same(result: Any, reference: Any, case: str, *, rtol: float) -> None:
    assert isinstance(result, DTensor), case
    torch.testing.assert_close(
        result.full_tensor(), reference, rtol=rtol, atol=1e-16, msg=lambda text: case + text
    )


def sharded_tensors_stay_where_they_are(_: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    y, t = (
        distribute_tensor(each, mesh, [SHARDED]) for each in (torch.rand(8, 3), torch.rand(8, 3))
    )
    y.requires_grad_()
    communication: Any = CommDebugMode()  # type: ignore[no-untyped-call]  # as torch ships it
    with communication:
        ml.huber(y, t).full_tensor()
    assert communication.get_total_counts() == 1, communication.get_comm_counts()
    loss: Any = ml.huber(y, t)
    loss.backward()
    gradient: Any = y.grad
    assert gradient.placements == (SHARDED,)


def shards_without_elements(_: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    whole = torch.arange(1.0, 4.0, dtype=torch.float64)[None]
    # Of one row the second process has nothing.
    for loss in (ml.rmse, ml.rmsle, partial(ml.minkowski, p=3.0), ml.mse):
        spread = distribute_tensor(whole, mesh, [SHARDED]).requires_grad_()
        value: Any = loss(spread, 0.0)
        value.backward()
        y = whole.clone().requires_grad_()
        of_whole: Any = loss(y, 0.0)
        of_whole.backward()
        assert_same(value, of_whole, str(loss), rtol=1e-15)
        assert_same(spread.grad, y.grad, str(loss), rtol=1e-14)


def vectors_that_are_spread(_: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    for name, call in CALLS.items():
        if class_losses.LOSSES.get(name) is None or not class_losses.LOSSES[name].is_vector:
            continue
        target = torch.tensor(call.target)
        y = torch.tensor(call.prediction).requires_grad_()
        whole = call.function(y, target)
        whole.backward()
        across = Shard(1)
        spread = distribute_tensor(y.detach(), mesh, [across]).requires_grad_()
        is_labels = target.ndim == 1
        value = call.function(
            spread, distribute_tensor(target, mesh, [REPLICATED if is_labels else across])
        )
        value.backward()
        assert_same(value, whole, name, rtol=4 * sys.float_info.epsilon)
        assert_same(spread.grad, y.grad, name, rtol=1e-14)


def sums_as_text(_: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    spread = distribute_tensor(torch.tensor([3.0, 4.0]), mesh, [SHARDED])
    again = ml.Partial.from_dict(ml.partial(ml.sse, spread, 0.0).to_dict())
    assert float(again.result()) == 12.5


def norms_of_other_sizes_in_each(rank: int) -> None:
    own = torch.tensor([[3.0, 4.0], [1e-25, 2e-25]])[rank]
    # √(25 / 4)
    assert float(all_reduced(ml.partial(ml.rmse, own, 0.0)).result()) == 2.5


def a_tensor_of_one_process(_: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    spread = distribute_tensor(torch.ones(4), mesh, [SHARDED])
    assert float(ml.mse(spread, 0.0).full_tensor()) == 1.0
    assert float(ml.mse(spread, torch.tensor(0.0)).full_tensor()) == 1.0
    # A list is the same in all processes.
    assert float(ml.mse(spread, [0.0, 1.0, 1.0, 1.0]).full_tensor()) == 0.25
    for operands in ((spread, torch.ones(4)), (torch.ones(4), spread)):
        with pytest.raises(TypeError, match=r"is a DTensor and .* a tensor of one process; pass "):
            ml.mse(*operands)
    with pytest.raises(TypeError, match="prediction is a DTensor and weight a tensor of one"):
        ml.mse(spread, 0.0, weight=torch.ones(4))


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        uneven_batches,
        distributed_tensors,
        sharded_tensors_stay_where_they_are,
        a_tensor_of_one_process,
        shards_without_elements,
        vectors_that_are_spread,
        sums_as_text,
        norms_of_other_sizes_in_each,
    ],
)
def test_two_processes(check: Callable[[int], None], tmp_path: Path) -> None:
    in_two_processes(check, tmp_path)
