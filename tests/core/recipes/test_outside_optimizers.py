"""Optimizers of other packages: those with torch's rules, and those that are not known.

The numbers are those of apex, DeepSpeed 0.19, and bitsandbytes 0.50, which need a GPU.
"""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.recipes import entries
from tests.core.recipes.conftest import Reading

SCRIPT = """
import torch
{imports}
model = torch.nn.Linear(2, 2)
{lines}
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
for epoch in range(30):
    for x in loader():
        model(x).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
    schedule.step()
"""


def script(imports: str, made: str) -> str:
    lines = made if "\n" in made else f"optimizer = {made}"
    return SCRIPT.format(imports=imports, lines=lines)


ADAM = {"betas": [0.9, 0.999], "eps": 1e-8}


@pytest.mark.parametrize(
    ("imports", "made", "wanted"),
    [
        ("from apex.optimizers import FusedAdam", "FusedAdam(model.parameters(), 1e-4)",
         {"optimizer": "adamw", "lr": 1e-4, "weight_decay": None, **ADAM}),
        ("from apex.optimizers import FusedAdam",
         "FusedAdam(model.parameters(), 1e-4, True, (0.9, 0.98), 1e-6, False, 0.1)",
         {"optimizer": "adam", "betas": [0.9, 0.98], "eps": 1e-6, "weight_decay": 0.1}),
        ("import apex", "apex.optimizers.FusedAdam(model.parameters(), adam_w_mode=f())",
         {"optimizer": None, "lr": 1e-3}),
        ("import apex", "apex.optimizers.FusedSGD(model.parameters(), lr=0.1, momentum=0.9)",
         {"optimizer": "momentum", "lr": 0.1, "momentum": 0.9}),
        ("from deepspeed.ops.adam import DeepSpeedCPUAdam",
         "DeepSpeedCPUAdam(model.parameters(), 1e-4, True, (0.9, 0.95), 1e-6, 0.1)",
         {"optimizer": "adamw", "betas": [0.9, 0.95], "eps": 1e-6, "weight_decay": 0.1}),
        ("from deepspeed.ops.adam import DeepSpeedCPUAdam",
         "DeepSpeedCPUAdam(model.parameters(), adamw_mode=False)",
         {"optimizer": "adam", "lr": 1e-3, **ADAM}),
        ("import bitsandbytes as bnb", "bnb.optim.AdamW8bit(model.parameters())",
         {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.01, **ADAM}),
        ("import bitsandbytes as bnb", "bnb.optim.PagedAdam32bit(model.parameters(), 1e-4)",
         {"optimizer": "adam", "lr": 1e-4, "weight_decay": None, **ADAM}),
        ("from bitsandbytes.optim import SGD8bit", "SGD8bit(model.parameters(), 0.1, 0.9)",
         {"optimizer": "momentum", "lr": 0.1, "momentum": 0.9}),
    ],
)  # fmt: skip
def test_those_with_the_rules_of_torch(
    reading: Reading, imports: str, made: str, wanted: dict[str, Any]
) -> None:
    recipe = reading(script(imports, made))
    assert {name: recipe[name].value for name in wanted} == wanted
    assert recipe["schedule"].value == "step"


OWN = """
class Ranger(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, eps=1e-5):
        super().__init__(params, dict(lr=lr, eps=eps))
optimizer = Ranger(model.parameters(), 0.25)
"""


@pytest.mark.parametrize(
    ("imports", "made", "name"),
    [
        ("from lion_pytorch import Lion", "Lion(model.parameters(), lr=0.25)", "lion_pytorch.Lion"),
        ("import apex", "apex.optimizers.FusedLAMB(model.parameters(), 0.25)", "FusedLAMB"),
        ("import bitsandbytes", "bitsandbytes.optim.LAMB(model.parameters(), 0.25)", "optim.LAMB"),
        ("import timm.optim", "timm.optim.RAdam(model.parameters(), 0.25)", "timm.optim.RAdam"),
        ("import torch_optimizer", "torch_optimizer.Lamb(model.parameters(), 0.25)", "Lamb"),
        ("", "torch.optim.Muon(model.parameters(), 0.25)", "torch.optim.Muon"),
        ("from mine import Best", "Best(params=model.parameters(), lr=0.25)", "mine.Best"),
    ],
)
def test_of_others_the_numbers_that_are_given(
    reading: Reading, imports: str, made: str, name: str
) -> None:
    recipe = reading(script(imports, made))
    assert recipe["lr"].value == 0.25
    assert recipe["optimizer"].certainty == "unknown"
    assert f"{name} is no optimizer that is known" in recipe["optimizer"].why
    unsaid = {one: recipe[one].certainty for one in ("betas", "momentum", "weight_decay")}
    assert set(unsaid.values()) == {"unknown"}
    assert recipe["clip"].value == {"kind": "global_norm", "value": 2.0}
    assert recipe["epochs"].value == 30


