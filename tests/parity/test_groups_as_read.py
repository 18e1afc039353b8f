"""Rates of parameter groups: what each framework makes of them, and what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import read_recipe

PADDLE = """
import paddle
a, b = paddle.nn.Linear(1, 1), paddle.nn.Linear(1, 1)
optimizer = paddle.optimizer.SGD({rate}, parameters=[
    {{"params": a.parameters()}}, {{"params": b.parameters(), {own}}},
])
for batch in loader():
    before = [one.weight.sum().item() for one in (a, b)]
    (a(batch) + b(batch)).sum().backward()
    optimizer.step()
    moved = [was - one.weight.sum().item() for was, one in zip(before, (a, b))]
"""
TORCH = (
    PADDLE.replace("import paddle", "import torch")
    .replace("SGD({rate}, parameters=[", "SGD([")
    .replace("\n])\nfor", "\n], {rate})\nfor")
    .replace("paddle.optimizer", "torch.optim")
    .replace("paddle", "torch")
)


@pytest.mark.parametrize(
    ("script", "own", "factor"),
    [
        (PADDLE, '"lr": 0.5', 1.0),
        (PADDLE, '"learning_rate": 0.5', 0.5),
        (TORCH, '"lr": 0.5', 5.0),
    ],
)
def test_the_rate_of_a_group(script: str, own: str, factor: float, tmp_path: Path) -> None:
    import paddle
    import torch

    of = paddle if script is PADDLE else torch
    text = script.format(rate=0.1, own=own)
    names: dict[str, object] = {"loader": lambda: [of.ones([1, 1])]}
    exec(text, names)
    moved = names["moved"]
    assert isinstance(moved, list)
    assert moved == pytest.approx([0.1, 0.1 * factor], rel=1e-5)

    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    recipe = read_recipe(path, root=tmp_path)
    codes = {one.code for one in recipe.hazards} & {"dead_flag", "param_groups"}
    assert codes == ({"dead_flag"} if factor == 1.0 else {"param_groups"})
    assert recipe["lr"].value == 0.1
