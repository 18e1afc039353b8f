"""Trees of OmegaConf put over one another: defaults, a file, and the words of the command."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import torch
from omegaconf import OmegaConf

opt, train = {"name": "adam", "wd": 0.0}, {"epochs": 9, "bs": 12}
base = OmegaConf.create({"lr": 1e-3, "opt": opt, "train": train})
config = OmegaConf.merge(base, OmegaConf.load("c.yaml"), OmegaConf.from_cli({given}))
model = torch.nn.Linear(1, 1)
kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
optimizer = kinds[config.opt.name](model.parameters(), lr=config.lr, weight_decay=config.opt.wd)
loader = torch.utils.data.DataLoader(data(), batch_size=config["train"].bs)
for epoch in range(config.train.epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
FILE = "lr: 2e-3\ntrain:\n  epochs: 5\n"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", ("adam", 2e-3, 0.0, 5, 12)),
        ("lr=5e-4 opt.wd=0.1", ("adam", 5e-4, 0.1, 5, 12)),
        ("opt.name=adamw train.bs=32 train.epochs=2", ("adamw", 2e-3, 0.0, 2, 32)),
    ],
)
def test_the_later_is_put_over_the_earlier(
    reading: Reading, words: str, wanted: tuple[object, ...]
) -> None:
    script = SCRIPT.replace("{given}", "")
    recipe = reading(script, {"c.yaml": FILE}, run=f"python train.py {words}")

    names = ("optimizer", "lr", "weight_decay", "epochs", "batch_size")
    assert tuple(recipe[name].value for name in names) == wanted


def test_words_that_are_not_known_may_be_any(reading: Reading) -> None:
    recipe = reading(SCRIPT.replace("{given}", "read()"), {"c.yaml": FILE}, run="python train.py")

    assert recipe["lr"].certainty == recipe["epochs"].certainty == "unknown"