PLAIN = """
import torch
{imports}
model = torch.nn.Linear(2, 2)
{made}
for epoch in range(30):
    for x in loader():
        model(x).backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("imports", "made", "certainty"),
    [
        ("import apex", "apex.optimizers.FusedLAMB(model.parameters(), 1e-3)", "unknown"),
        ("import ranger21", "ranger21.Ranger21(model.parameters(), lr=1e-3)", "unknown"),
        ("import apex", "apex.optimizers.FusedAdam(model.parameters(), 1e-3)", "stated"),
    ],
)
def test_what_a_class_may_do_by_itself(
    reading: Reading, imports: str, made: str, certainty: str
) -> None:
    """FusedLAMB clips the joint norm to 1, Ranger21 has a warmup of its own."""
    recipe = reading(PLAIN.format(imports=imports, made=f"optimizer = {made}"))
    assert {recipe[name].certainty for name in ("schedule", "clip")} == {certainty}


def test_what_a_base_is_given_and_nobody_sees_is_unknown(reading: Reading) -> None:
    own = OWN.replace("dict(lr=lr, eps=eps)", "made(lr)")
    recipe = reading(PLAIN.format(imports="", made=own))
    assert {recipe[name].certainty for name in ("lr", "eps", "betas")} == {"unknown"}


def test_the_parameters_by_the_name_that_deepspeed_has(reading: Reading) -> None:
    made = """
from deepspeed.ops.adam import DeepSpeedCPUAdam
optimizer = DeepSpeedCPUAdam(model_params=[{"params": model.parameters(), "weight_decay": 0.5}])
"""
    assert reading(PLAIN.format(imports="", made=made))["weight_decay"].value == 0.5


def test_of_the_program_s_own_what_it_hands_to_its_base(reading: Reading) -> None:
    recipe = reading(script("", OWN))
    assert (recipe["lr"].value, recipe["eps"].value) == (0.25, 1e-5)
    assert recipe["optimizer"].why == "Ranger is no optimizer that is known"


@pytest.mark.parametrize("name", ["RAdam", "Adam", "SGD", "Ranger"])
def test_how_a_class_of_the_program_decays_is_its_own(reading: Reading, name: str) -> None:
    """The first RAdam, which many programs have a copy of, decays apart from the gradient."""
    own = OWN.replace("Ranger", name).replace("eps=1e-5)", "weight_decay=0.5)")
    recipe = reading(script("", own.replace("eps=eps", "weight_decay=weight_decay")))
    assert recipe["weight_decay"].value == 0.5
    assert recipe["decay_kind"].certainty == "unknown"
    told = {entry.path: type(entry).__name__ for entry in entries(recipe)}
    assert told["weight_decay", "kind"] == "Untold"


def test_the_groups_of_others_are_read(reading: Reading) -> None:
    made = """
decayed = [p for n, p in model.named_parameters() if "bias" not in n]
others = [p for n, p in model.named_parameters() if "bias" in n]
optimizer = Lion([{"params": decayed, "weight_decay": 0.5},
                  {"params": others, "weight_decay": 0.0}], lr=0.25, betas=(0.95, 0.98))
"""
    recipe = reading(script("from lion_pytorch import Lion", made))
    assert recipe["weight_decay"].value == 0.5
    assert recipe["decay_exclude"].value == ["bias"]
    assert recipe["betas"].value == [0.95, 0.98]


def test_what_only_looks_like_one_is_none(reading: Reading) -> None:
    made = """
ema = EMAModel(model.parameters(), decay=0.999)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
ema.step(model.parameters())
"""
    recipe = reading(script("from diffusers import EMAModel", made))
    assert (recipe["optimizer"].value, recipe["lr"].value) == ("sgd", 0.1)
