"""Ordinary ways to write a loop or a Trainer, in which a number could be taken for another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

HEAD = """
import argparse
import torch
from distutils.util import strtobool
from transformers import get_linear_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument("--max_steps", type=int, default={most})
parser.add_argument("--update_every", type=int, default=4)
parser.add_argument("--k", type=int, default=4)
parser.add_argument("--half", type=strtobool, default="true")
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=8)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
total = {total}
schedule = get_linear_schedule_with_warmup(optimizer, 0, total)
micro = 0
for epoch in range(3):
    for i, batch in enumerate(loader, start={start}):
        with torch.autocast("cuda", torch.float16, enabled=args.half):
            loss = model(batch) / args.k
        loss.backward()
        {gate}
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            micro = 0
"""
COUNTED = "micro += 1\n        if micro == args.{name}:"
GOES_ON = "if {test}:\n            continue\n        if True:"


@pytest.mark.parametrize(
    ("gate", "start", "accumulate", "step", "length"),
    [
        (GOES_ON.format(test="i % args.k"), 1, 4, "per_update", "epochs_over_accumulate"),
        (
            GOES_ON.format(test="(i + 1) % args.k != 0"),
            0,
            4,
            "per_update",
            "epochs_over_accumulate",
        ),
        (GOES_ON.format(test="torch.isnan(loss)"), 0, 1, "per_batch", "epochs"),
        (COUNTED.format(name="update_every"), 0, 4, "per_update", "epochs_over_accumulate"),
        (COUNTED.format(name="max_steps"), 0, None, "per_update", "epochs"),
        ("if True:", 0, 1, "per_batch", "epochs"),
    ],
)
def test_which_micro_batches_are_an_update(
    reading: Reading, gate: str, start: int, accumulate: Any, step: Any, length: str
) -> None:
    by = "update_every" if "update_every" in gate else "k"
    total = f"len(loader) // args.{by} * 3" if length != "epochs" else "len(loader) * 3"
    recipe = reading(HEAD.format(most=5, total=total, start=start, gate=gate))

    assert recipe["accumulate"].value == accumulate
    assert recipe["scheduler_step"].value == step
    assert recipe["length"].value == length
    assert recipe["amp"].value["dtype"] == "float16"


@pytest.mark.parametrize("most", ["0", "None"])
def test_a_limit_or_what_stands_for_it(reading: Reading, most: str) -> None:
    total = "args.max_steps or len(loader) * 3"
    recipe = reading(HEAD.format(most=most, total=total, start=0, gate="if True:"))

    assert recipe["length"].value == "max_steps_or_epochs" and recipe["epochs"].value == 3


TRAINER = """
import torch
from transformers import (
    AutoModel, Trainer, TrainingArguments, get_linear_schedule_with_warmup
)


class Own(Trainer):
    def create_optimizer(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr={rate}{more})
        return self.optimizer


model = AutoModel.from_pretrained("bert-base-cased")
arguments = TrainingArguments("out", learning_rate=1e-3, num_train_epochs=2)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
schedule = get_linear_schedule_with_warmup(optimizer, 50, 1000)
trainer = {made}
trainer.train()
"""
HANDED = "Trainer(model, arguments, train_dataset=data(), optimizers=(optimizer, schedule))"
OVERRIDDEN = "Own(model, arguments, train_dataset=data())"


def test_a_trainer_clips_an_optimizer_that_it_is_handed(reading: Reading) -> None:
    recipe = reading(TRAINER.format(rate="1", more="", made=HANDED))

    assert recipe["lr"].value == 3e-4
    assert recipe["clip"].value == {"kind": "global_norm", "value": 1.0}


@pytest.mark.parametrize(
    ("rate", "lr"), [("self.args.learning_rate", 1e-3), ("self.args.learning_rate * 10", None)]
)
def test_a_rate_that_a_method_decides(reading: Reading, rate: str, lr: float | None) -> None:
    recipe = reading(TRAINER.format(rate=rate, more=", momentum=0.9", made=OVERRIDDEN))

    assert recipe["lr"].value == lr
    assert recipe["momentum"].certainty == recipe["optimizer"].certainty == "unknown"


def test_averages_with_a_schedule_of_their_own_move_the_rate_too(reading: Reading) -> None:
    recipe = reading(
        """
        import torch
        from torch.optim.swa_utils import SWALR, AveragedModel
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loader = torch.utils.data.DataLoader(data(), 8)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=900)
        average, later = AveragedModel(model), SWALR(optimizer, swa_lr=0.05)
        for epoch in range(30):
            for batch in loader:
                model(batch).backward()
                optimizer.step()
                schedule.step()
            if epoch >= 20:
                average.update_parameters(model)
                later.step()
        """
    )
    assert recipe["schedule"].certainty == recipe["lr"].certainty == "unknown"
