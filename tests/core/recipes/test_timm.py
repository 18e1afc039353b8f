"""timm's makers: their optimizers, schedules and loss scaler, as its flags say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse, torch
from timm.models import create_model
from timm.optim import create_optimizer, create_optimizer_v2, optimizer_kwargs
from timm.scheduler import create_scheduler
from timm.utils import NativeScaler
parser = argparse.ArgumentParser()
for name, kind, default in [
    ("opt", str, "adamw"), ("opt-eps", float, 1e-7), ("opt-betas", float, None),
    ("momentum", float, 0.75), ("weight-decay", float, 0.05), ("clip-grad", float, None),
    ("lr", float, 0.25), ("sched", str, "cosine"), ("epochs", int, 300),
    ("warmup-epochs", int, 5), ("warmup-lr", float, 1e-6), ("min-lr", float, 1e-5),
    ("decay-epochs", float, 30), ("decay-rate", float, 0.5), ("lr-noise", float, None),
]:
    parser.add_argument(f"--{{name}}", type=kind, default=default)
args = parser.parse_args()
model = create_model("vit")
optimizer = {made}
schedule, _ = create_scheduler(args, optimizer)
scaler = NativeScaler()
for epoch in range(args.epochs):
    for batch in torch.utils.data.DataLoader(data, batch_size=8):
        with torch.cuda.amp.autocast():
            loss = model(batch)
        optimizer.zero_grad()
        scaler(loss, optimizer, clip_grad=args.clip_grad, parameters=model.parameters())
    schedule.step(epoch)
"""
MADE = "create_optimizer(args, model)"


def told(reading: Reading, made: str = MADE, run: str = "") -> Any:
    return reading(SCRIPT.format(made=made), run=f"python train.py {run}")


def test_the_flags_of_timm(reading: Reading) -> None:
    recipe = told(reading)
    wanted = {
        **{"optimizer": "adamw", "lr": 0.25, "eps": 1e-7, "weight_decay": 0.05, "clip": "none"},
        **{"schedule": "cosine", "warmup": 5, "warmup_unit": "epochs", "end_lr": 1e-5},
        **{"warmup_start": 1e-6, "epochs": 300, "accumulate": 1, "scheduler_step": "per_epoch"},
    }
    assert {name: recipe[name].value for name in wanted} == wanted
    assert recipe["amp"].value["dtype"] == "float16"
    assert str(recipe["optimizer"].place).startswith("train.py:")


@pytest.mark.parametrize("made", [MADE, "create_optimizer_v2(model, **optimizer_kwargs(args))"])
def test_what_does_not_decay_is_not_told_by_names_alone(reading: Reading, made: str) -> None:
    assert told(reading, made)["decay_exclude"].certainty == "unknown"  # model.no_weight_decay()


@pytest.mark.parametrize(
    ("run", "wanted"),
    [
        ("--opt sgd", {"optimizer": "momentum", "momentum": 0.75, "nesterov": True}),
        ("--opt momentum", {"optimizer": "momentum", "nesterov": False}),
        ("--opt Adam --weight-decay 0", {"optimizer": "adam", "decay_exclude": None}),
        ("--sched step", {"schedule": "step", "step_size": 30.0, "gamma": 0.5}),
        ("--sched poly", {"schedule": "polynomial", "power": 0.5, "end_lr": 1e-5}),
        ("--sched tanh", {"schedule": "custom"}),
        ("--lr-noise 0.4", {"schedule": "custom"}),
        ("--clip-grad 2", {"clip": {"kind": "global_norm", "value": 2.0}}),
    ],
)
def test_other_flags(reading: Reading, run: str, wanted: dict[str, Any]) -> None:
    recipe = told(reading, run=run)
    assert {name: recipe[name].value for name in wanted} == wanted


@pytest.mark.parametrize("run", ["--opt lookahead_adam", "--opt fusedadam", "--opt lion"])
def test_an_optimizer_that_is_not_told_is_unknown(reading: Reading, run: str) -> None:
    assert told(reading, run=run)["optimizer"].certainty == "unknown"


def test_parameters_in_place_of_a_model(reading: Reading) -> None:
    listed = "[p for n, p in model.named_parameters() if 'head' in n]"
    made = f"create_optimizer_v2({listed}, opt='adam', lr=0.5, weight_decay=0.125)"
    recipe = told(reading, made)
    assert (recipe["lr"].value, recipe["weight_decay"].value) == (0.5, 0.125)
    assert recipe["decay_exclude"].value is None
