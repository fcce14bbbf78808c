"""What several processes of PyTorch and devices of JAX take for the same numbers.

Prints a JSON line for each engine. A process has one thread.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NUMBERS = 2**26  # of single precision, in each operand, over all processes
PROCESSES = (1, 2, 4)
DEVICES = (1, 2, 4, 8)
ROUNDS = 15


def main() -> None:
    """Measure, and print."""
    pytorch, merging = {}, {}
    for count in PROCESSES:
        whole, merge = torch_processes(count)
        pytorch[str(count)], merging[str(count)] = whole, merge
    show("PyTorch, processes", pytorch)
    show("PyTorch, to merge", merging)
    show("JAX, devices", {str(count): float(_output("jax", count)) for count in DEVICES})


def torch_processes(count: int) -> tuple[float, float]:
    """Return the seconds of a loss over processes, and of merging their sums alone."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        spawn: Any = torch.multiprocessing.spawn  # type: ignore[attr-defined]  # documented all the same
        spawn(torch_process, (count, folder), nprocs=count)
        whole, merge = json.loads((Path(folder) / "seconds").read_text())
    return whole, merge


def torch_process(rank: int, count: int, folder: str) -> None:
    """Compute the sums of a share, and merge them; the first process writes what it took."""
    import torch
    from torch import distributed

    import multiloss as ml

    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    distributed.init_process_group("gloo", store, rank=rank, world_size=count)
    prediction, target = torch.rand(2, NUMBERS // count).unbind()
    seconds: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        distributed.barrier()
        start = time.perf_counter()
        part = ml.partial(ml.mse, prediction, target)
        distributed.barrier()  # or merging would be waiting for the slowest
        computed = time.perf_counter()
        for each in part.arrays:
            distributed.all_reduce(each)
        part.result()
        end = time.perf_counter()
        seconds.append((end - start, end - computed))
    if rank == 0:
        medians = [statistics.median(each) for each in zip(*seconds, strict=True)]
        (Path(folder) / "seconds").write_text(json.dumps(medians))
    distributed.barrier()
    distributed.destroy_process_group()


def jax_devices(count: int) -> None:
    """Print what a loss takes of arrays that are spread over devices."""
    import jax

    import multiloss as ml

    mesh = jax.make_mesh((count,), ("devices",))
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("devices"))  # type: ignore[no-untyped-call]  # as jax ships it
    operands = [
        jax.device_put(jax.random.uniform(jax.random.key(seed), (NUMBERS,)), spread)
        for seed in range(2)
    ]
    loss: Any = jax.jit(ml.mse)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        loss(*operands).block_until_ready()
        seconds.append(time.perf_counter() - start)
    sys.stdout.write(f"{statistics.median(seconds)}\n")


def _output(engine: str, count: int) -> str:
    flags = f"--xla_force_host_platform_device_count={count} --xla_cpu_multi_thread_eigen=false"
    run = subprocess.run(  # noqa: S603  ours
        [sys.executable, __file__, engine, str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    return run.stdout


def show(name: str, seconds: dict[str, float]) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps({"kind": "processes", "name": name, "seconds": seconds}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        jax_devices(int(sys.argv[2]))
    else:
        main()
