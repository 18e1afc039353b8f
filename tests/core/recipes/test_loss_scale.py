"""How the scale of float16 moves, and what the schedule does where an update is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec, write_script
from dualtrain.recipes import Entry, Recipe, Untold, entries, read_recipe
from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse, torch, paddle
parser = argparse.ArgumentParser()
parser.add_argument("--still", type=int, default=25)
args = parser.parse_args()
model = build()
{made}
scaler = {scaler}
for epoch in range(3):
    for batch in loader:
        with {cast}:
            loss = model(batch)
        scaler.scale(loss).backward()
        before = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        {step}
{epoch}
"""

TORCH = """optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)"""
PADDLE = """scheduler = paddle.optimizer.lr.StepDecay(0.1, 10)
optimizer = paddle.optimizer.SGD(scheduler, parameters=model.parameters())"""


def of_torch(scaler: str = "torch.amp.GradScaler('cuda')", step: str = "scheduler.step()") -> str:
    cast = "torch.autocast('cuda', dtype=torch.float16)"
    return SCRIPT.format(made=TORCH, scaler=scaler, cast=cast, step=step, epoch="")


def of_paddle(scaler: str) -> str:
    cast = "paddle.amp.auto_cast()"
    return SCRIPT.format(made=PADDLE, scaler=scaler, cast=cast, step="scheduler.step()", epoch="")


def amp_of(recipe: Recipe) -> dict[str, Any]:
    told = [one for one in entries(recipe) if isinstance(one, Entry) and one.path[0] == "amp"]
    return {".".join(one.path[1:]): one.value for one in told}


@pytest.mark.parametrize(
    ("script", "scale"),
    [
        (of_torch(), {}),
        (of_torch("torch.amp.GradScaler('cuda', 8.0)"), {"init": 8.0}),
        (
            of_torch("torch.cuda.amp.GradScaler(8.0, 4.0, 0.25, growth_interval=args.still)"),
            {"init": 8.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 25},
        ),
        (of_paddle("paddle.amp.GradScaler()"), {}),
        (
            of_paddle("paddle.amp.GradScaler(True, 8.0, 4.0, 0.25, 25, 3)"),
            {
                **{"init": 8.0, "growth_factor": 4.0, "backoff_factor": 0.25},
                **{"growth_interval": 25, "backoff_interval": 3},
            },
        ),
        (of_paddle("paddle.amp.AmpScaler()"), {"init": 32768.0, "growth_interval": 1000}),
        (
            of_paddle("paddle.amp.AmpScaler(init_loss_scaling=8.0)"),
            {"init": 8.0, "growth_interval": 1000},
        ),
        (
            of_paddle(
                "paddle.amp.GradScaler(init_loss_scaling=8.0, use_dynamic_loss_scaling=False)"
            ),
            {"init": 8.0, "floor": 8.0, "ceiling": 8.0},
        ),
        (
            of_paddle("paddle.amp.GradScaler(use_dynamic_loss_scaling=False)"),
            {"init": 65536.0, "floor": 65536.0, "ceiling": 65536.0},
        ),
    ],
)
def test_each_number_of_a_scaler_is_told(
    reading: Reading, script: str, scale: dict[str, float]
) -> None:
    found = amp_of(reading(script))
    assert {k.split(".")[1]: v for k, v in found.items() if k.startswith("loss_scale.")} == scale


def test_a_number_that_cannot_be_told_is_said(reading: Reading) -> None:
    recipe = reading(of_torch("torch.amp.GradScaler('cuda', growth_interval=model.every)"))
    said = [one for one in entries(recipe) if isinstance(one, Untold)]
    assert any(one.path == ("amp", "loss_scale") and "growth_interval" in one.why for one in said)


@pytest.mark.parametrize(
    ("step", "does"),
    [
        ("scheduler.step()", "advance"),
        ("if scaler.get_scale() >= before: scheduler.step()", "hold"),
        ("if args.still: scheduler.step()", "advance"),
        ("pass", None),
    ],
)
def test_a_schedule_waits_where_the_loop_asks(
    reading: Reading, step: str, does: str | None
) -> None:
    assert amp_of(reading(of_torch(step=step))).get("on_skip") == does


def test_a_schedule_of_epochs_has_nothing_to_wait_for(reading: Reading) -> None:
    cast = "torch.autocast('cuda', dtype=torch.float16)"
    words = {"made": TORCH, "scaler": "torch.amp.GradScaler('cuda')", "cast": cast}
    script = SCRIPT.format(**words, step="pass", epoch="    scheduler.step()")
    assert "on_skip" not in amp_of(reading(script))


def test_bfloat16_has_no_scale(reading: Reading) -> None:
    script = of_torch("torch.amp.GradScaler('cuda', growth_interval=5)").replace(
        "float16", "bfloat16"
    )
    assert amp_of(reading(script)) == {"dtype": "bfloat16", "level": "O1"}


def test_fit_hands_its_numbers_to_the_scaler(reading: Reading) -> None:
    script = """
    import paddle
    scheduler = paddle.optimizer.lr.StepDecay(0.1, 10)
    model = paddle.Model(network)
    optimizer = paddle.optimizer.SGD(scheduler, parameters=model.parameters())
    configs = {"level": "O1", "incr_every_n_steps": 50, "custom_black_list": ["exp"]}
    model.prepare(optimizer, paddle.nn.CrossEntropyLoss(), amp_configs=configs)
    model.fit(data, batch_size=4, epochs=3)
    """
    found = amp_of(reading(script))
    assert found["loss_scale.growth_interval"] == 50 and found["on_skip"] == "advance"
    assert found["float32_operators"] == ["exp"]


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize("on_skip", ["hold", "advance"])
def test_a_written_scaler_comes_back(backend: str, on_skip: str, tmp_path: Path) -> None:
    scale = {"init": 8.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 25}
    values: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.001},
        "schedule": {"name": "linear"},
        "duration": {"updates": 100},
        "device": "cuda",
        "amp": {"dtype": "float16", "loss_scale": scale, "on_skip": on_skip},
    }
    spec = Spec(**values)
    script = tmp_path / "train.py"
    script.write_text(write_script(spec, backend), encoding="utf-8")

    told: dict[str, Any] = {}
    for one in entries(read_recipe(script)):
        if isinstance(one, Entry) and one.path[0] == "amp":
            at = told.setdefault("loss_scale", {}) if len(one.path) == 3 else told
            at[one.path[-1]] = one.value
    assert Spec(**{**values, "amp": told}) == spec
