"""Training as a PyTorch loop, with autograd and an optimizer."""

import torch

import multiloss as ml
from digits import EPOCHS, LEARNING_RATE, Callback, Digits, Network, Training


def train(digits: Digits, network: Network, after_epoch: Callback) -> Training:
    """Train on the batches of every epoch."""
    parameters = [torch.tensor(each, requires_grad=True) for each in network.parameters]
    hidden_weight, hidden_bias, output_weight, output_bias = parameters
    optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE)
    losses = []
    for epoch in range(EPOCHS):
        total = 0.0
        batches = list(digits.batches(epoch))
        for images, targets in batches:
            hidden = torch.tanh(torch.from_numpy(images) @ hidden_weight + hidden_bias)
            probabilities = torch.softmax(hidden @ output_weight + output_bias, dim=1)

            loss = ml.mse(probabilities, torch.from_numpy(targets))

            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
            optimizer.step()
            total += float(loss.detach())
        losses.append(total / len(batches))
        after_epoch()
    return Training(losses, Network(*(each.detach().numpy() for each in parameters)))
