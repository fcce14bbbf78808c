"""JAX on eight devices, which are virtual ones of the CPU, and in two processes."""

import multiprocessing
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import class_losses
import multiloss as ml
from calls import CALLS, MERGEABLE, Call, assert_close
from engines import enable_x64

NEEDS = "newest"

# JAX has no types for these.
untyped_jax: Any = jax
ROWS: Any = PartitionSpec("rows")  # type: ignore[no-untyped-call]
WHOLE: Any = PartitionSpec()  # type: ignore[no-untyped-call]

DEVICES = 8
# Of each kind: a mean, a norm, a ratio, one with a parameter, one of vectors. All of them run under
# the mark exhaustive.
FEW = ("mse", "rmse", "wmape", "huber", "cross_entropy-labels")
# What would bring the elements of one device to another.
MOVES = ("all-gather", "all-to-all", "collective-permute")


def cases(names: Iterable[str]) -> Iterator[tuple[str, Call]]:
    """Yield losses by name, with operands of eight rows."""
    for name in names:
        yield name, CALLS[name].rows([0, 1, 2, 3] * 2)


def mesh(kind: AxisType = AxisType.Auto) -> Any:
    return jax.make_mesh((DEVICES,), ("rows",), axis_types=(kind,))


def check_each_loss(mesh: Any, names: Iterable[str]) -> None:
    """Check that what is sharded stays so, and gives what the same arrays give on one device."""
    rows = NamedSharding(mesh, ROWS)
    for name, (loss, prediction, target, by_item) in cases(names):
        for options in ({}, by_item):
            both = jax.jit(ml.value_and_grad(loss))
            alone = both(jnp.asarray(prediction), jnp.asarray(target), **options)
            spread = [jax.device_put(each, rows) for each in (prediction, target)]
            given = {key: jax.device_put(each, rows) for key, each in options.items()}
            value, gradient = both(*spread, **given)
            assert_close(value, alone[0], name)
            assert_close(gradient, alone[1], name)
            assert_close(jax.jit(jax.grad(loss))(*spread, **given), alone[1], name)
            assert_close(loss(*spread, **given), alone[0], name)
            assert value.sharding.is_fully_replicated, name
            assert gradient.sharding.is_equivalent_to(rows, gradient.ndim), name
            program: Any = both.lower(*spread, **given).compile().as_text()
            assert "all-reduce" in program, name
            assert not [move for move in MOVES if move in program], name


def sharded(names: Iterable[str]) -> None:
    check_each_loss(mesh(), names)


def explicit_axes(names: Iterable[str]) -> None:
    with jax.set_mesh(mesh(AxisType.Explicit)):
        check_each_loss(jax.sharding.get_mesh(), names)


def explicit_classes(names: Iterable[str]) -> None:
    kinds = (AxisType.Explicit,) * 2
    with jax.set_mesh(jax.make_mesh((4, 2), ("rows", "classes"), axis_types=kinds)):
        spec: Any = PartitionSpec("rows", "classes")  # type: ignore[no-untyped-call]
        for name in names:
            if not getattr(class_losses.LOSSES.get(name), "is_vector", False):
                continue
            loss, prediction, target, _ = CALLS[name].rows([0, 1, 2, 3] * 2)
            # An even number of classes, of which the last has no share.
            prediction = np.concatenate([prediction, prediction[:, :1]], axis=1)
            if target.ndim > 1:
                target = np.concatenate([target, 0 * target[:, :1]], axis=1)
            if "class_weight" in getattr(loss, "keywords", {}):
                continue
            alone = ml.value_and_grad(loss)(jnp.asarray(prediction), jnp.asarray(target))
            mesh = jax.sharding.get_mesh()
            spread = jax.device_put(prediction, NamedSharding(mesh, spec))
            place = NamedSharding(mesh, ROWS if target.ndim == 1 else spec)
            value, gradient = ml.value_and_grad(loss)(spread, jax.device_put(target, place))
            assert_close(value, alone[0], name)
            assert_close(gradient, alone[1], name)


def parts_of_shards(names: Iterable[str]) -> None:
    shards = mesh()
    names = [each for each in names if each in MERGEABLE]
    for name, (loss, prediction, target, _) in cases(names):

        def of_a_shard(y: Any, t: Any, loss: Any = loss) -> Any:
            return untyped_jax.lax.psum(ml.partial(loss, y, t), "rows").result()

        mapped = jax.shard_map(of_a_shard, mesh=shards, in_specs=(ROWS, ROWS), out_specs=WHOLE)
        alone = ml.value_and_grad(loss)(jnp.asarray(prediction), jnp.asarray(target))
        value, gradient = jax.jit(jax.value_and_grad(mapped))(prediction, target)
        assert_close(value, alone[0], name)
        assert_close(gradient, alone[1], name)


def of_two_processes(names: Iterable[str], rank: int, address: str) -> None:
    untyped_jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, num_processes=2, process_id=rank)
    rows = NamedSharding(mesh(), ROWS)
    assert jax.process_count() == 2
    for name, (loss, prediction, target, _) in cases(names):
        alone = ml.value_and_grad(loss)(prediction, target)
        half = slice(0, 4) if rank == 0 else slice(4, 8)
        of_process = untyped_jax.make_array_from_process_local_data
        spread = [of_process(rows, each[half]) for each in (prediction, target)]
        value, gradient = jax.jit(ml.value_and_grad(loss))(*spread)
        assert_close(value, alone[0], name)
        for shard in gradient.addressable_shards:
            assert_close(shard.data, alone[1], name, shard.index)
    untyped_jax.distributed.shutdown()


def on_devices(count: int, function: Callable[..., None], *arguments: Any) -> None:
    untyped_jax.config.update("jax_num_cpu_devices", count)
    with enable_x64(wanted=True):
        function(*arguments)


def run(*calls: Any) -> None:
    """Run each call in a process of its own, which has a backend of its own."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=on_devices, args=call) for call in calls]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert [each.exitcode for each in processes] == [0] * len(calls)


few_or_all = pytest.mark.parametrize(
    "names",
    [
        pytest.param(FEW, marks=pytest.mark.slow, id="few"),
        pytest.param(tuple(CALLS), marks=pytest.mark.exhaustive, id="all"),
    ],
)


@few_or_all
@pytest.mark.parametrize("check", [sharded, explicit_axes, explicit_classes, parts_of_shards])
def test_eight_devices(check: Callable[..., None], names: Iterable[str]) -> None:
    run((DEVICES, check, names))


@few_or_all
def test_two_processes(names: Iterable[str]) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    run(*[(DEVICES // 2, of_two_processes, names, rank, address) for rank in (0, 1)])
