"""The Trainer of Hugging Face, with a tiny model made of a configuration."""

from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

import multiloss as ml

NEEDS = "frameworks"

TOKENS = torch.randint(5, 40, (32, 8), generator=torch.Generator().manual_seed(0))
ROWS = [{"input_ids": each, "labels": each[0] % 3} for each in TOKENS]


def losses(path: Any, compute_loss_func: Any) -> list[float]:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    arguments = TrainingArguments(
        output_dir=str(path),
        max_steps=24,
        per_device_train_batch_size=16,
        learning_rate=1e-2,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    )
    trainer = Trainer(
        model=BertForSequenceClassification(config),
        args=arguments,
        train_dataset=ROWS,  # type: ignore[arg-type, unused-ignore]  # a list is one
        compute_loss_func=compute_loss_func,
    )
    trainer.train()
    return [each["loss"] for each in trainer.state.log_history if "loss" in each]


def test_every_step_has_the_same_loss(tmp_path: Any) -> None:
    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        del num_items_in_batch
        return ml.cross_entropy(outputs["logits"], labels)

    found, reference = losses(tmp_path, loss), losses(tmp_path, None)
    assert found[-1] < 0.8 * found[0]
    assert found == pytest.approx(reference, rel=1e-3)
