"""What a call costs besides time: imports, the first call, and memory."""

import json
import statistics
import subprocess
import sys
import textwrap

ROUNDS = 9

IMPORTS = {"numpy": "import numpy", "multiloss": "import multiloss"}

FIRST_CALLS = {
    "NumPy": "import numpy as np; y = np.ones(10); t = np.zeros(10)",
    "PyTorch": "import torch; y = torch.ones(10); t = torch.zeros(10)",
    "JAX": "import jax.numpy as jnp; y = jnp.ones(10); t = jnp.zeros(10)",
}

ARRAYS = {
    "NumPy": "import numpy as np; y = np.ones(N, 'f4'); t = np.zeros(N, 'f4')",
    "PyTorch": "import torch; y = torch.ones(N, requires_grad=True); t = torch.zeros(N)",
    "JAX": "import jax.numpy as jnp; y = jnp.ones(N); t = jnp.zeros(N)",
}
MEMORY = {
    ("NumPy", "forward", "multiloss"): "ml.mse(y, t)",
    ("NumPy", "forward", "np.mean((y - t)**2)"): "np.mean((y - t)**2)",
    ("PyTorch", "forward", "multiloss"): "ml.mse(y.detach(), t)",
    ("PyTorch", "forward", "F.mse_loss"): "torch.nn.functional.mse_loss(y.detach(), t)",
    ("PyTorch", "forward + backward", "multiloss"): "ml.mse(y, t).backward()",
    ("PyTorch", "forward + backward", "F.mse_loss"): (
        "torch.nn.functional.mse_loss(y, t).backward()"
    ),
    ("JAX", "eager forward", "multiloss"): "ml.mse(y, t).block_until_ready()",
    ("JAX", "eager forward", "optax"): (
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


def peak_bytes(size: int) -> list[tuple[str, str, str, int]]:
    """Return the peak of memory beyond the operands, as Linux counts it for a fresh process."""
    return [
        (
            engine,
            work,
            name,
            int(
                _run(f"""
                    import re, multiloss as ml
                    N = 64
                    {ARRAYS[engine]}
                    {call}
                    N = {size}
                    {ARRAYS[engine]}
                    def status(key):
                        text = open("/proc/self/status").read()
                        return int(re.search(key + r":\\s+(\\d+)", text)[1])
                    open("/proc/self/clear_refs", "w").write("5")
                    before = status("VmRSS")
                    {call}
                    print((status("VmHWM") - before) * 1024)
                """)
            ),
        )
        for (engine, work, name), call in MEMORY.items()
    ]


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
