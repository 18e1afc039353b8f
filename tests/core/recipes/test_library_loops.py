"""Loops that are a library's: PaddleSeg's, PaddleHub's and Lightning's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.recipes.conftest import Reading


def told(recipe: Any, names: Any) -> dict[str, Any]:
    return {name: recipe[name].value for name in names}


SEGMENTATION = """
import paddle, paddleseg
from paddleseg.core import train
model = paddleseg.models.UNet(2)
rate = paddle.optimizer.lr.PolynomialDecay(0.25, power=0.9, decay_steps=1000, end_lr=0)
optimizer = paddle.optimizer.Momentum(rate, parameters=model.parameters(), weight_decay=4e-5)
train(model, data, optimizer=optimizer, iters=1200, batch_size=4{0})
"""


def test_paddleseg_s_train(reading: Reading) -> None:
    wanted = {
        **{"optimizer": "momentum", "lr": 0.25, "schedule": "polynomial", "length": "fixed_steps"},
        **{"max_steps": 1200, "epochs": None, "batch_size": 4, "scheduler_step": "per_batch"},
        **{"accumulate": 1, "clip": "none", "amp": "off"},
    }
    assert told(reading(SEGMENTATION.format("")), wanted) == wanted
    half = reading(SEGMENTATION.format(", precision='fp16', amp_level='O2'"))
    assert half["amp"].value == {"dtype": "float16", "level": "O2", "init_loss_scaling": 1024.0}


def test_paddlehub_s_trainer(reading: Reading) -> None:
    recipe = reading(
        """
        import paddle, paddlehub as hub
        model = hub.Module(name="resnet50")
        optimizer = paddle.optimizer.Adam(0.25, parameters=model.parameters())
        trainer = hub.Trainer(model, optimizer, checkpoint_dir="a")
        trainer.train(data, epochs=10, batch_size=32, eval_dataset=other)
        """
    )
    wanted = {"lr": 0.25, "epochs": 10, "batch_size": 32, "schedule": "none", "accumulate": 1}
    assert told(recipe, wanted) == wanted


LIGHTNING = """
import torch
import {library} as pl
class Net(pl.LightningModule):
    def __init__(self, lr, wd=0.125):
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Linear(2, 2)
    def training_step(self, batch, number):
        return self.net(batch).mean()
    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.hparams.lr, weight_decay=self.hparams.wd
        )
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        return {returned}
trainer = pl.Trainer({words})
trainer.fit(Net(lr=0.25), torch.utils.data.DataLoader(data, batch_size=8))
"""


def lightning(reading: Reading, words: str, returned: str = "optimizer", **how: str) -> Any:
    library = how.get("library", "pytorch_lightning")
    return reading(LIGHTNING.format(library=library, words=words, returned=returned))


@pytest.mark.parametrize("library", ["pytorch_lightning", "lightning", "lightning.pytorch"])
def test_lightning_s_trainer(reading: Reading, library: str) -> None:
    words = "max_epochs=20, accumulate_grad_batches=4, gradient_clip_val=0.5"
    recipe = lightning(reading, words, library=library)
    wanted = {
        **{"optimizer": "adamw", "lr": 0.25, "weight_decay": 0.125, "epochs": 20, "amp": "off"},
        **{"accumulate": 4, "clip": {"kind": "global_norm", "value": 0.5}, "batch_size": 8},
        **{"schedule": "step", "scheduler_step": "never"},
    }
    assert told(recipe, wanted) == wanted
    assert "accum_loss_not_divided" not in {one.code for one in recipe.hazards}


@pytest.mark.parametrize(
    ("returned", "when"),
    [
        ("[optimizer], [schedule]", "per_epoch"),
        ('{"optimizer": optimizer, "lr_scheduler": schedule}', "per_epoch"),
        ('[optimizer], [{"scheduler": schedule, "interval": "step"}]', "per_batch"),
        (
            '{"optimizer": optimizer, "lr_scheduler": '
            '{"scheduler": schedule, "interval": "epoch"}}',
            "per_epoch",
        ),
    ],
)
def test_what_lightning_s_module_hands_over(reading: Reading, returned: str, when: str) -> None:
    recipe = lightning(reading, "max_epochs=2", returned)
    assert recipe["schedule"].value == "step" and recipe["step_size"].value == 30
    assert recipe["scheduler_step"].value == when and recipe["lr"].value == 0.25


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("max_steps=500, max_epochs=9", {"max_steps": 500, "epochs": 9}),
        (
            "precision='16-mixed'",
            {"amp": {"dtype": "float16", "level": "O1", "init_loss_scaling": None}},
        ),
        ("precision='bf16-mixed'", {"amp": {"dtype": "bfloat16", "level": "O1"}}),
        (
            "gradient_clip_val=1, gradient_clip_algorithm='value'",
            {"clip": {"kind": "value", "value": 1.0}},
        ),
    ],
)
def test_other_words_of_lightning(reading: Reading, words: str, wanted: dict[str, Any]) -> None:
    recipe = lightning(reading, words)
    found = told(recipe, wanted)
    if "amp" in wanted:
        found["amp"] = {name: found["amp"].get(name) for name in wanted["amp"]}
    assert found == wanted
