"""Clips, and what stands still."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

PADDLE = """
    import paddle
    model = paddle.nn.Linear(2, 2)
    clip = {}
    optimizer = paddle.optimizer.Adam(1e-3, parameters=model.parameters(), grad_clip={})
    for x in loader():
        model(x).backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("made", "handed", "wanted", "code"),
    [
        ("paddle.nn.ClipGradByGlobalNorm(1.0)", "clip",
         {"kind": "global_norm", "value": 1.0}, None),
        ("paddle.nn.ClipGradByNorm(clip_norm=3)", "clip", {"kind": "norm", "value": 3},
         "clip_per_tensor"),
        ("paddle.nn.ClipGradByValue(0.5)", "clip", {"kind": "value", "value": 0.5}, None),
        ("paddle.nn.ClipGradByGlobalNorm(1.0)", "None", "none", "clip_not_attached"),
        ("None", "clip", "none", None),
    ],
)  # fmt: skip
def test_paddle(reading: Reading, made: str, handed: str, wanted: Any, code: str | None) -> None:
    recipe = reading(PADDLE.format(made, handed))
    assert recipe["clip"].value == wanted
    codes = {one.code for one in recipe.hazards if one.code.startswith("clip")}
    assert codes == ({code} if code else set())


def test_a_clip_behind_a_flag_that_is_off_clips_nothing(reading: Reading) -> None:
    script = """
        import argparse, torch
        parser = argparse.ArgumentParser()
        parser.add_argument("--clip", type=float, default=0.0)
        args = parser.parse_args()
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x in loader():
            model(x).backward()
            if args.clip > 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            optimizer.step()
    """
    assert reading(script)["clip"].value == "none"
    on = reading(script, run="python train.py --clip 2")
    assert on["clip"].value == {"kind": "global_norm", "value": 2.0}


@pytest.mark.parametrize(
    ("lines", "frozen"),
    [
        ("for p in model.encoder.parameters(): p.stop_gradient = True", True),
        ("for n, p in model.named_parameters():\n    if 'emb' in n: p.trainable = False", True),
        ("for p in model.parameters(): p.stop_gradient = False", False),
        ("if FLAG:\n    for p in model.parameters(): p.stop_gradient = True", False),
        ("x = paddle.to_tensor([1.0])\nx.stop_gradient = True", False),
        ("model.encoder.requires_grad_(False)", True),
    ],
)
def test_frozen(reading: Reading, lines: str, frozen: bool) -> None:
    recipe = reading(
        f"import paddle\nFLAG = False\nmodel = paddle.nn.Linear(2, 2)\n{lines}\n"
        "optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())\n"
        "for x in loader():\n    model(x).backward()\n    optimizer.step()\n"
    )
    assert bool(recipe["freeze"].value) is frozen
