"""Train with differential privacy, by Opacus with ghost clipping."""

import warnings
from typing import Any

import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from multiloss.torch import CrossEntropyLoss

warnings.filterwarnings("ignore")
torch.manual_seed(0)
data = torch.randn(256, 4)
labels = data.argmax(1)
model: Any = nn.Linear(4, 4)
engine: Any = PrivacyEngine()
model, optimizer, criterion, loader = engine.make_private(
    module=model,
    optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
    criterion=CrossEntropyLoss(),
    data_loader=DataLoader(TensorDataset(data, labels), batch_size=64),
    noise_multiplier=1.0,
    max_grad_norm=1.0,
    grad_sample_mode="ghost",
)
for epoch in range(1, 6):
    for batch, truth in loader:
        optimizer.zero_grad()
        criterion(model(batch), truth).backward()
        optimizer.step()
    model.eval()
    accuracy = (model(data).argmax(1) == labels).float().mean()
    model.train()
    print(f"epoch {epoch}: accuracy {accuracy:.0%}, epsilon {engine.get_epsilon(1e-5):.2f}")
