"""Mixed precision, and trainings whose loop is paddle.Model's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec, write_script
from dualtrain.recipes import read_recipe
from tests.core.recipes.conftest import Reading

PADDLE = """
import argparse, paddle
parser = argparse.ArgumentParser()
parser.add_argument("--amp", type=bool, default=False)
parser.add_argument("--scale", type=float, default=512.0)
args = parser.parse_args()
model = paddle.nn.Linear(2, 2)
optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
{before}
for epoch in range(2):
    for batch in paddle.io.DataLoader(data, batch_size=4):
{body}
"""

FP16 = {"dtype": "float16", "level": "O1", "init_loss_scaling": None}


def paddle_script(body: str, before: str = "") -> str:
    lines = "\n".join(f"        {line}" for line in body.strip("\n").splitlines())
    return PADDLE.format(before=before, body=lines)


CAST = """
with paddle.amp.auto_cast({words}):
    loss = model(batch)
scaled = scaler.scale(loss)
scaled.backward()
scaler.minimize(optimizer, {given})
"""

SCALER = "scaler = paddle.amp.GradScaler({})"


@pytest.mark.parametrize(
    ("words", "scaler", "on", "setting"),
    [
        ("", "", True, FP16),
        ("", "init_loss_scaling=args.scale", True, {**FP16, "init_loss_scaling": 512.0}),
        (
            "True, None, None, 'O2'",
            "True, 64",
            True,
            {**FP16, "level": "O2", "init_loss_scaling": 64.0},
        ),
        ("enable=args.amp", "", False, FP16),
        ("enable=False", "", False, FP16),
        ("dtype='bfloat16'", "init_loss_scaling=8", True, {**FP16, "dtype": "bfloat16"}),
    ],
)
def test_what_auto_cast_says(
    reading: Reading, words: str, scaler: str, on: bool, setting: dict[str, Any]
) -> None:
    body = CAST.format(words=words, given="scaled")
    recipe = reading(paddle_script(body, SCALER.format(scaler)))
    assert recipe["amp"].value == (setting if on else "off")
    assert recipe["amp_if_enabled"].value == (None if on else setting)


ATTENTION_FREE = ("exp", "mean", "reduce_mean")


@pytest.mark.parametrize(
    ("words", "kept", "said"),
    [
        ("", None, ""),
        ("custom_black_list=None, custom_white_list=[]", None, ""),
        ("custom_black_list=['exp']", ["exp"], ""),
        (f"True, None, {ATTENTION_FREE}", ["exp", "mean"], ""),
        ("custom_black_list={'reduce_sum'}", ["sum"], ""),
        ("custom_black_list=['softmax']", None, "softmax is less"),
        ("custom_black_list=['exp', 'c_softmax']", None, "c_softmax is less"),
        ("custom_black_list=model.names", None, ".names cannot be told"),
        ("True, ['gelu', 'softmax']", None, "gelu, softmax in the low type"),
    ],
)
def test_operators_that_autocast_is_told_of(
    reading: Reading, words: str, kept: list[str] | None, said: str
) -> None:
    body = CAST.format(words=words, given="scaled")
    found = reading(paddle_script(body, SCALER.format("")))["float32_operators"]
    assert found.value == kept and said in found.why
    assert found.certainty == ("unknown" if said else "absent" if kept is None else "stated")


@pytest.mark.parametrize("kept", [("matmul",), ("matmul", "softmax"), ("cross_entropy", "mean")])
def test_written_operators_come_back(kept: tuple[str, ...], tmp_path: Path) -> None:
    amp = {"dtype": "bfloat16", "float32_operators": kept}
    values: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.001},
        "schedule": {"name": "linear"},
        "duration": {"updates": 100},
        "device": "cuda",
        "amp": amp,
    }
    script = tmp_path / "train.py"
    script.write_text(write_script(Spec(**values), "paddle"), encoding="utf-8")
    assert set(read_recipe(script)["float32_operators"].value) == {*kept}


def test_a_scale_that_cannot_be_told_leaves_the_precision_unknown(reading: Reading) -> None:
    body = CAST.format(words="", given="scaled")
    found = reading(paddle_script(body, SCALER.format("init_loss_scaling=model.scale")))["amp"]
    assert found.certainty == "unknown" and "loss scale" in found.why


@pytest.mark.parametrize(("given", "odd"), [("scaled", False), ("loss", True)])
def test_minimize_is_given_the_scaled_loss(reading: Reading, given: str, odd: bool) -> None:
    body = CAST.format(words="", given=given)
    codes = {one.code for one in reading(paddle_script(body, SCALER.format(""))).hazards}
    assert ("amp_minimize_unscaled_loss" in codes) is odd


def test_a_scaler_of_each_batch_is_said(reading: Reading) -> None:
    body = SCALER.format("") + CAST.format(words="", given="scaled")
    codes = {one.code for one in reading(paddle_script(body)).hazards}
    assert "amp_scaler_recreated" in codes


def test_no_precision_is_off(reading: Reading) -> None:
    recipe = reading(paddle_script("model(batch).backward()\noptimizer.step()"))
    assert recipe["amp"].value == "off" and recipe["amp_if_enabled"].certainty == "absent"


def test_the_dtype_of_the_hardware_preferred(reading: Reading) -> None:
    script = """
    import torch
    dtype = "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "half"
    kinds = {"bfloat16": torch.bfloat16, "half": torch.float16}
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in loader():
        with torch.autocast("cuda", dtype=kinds[dtype]):
            loss = model(batch)
        loss.backward()
        optimizer.step()
    """
    assert reading(script)["amp"].value == {**FP16, "dtype": "bfloat16"}


APEX = """
    import argparse, torch
    from apex import amp
    parser = argparse.ArgumentParser()
    parser.add_argument("--fp16", action="store_true")
    args = parser.parse_args()
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if args.fp16:
        model, optimizer = amp.initialize(model, optimizer, opt_level="O2")
    for batch in loader():
        loss = model(batch)
        if args.fp16:
            with amp.scale_loss(loss, optimizer) as scaled:
                scaled.backward()
        else:
            loss.backward()
        optimizer.step()
