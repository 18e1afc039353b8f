"""Numbers of an HParams object, and the text of a command that changes them."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse
import tensorflow as tf
import torch


def create(text=None):
    hparams = tf.contrib.training.HParams(epochs=500, seed=7, lr=1e-3, half=False, clip=1.5)
    if text:
        hparams.parse(text)
    hparams.set_hparam("batch_size", 8)
    return hparams


parser = argparse.ArgumentParser()
parser.add_argument("--hparams", type=str)
args = parser.parse_args()
hparams = create({text})
torch.manual_seed(hparams.seed)
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=hparams.batch_size)
rate = hparams.lr
optimizer = torch.optim.Adam(model.parameters(), lr=rate)
for epoch in range(hparams.epochs):
    for batch in loader:
        for group in optimizer.param_groups:
            group["lr"] = {written}
        model(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), hparams.values()["clip"])
        optimizer.step()
        model.zero_grad()
"""


@pytest.mark.parametrize(
    ("words", "lr", "epochs"),
    [
        ("", 1e-3, 500),
        ("--hparams lr=0.25", 0.25, 500),
        ("--hparams=epochs=3,lr=5e-4,half=true,layers=[1,2]", 5e-4, 3),
    ],
)
def test_the_numbers_are_those_of_the_object(
    reading: Reading, words: str, lr: float, epochs: int
) -> None:
    script = SCRIPT.format(text="args.hparams", written="rate")
    recipe = reading(script, run=f"python train.py {words}")

    told = {"lr": lr, "epochs": epochs, "seed": 7, "batch_size": 8, "schedule": "none"}
    assert {name: recipe[name].value for name in told} == told
    assert recipe["clip"].value == {"kind": "global_norm", "value": 1.5}
    assert recipe["scheduler_step"].value is None


@pytest.mark.parametrize("text", ["read()", "'lr=[1,'"])
def test_a_text_that_is_not_known_may_change_any(reading: Reading, text: str) -> None:
    recipe = reading(SCRIPT.format(text=text, written="rate"))

    assert recipe["lr"].certainty == recipe["epochs"].certainty == "unknown"


def test_another_rate_that_the_loop_writes_is_no_plain_one(reading: Reading) -> None:
    recipe = reading(SCRIPT.format(text="None", written="rate * 0.9 ** epoch"))

    assert recipe["schedule"].value not in ("none", None)
