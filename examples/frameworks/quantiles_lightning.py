"""Learn three quantiles at once with Lightning: a parameter may be an array."""

import warnings
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from multiloss.torch import Loss

warnings.filterwarnings("ignore")
QUANTILES = torch.tensor([[0.1, 0.5, 0.9]])


class Quantiles(lightning.LightningModule):  # type: ignore[misc]  # not installed for mypy
    """A line for each quantile."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = nn.Linear(1, 3)
        # The quantiles are a buffer: they move with the module.
        self.criterion = Loss("pinball", q=QUANTILES)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Return the loss of a batch."""
        data, truth = batch
        result: Tensor = self.criterion(self.lines(data), truth.expand(-1, 3))
        return result

    def configure_optimizers(self) -> Any:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=0.05)


lightning.seed_everything(0, verbose=False)
data = torch.rand(512, 1)
truth = 2 * data + torch.randn(512, 1)
model = Quantiles()
trainer = lightning.Trainer(
    max_epochs=20,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(model, DataLoader(TensorDataset(data, truth), batch_size=64, shuffle=True))
below = (truth < model.lines(data)).float().mean(0)
for quantile, share in zip(QUANTILES[0].tolist(), below.tolist(), strict=True):
    print(f"below the line of {quantile:.1f}: {share:.0%}")