"""


def test_apex_behind_a_flag(reading: Reading) -> None:
    off, on = reading(APEX), reading(APEX, run="python train.py --fp16")
    assert off["amp"].value == "off" and off["amp_if_enabled"].value == {**FP16, "level": "O2"}
    assert on["amp"].value == {**FP16, "level": "O2"}
    assert "amp_apex" in {one.code for one in off.hazards}


@pytest.mark.parametrize(
    ("given", "scale"), [('"128.0"', 128.0), ("128", 128.0), ('"dynamic"', None), ("None", None)]
)
def test_a_loss_scale_of_apex_that_stands_still(
    reading: Reading, given: str, scale: float | None
) -> None:
    script = APEX.replace('"O2"', f'"O2", loss_scale={given}')
    recipe = reading(script, run="python train.py --fp16")
    assert recipe["amp"].value == {**FP16, "level": "O2", "init_loss_scaling": scale}
    still = scale and {"init": scale, "floor": scale, "ceiling": scale}
    assert recipe["loss_scale"].value == still


def test_a_loss_scale_of_apex_that_the_text_does_not_tell(reading: Reading) -> None:
    script = APEX.replace('"O2"', '"O2", loss_scale=unknown()')
    assert reading(script, run="python train.py --fp16")["amp"].certainty == "unknown"


HAPI = """
    import paddle
    from paddle.callbacks import LRScheduler
    net = paddle.nn.Linear(2, 2)
    rate = paddle.optimizer.lr.StepDecay(0.1, 3)
    model = paddle.Model(net)
    optimizer = paddle.optimizer.SGD(rate, parameters=model.parameters())
    model.prepare(optimizer, paddle.nn.CrossEntropyLoss(){prepare})
    model.fit(data, {fit})
"""


@pytest.mark.parametrize(
    ("fit", "wanted"),
    [
        (
            "epochs=3, batch_size=8",
            {"epochs": 3, "batch_size": 8, "accumulate": 1, "scheduler_step": "per_batch"},
        ),
        ("None, 8, 3", {"epochs": 3, "batch_size": 8}),
        ("", {"epochs": 1, "batch_size": 1}),
        ("accumulate_grad_batches=4", {"accumulate": 4}),
        ("num_iters=50", {"max_steps": 50}),
        ("callbacks=[LRScheduler(by_step=False, by_epoch=True)]", {"scheduler_step": "per_epoch"}),
        ("callbacks=LRScheduler(False)", {"scheduler_step": "never"}),
    ],
)
def test_fit_says_how_long(reading: Reading, fit: str, wanted: dict[str, Any]) -> None:
    recipe = reading(HAPI.format(prepare="", fit=fit))
    assert {name: recipe[name].value for name in wanted} == wanted


@pytest.mark.parametrize(
    ("prepare", "amp"),
    [
        ("", "off"),
        (", amp_configs='O1'", FP16),
        (
            ", amp_configs={'level': 'O2', 'init_loss_scaling': 128}",
            {**FP16, "level": "O2", "init_loss_scaling": 128.0},
        ),
        (", amp_configs='O0'", "off"),
    ],
)
def test_prepare_says_the_precision(reading: Reading, prepare: str, amp: object) -> None:
    assert reading(HAPI.format(prepare=prepare, fit="epochs=1"))["amp"].value == amp


def test_fit_does_not_divide_an_accumulated_loss(reading: Reading) -> None:
    recipe = reading(HAPI.format(prepare="", fit="accumulate_grad_batches=4"))
    assert "accum_loss_not_divided" in {one.code for one in recipe.hazards}


LOWERED = """
import torch
model = torch.nn.Linear(2, 2)
for parameter in model.parameters():
    parameter.data = parameter.data.{cast}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for batch in torch.utils.data.DataLoader(data, batch_size=4):
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = model(batch)
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("cast", "known"),
    [
        ("half()", False),
        ("bfloat16()", False),
        ("to(torch.float16)", False),
        ("to(torch.float32)", True),
        ("clone()", True),
    ],
)
def test_parameters_that_are_cast_beside_autocast(cast: str, known: bool, reading: Reading) -> None:
    found = reading(LOWERED.format(cast=cast))["amp"]

    assert (found.certainty != "unknown") is known
    assert known or "in a low type" in found.why
