"""Fit a line with flax and optax, by losses that outliers move and by one that they do not."""

import flax.linen
import jax
import jax.numpy as jnp
import optax

import multiloss as ml

keys = jax.random.split(jax.random.key(0), 3)
data = jax.random.normal(keys[0], (256, 1))
noise = 0.1 * jax.random.normal(keys[1], (256, 1))
outliers = jax.random.bernoulli(keys[2], 0.2, (256, 1))
truth = 2 * data + 1 + noise + 10 * outliers

model = flax.linen.Dense(1)
optimizer = optax.adam(0.05)
print("loss        slope  intercept   (2 and 1 without outliers)")
for loss in (ml.get("mse"), ml.get("huber", delta=0.5), ml.get("welsch", scale=1.0)):
    parameters = model.init(keys[0], data)
    state = optimizer.init(parameters)

    @jax.jit
    def step(parameters, state, loss=loss):  # type: ignore[no-untyped-def]  # pytrees
        """Return the parameters and the state after a step."""
        gradient = jax.grad(lambda p: loss(model.apply(p, data), truth))(parameters)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(parameters, updates), state

    for _ in range(300):
        parameters, state = step(parameters, state)
    kernel, bias = parameters["params"]["kernel"], parameters["params"]["bias"]
    print(f"{loss!r:18} {kernel[0, 0]:.2f}  {jnp.squeeze(bias):.2f}")
