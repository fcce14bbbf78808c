"""What a call costs besides time: imports, the first call, and memory."""

import json
import statistics
import subprocess
import sys
import textwrap

ROUNDS, MEMORY_ROUNDS = 9, 3

IMPORTS = {"numpy": "import numpy", "multiloss": "import multiloss"}

FIRST_CALLS = {
    "NumPy": "import numpy as np; y = np.ones(10); t = np.zeros(10)",
    "PyTorch": "import torch; y = torch.ones(10); t = torch.zeros(10)",
    "JAX": "import jax.numpy as jnp; y = jnp.ones(10); t = jnp.zeros(10)",
}

# By engine and loss: N numbers, or the scores of N // 1000 vectors of 1000 classes.
ARRAYS = {
    ("NumPy", "mse"): "import numpy as np; y = np.ones(N, 'f4'); t = np.zeros(N, 'f4')",
    ("PyTorch", "mse"): "import torch; y = torch.ones(N, requires_grad=True); t = torch.zeros(N)",
    ("JAX", "mse"): "import jax.numpy as jnp; y = jnp.ones(N); t = jnp.zeros(N)",
    ("NumPy", "cross_entropy"): (
        "import numpy as np; y = np.ones((N // 1000, 1000), 'f4'); t = np.zeros(N // 1000, int)"
    ),
    ("PyTorch", "cross_entropy"): (
        "import torch; y = torch.ones(N // 1000, 1000, requires_grad=True); "
        "t = torch.zeros(N // 1000, dtype=int)"
    ),
}
MEMORY = {
    ("NumPy", "mse", "forward", "multiloss"): "ml.mse(y, t)",
    ("NumPy", "mse", "forward", "np.mean((y - t)**2)"): "np.mean((y - t)**2)",
    ("NumPy", "cross_entropy", "forward", "multiloss"): "ml.cross_entropy(y, t)",
    ("NumPy", "cross_entropy", "forward", "np.log(np.exp(y - max).sum())"): (
        "m = y.max(-1, keepdims=True); "
        "np.mean(np.log(np.exp(y - m).sum(-1)) + m[:, 0] - y[np.arange(len(t)), t])"
    ),
    ("PyTorch", "mse", "forward", "multiloss"): "ml.mse(y.detach(), t)",
    ("PyTorch", "mse", "forward", "F.mse_loss"): "torch.nn.functional.mse_loss(y.detach(), t)",
    ("PyTorch", "mse", "forward + backward", "multiloss"): "ml.mse(y, t).backward()",
    ("PyTorch", "mse", "forward + backward", "F.mse_loss"): (
        "torch.nn.functional.mse_loss(y, t).backward()"
    ),
    ("PyTorch", "cross_entropy", "forward + backward", "multiloss"): (
        "ml.cross_entropy(y, t).backward()"
    ),
    ("PyTorch", "cross_entropy", "forward + backward", "F.cross_entropy"): (
        "torch.nn.functional.cross_entropy(y, t).backward()"
    ),
    ("JAX", "mse", "eager forward", "multiloss"): "ml.mse(y, t).block_until_ready()",
    ("JAX", "mse", "eager forward", "optax"): (
        "__import__('optax').squared_error(y, t).mean().block_until_ready()"
    ),
}


def import_seconds() -> dict[str, float]:
    """Return the median time of a fresh interpreter with each import, less that of a bare one."""
    times: dict[str, list[float]] = {name: [] for name in ("bare", *IMPORTS)}
    for _ in range(ROUNDS):
        for name, samples in times.items():
            code = f"""
                import time
                start = time.perf_counter()
                {IMPORTS.get(name, "pass")}
                print(time.perf_counter() - start)
            """
            samples.append(float(_run(code)))
    return {name: statistics.median(each) for name, each in times.items() if name in IMPORTS}


def first_call_seconds() -> dict[str, float]:
    """Return the median time of the first loss of a process."""
    return {
        engine: statistics.median(
            float(
                _run(f"""
                    import time, multiloss as ml
                    {arrays}
                    start = time.perf_counter()
                    float(ml.mse(y, t))
                    print(time.perf_counter() - start)
                """)
            )
            for _ in range(ROUNDS)
        )
        for engine, arrays in FIRST_CALLS.items()
    }


def peak_bytes(size: int) -> list[tuple[str, str, str, str, int]]:
    """Return the median peak of memory beyond the operands."""
    return [
        (engine, loss, work, name, statistics.median_low(_peaks(ARRAYS[engine, loss], call, size)))
        for (engine, loss, work, name), call in MEMORY.items()
    ]


def _peaks(arrays: str, call: str, size: int) -> list[int]:
    """Return the peaks of fresh processes, as Linux counts them."""
    code = f"""
        import re, multiloss as ml
        N = 64_000
        {arrays}
        {call}
        N = {size}
        {arrays}
        def status(key):
            text = open("/proc/self/status").read()
            return int(re.search(key + r":\\s+(\\d+)", text)[1])
        open("/proc/self/clear_refs", "w").write("5")
        before = status("VmRSS")
        {call}
        print((status("VmHWM") - before) * 1024)
    """
    return [int(_run(code)) for _ in range(MEMORY_ROUNDS)]


def _run(code: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def main() -> None:
    """Print all costs as one JSON document."""
    costs = {
        "import_seconds": import_seconds(),
        "first_call_seconds": first_call_seconds(),
        "peak_bytes": peak_bytes(10_000_000),
    }
    sys.stdout.write(json.dumps(costs))


if __name__ == "__main__":
    main()
