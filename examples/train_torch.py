"""Training as a PyTorch loop, with autograd and an optimizer."""

import torch

import multiloss as ml
from digits import EPOCHS, LEARNING_RATES, Callback, Digits, Network, Objective, Training, one_hot


def train(
    digits: Digits, network: Network, objective: Objective, after_epoch: Callback
) -> Training:
    """Train on the batches of every epoch."""
    parameters = [torch.tensor(each, requires_grad=True) for each in network.parameters]
    hidden_weight, hidden_bias, output_weight, output_bias = parameters
    optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATES[objective])
    training = Training(network)
    for epoch in range(EPOCHS):
        losses = []
        for images, labels in digits.batches(epoch):
            hidden = torch.tanh(torch.from_numpy(images) @ hidden_weight + hidden_bias)
            logits = hidden @ output_weight + output_bias

            if objective == "mse":
                loss = ml.mse(torch.softmax(logits, dim=1), one_hot(labels))
            else:
                loss = ml.cross_entropy(logits, labels)

            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
            optimizer.step()
            losses.append(float(loss.detach()))
        training.note(losses, Network(*(each.detach().numpy() for each in parameters)), digits)
        after_epoch()
    return training
