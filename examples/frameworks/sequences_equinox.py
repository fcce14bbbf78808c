"""Two means of padded sequences with equinox: of tokens, and of sequences."""

import equinox
import jax
import jax.numpy as jnp
import optax

import multiloss as ml

key = jax.random.key(0)
steps = jax.random.normal(key, (32, 10, 3))
lengths = jnp.arange(32) % 9 + 1
is_real = jnp.arange(10) < lengths[:, None]
truth = jnp.where(is_real, steps.sum(-1), jnp.nan)  # nothing leaks from behind a mask


def of_tokens(prediction: jax.Array) -> jax.Array:
    """Return the mean over all tokens, of which each counts the same."""
    return ml.mse(prediction, truth, where=is_real)


def of_sequences(prediction: jax.Array) -> jax.Array:
    """Return the mean over all sequences, of which each counts the same."""
    return ml.mse(prediction, truth, where=is_real, axis=1).mean()


optimizer = optax.adam(0.05)
for mean in (of_tokens, of_sequences):
    model = equinox.nn.Linear(3, "scalar", key=key)
    state = optimizer.init(model)

    @equinox.filter_jit
    def step(model, state, mean=mean):  # type: ignore[no-untyped-def]  # pytrees
        """Return the model, the state and the loss after a step."""
        value, gradient = equinox.filter_value_and_grad(
            lambda model: mean(jax.vmap(jax.vmap(model))(steps))
        )(model)
        updates, state = optimizer.update(gradient, state)
        return equinox.apply_updates(model, updates), state, value

    losses = []
    for _ in range(100):
        model, state, value = step(model, state)
        losses.append(float(value))
    print(f"{mean.__name__:13} first {losses[0]:.3f}, last {losses[-1]:.6f}")
