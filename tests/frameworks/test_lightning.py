"""Lightning: a module whose training_step returns our loss."""

from typing import Any

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import multiloss.torch as ours

NEEDS = "frameworks"

DATA = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
TARGET = DATA.sum(1, keepdim=True)


class Model(lightning.LightningModule):  # type: ignore[misc]  # not installed for mypy
    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(5, 1)
        self.criterion = criterion
        self.losses: list[float] = []

    def training_step(self, batch: Any, _: int) -> Any:
        data, target = batch
        loss = self.criterion(self.layer(data), target)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.05)


def losses(criterion: nn.Module, path: Any) -> list[float]:
    model = Model(criterion)
    trainer = lightning.Trainer(
        max_epochs=4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=path,
    )
    trainer.fit(model, DataLoader(TensorDataset(DATA, TARGET), batch_size=16))
    return model.losses


@pytest.mark.parametrize("name", ["MSELoss", "HuberLoss"])
def test_every_step_has_the_same_loss(name: str, tmp_path: Any) -> None:
    found = losses(getattr(ours, name)(), tmp_path)
    assert found[-1] < 0.5 * found[0]
    assert found == pytest.approx(losses(getattr(nn, name)(), tmp_path), rel=1e-5)
