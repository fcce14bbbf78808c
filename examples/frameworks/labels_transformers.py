"""Fine-tune with label smoothing and class weights, with the Trainer of Hugging Face."""

import tempfile
from functools import partial
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

import multiloss as ml

torch.manual_seed(0)
tokens = torch.randint(5, 40, (64, 8))
rows = [{"input_ids": each, "labels": (each[0] > 10).long()} for each in tokens]  # 1 is frequent
loss = partial(ml.cross_entropy, class_weight=[3.0, 1.0], label_smoothing=0.05)


def compute_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Return the loss of a batch, as the Trainer asks for it."""
    del num_items_in_batch
    return loss(outputs["logits"], labels)


model = BertForSequenceClassification(
    BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=2,
    )
)
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=40,
        per_device_train_batch_size=32,
        learning_rate=1e-2,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model, args=arguments, train_dataset=rows, compute_loss_func=compute_loss
    )
    trainer.train()
for each in trainer.state.log_history:
    if "loss" in each:
        print(f"step {each['step']}: loss {float(each['loss']):.4f}")
