"""Opacus with ghost clipping, which asks a module for the losses of the samples."""

import warnings
from typing import Any

import pytest
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import multiloss.torch as ours

NEEDS = "frameworks"

DATA = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
LABELS = DATA.argmax(1) % 3


def losses(criterion: nn.Module) -> list[float]:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loader = DataLoader(TensorDataset(DATA, LABELS), batch_size=32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine: Any = PrivacyEngine()
        model, optimizer, criterion, loader = engine.make_private(
            module=model,
            optimizer=optimizer,
            data_loader=loader,
            criterion=criterion,
            noise_multiplier=0.0,
            max_grad_norm=1.0,
            poisson_sampling=False,
            grad_sample_mode="ghost",
        )
        found = []
        for _ in range(10):
            for data, labels in loader:
                optimizer.zero_grad()
                loss = criterion(model(data), labels)
                loss.backward()
                optimizer.step()
                found.append(loss.item())
    return found


def test_every_step_has_the_same_loss() -> None:
    found = losses(ours.CrossEntropyLoss())
    assert found[-1] < 0.95 * found[0]
    assert found == pytest.approx(losses(nn.CrossEntropyLoss()), rel=1e-5)
