"""Rates of parameter groups that are read are those that the optimizer of the script has."""

from __future__ import annotations

import textwrap
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import paddle
import pytest
import torch

from dualtrain import Spec
from dualtrain.recipes import Entry, Recipe, entries, read_recipe

HEAD = """
import torch
from torch import nn
model = nn.ModuleDict({
    "bert": nn.ModuleDict({"layer": nn.Linear(2, 2), "norm": nn.LayerNorm(2)}),
    "head": nn.Linear(2, 2),
})
no_decay = ["bias", "norm"]
named = list(model.named_parameters())
"""
LOOP = """
for epoch in range(3):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
GROUPS = {
    "by a module": """
        optimizer = torch.optim.AdamW([
            {"params": model.bert.parameters()},
            {"params": model.head.parameters(), "lr": 0.01},
        ], lr=0.001)
        """,
    "by a name": """
        optimizer = torch.optim.AdamW([
            {"params": [p for n, p in named if "head" in n], "lr": 0.01},
            {"params": [p for n, p in named if "head" not in n], "lr": 0.002},
        ], lr=0.001)
        """,
    "by the beginning": """
        optimizer = torch.optim.AdamW([
            {"params": [p for n, p in named if n.startswith("bert.layer")], "lr": 0.0001},
            {"params": [p for n, p in named if not n.startswith("bert.layer")]},
        ], lr=0.001)
        """,
    "by names, and what decays": """
        optimizer = torch.optim.AdamW([
            {"params": [p for n, p in named
                        if "head" in n and not any(nd in n for nd in no_decay)],
             "lr": 0.01, "weight_decay": 0.1},
            {"params": [p for n, p in named
                        if "head" in n and any(nd in n for nd in no_decay)],
             "lr": 0.01, "weight_decay": 0.0},
            {"params": [p for n, p in named
                        if "head" not in n and not any(nd in n for nd in no_decay)],
             "lr": 0.001, "weight_decay": 0.1},
            {"params": [p for n, p in named
                        if "head" not in n and any(nd in n for nd in no_decay)],
             "lr": 0.001, "weight_decay": 0.0},
        ], lr=0.001)
        """,
    "by modules, and what decays": """
        optimizer = torch.optim.AdamW([
            {"params": [p for n, p in model.bert.named_parameters()
                        if not any(nd in n for nd in no_decay)], "weight_decay": 0.1},
            {"params": [p for n, p in model.bert.named_parameters()
                        if any(nd in n for nd in no_decay)], "weight_decay": 0.0},
            {"params": [p for n, p in model.head.named_parameters()
                        if not any(nd in n for nd in no_decay)],
             "lr": 0.01, "weight_decay": 0.1},
            {"params": [p for n, p in model.head.named_parameters()
                        if any(nd in n for nd in no_decay)],
             "lr": 0.01, "weight_decay": 0.0},
        ], lr=0.001)
        """,
    "of one rate": """
        optimizer = torch.optim.AdamW([
            {"params": model.bert.parameters(), "lr": 0.001},
            {"params": model.head.parameters(), "lr": 0.001},
        ], lr=0.001)
        """,
}
UNSAID = {
    "two tests": (
        '{"params": [p for n, p in named if "head" in n and "weight" in n], "lr": 0.01}',
        "several",
    ),
    "a pattern": ('{"params": [p for n, p in named if re.search("h.ad", n)], "lr": 0.01}', "regex"),
    "a shape": (
        '{"params": [p for n, p in named if p.numel() > 3], "lr": 0.01}',
        "no test of names",
    ),
    "another rate": ('{"params": model.head.parameters(), "lr": pick(0.01)}', "cannot be told"),
    "eps": ('{"params": model.head.parameters(), "eps": 1e-6}', "eps"),
    "chosen": ('{"params": choose(model), "lr": 0.01}', "which parameters"),
}


def read(folder: Path, text: str) -> Recipe:
    script = folder / "train.py"
    script.write_text(text, encoding="utf-8")
    return read_recipe(script)


def words(recipe: Recipe, word: str) -> Any:
    return next(
        (one.value for one in entries(recipe) if one.path == (word,) and isinstance(one, Entry)),
        None,
    )


def rates(spec: dict[str, Any], names: list[str], base: float) -> dict[str, float]:
    """Of each name, by the first pattern that fits it."""
    parsed = Spec(
        **{
            **{"optimizer": {"name": "adamw", "lr": base}, "schedule": {"name": "constant"}},
            **{"duration": {"updates": 1}, **spec},
        }
    ).lr_multipliers
    return {
        name: next((base * r.over(base) for r in parsed if fnmatchcase(name, r.pattern)), base)
        for name in names
    }


@pytest.mark.parametrize("name", GROUPS)
def test_torch_has_the_rates_that_are_read(name: str, tmp_path: Path) -> None:
    own = textwrap.dedent(GROUPS[name])
    recipe = read(tmp_path, HEAD + own + LOOP)
    script: dict[str, Any] = {}
    exec(HEAD + own, script)  # the optimizer as torch makes it

    held = {
        id(p): group["lr"] for group in script["optimizer"].param_groups for p in group["params"]
    }
    native = {n: held[id(p)] for n, p in script["model"].named_parameters()}
    said = words(recipe, "lr_multipliers")
    spec = {} if said is None else {"lr_multipliers": said}

    assert recipe["lr_multipliers"].certainty != "unknown", recipe["lr_multipliers"].why
    assert rates(spec, list(native), recipe["lr"].value) == pytest.approx(native, rel=1e-12)
    assert torch is script["torch"]


@pytest.mark.parametrize("case", UNSAID.values(), ids=UNSAID)
def test_rates_that_no_pattern_says_are_asked_for(case: tuple[str, str], tmp_path: Path) -> None:
    group, why = case
    rest = '{"params": model.bert.parameters()}'
    own = f"optimizer = torch.optim.AdamW([{rest}, {group}], lr=0.001)"
    recipe = read(tmp_path, f"import re\n{HEAD}\n{own}\n{LOOP}")

    assert words(recipe, "lr_multipliers") is None
    assert recipe["lr_multipliers"].certainty == "unknown"
    assert why in recipe["lr_multipliers"].why


PADDLE = """
import paddle
from paddle import nn
model = nn.LayerDict({"bert": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
optimizer = paddle.optimizer.AdamW(0.001, parameters=[
    {"params": [p for n, p in model.named_parameters() if "head" in n], "learning_rate": 10.0},
    {"params": [p for n, p in model.named_parameters() if "head" not in n]},
])
"""


def test_paddle_has_multiples_of_the_rate(tmp_path: Path) -> None:
    recipe = read(tmp_path, PADDLE + LOOP.replace("zero_grad", "clear_grad"))
    script: dict[str, Any] = {}
    exec(PADDLE, script)

    model = script["model"]
    native = {n: 0.001 * p.optimize_attr["learning_rate"] for n, p in model.named_parameters()}
    said = words(recipe, "lr_multipliers")

    assert rates({"lr_multipliers": said}, list(native), 0.001) == pytest.approx(native, rel=1e-12)
    assert paddle is script["paddle"]


def test_paddle_takes_no_lr_of_a_group(tmp_path: Path) -> None:
    text = PADDLE.replace('"learning_rate": 10.0', '"lr": 0.01')
    script: dict[str, Any] = {}
    exec(text, script)

    assert {p.optimize_attr["learning_rate"] for p in script["model"].parameters()} == {1.0}
    recipe = read(tmp_path, text + LOOP.replace("zero_grad", "clear_grad"))
    codes = {one.code for one in recipe.hazards} & {"dead_flag", "param_groups"}
    assert (codes, recipe["lr_multipliers"].value) == ({"dead_flag"}, None)
    assert recipe["lr"].value == 0.001


BETAS = {
    "of a module": """
        optimizer = torch.optim.AdamW([
            {"params": model.bert.parameters(), "lr": 0.001},
            {"params": model.head.parameters(), "betas": (0.8, 0.9)},
        ], lr=0.01)
        """,
    "of names, and what decays": """
        optimizer = torch.optim.AdamW([
            {"params": [p for n, p in named if "head" in n], "betas": (0.8, 0.9)},
            {"params": [p for n, p in named if "head" not in n], "weight_decay": 0.1},
        ], lr=0.01, betas=(0.9, 0.98))
        """,
    "of one pair": """
        optimizer = torch.optim.AdamW([
            {"params": model.bert.parameters(), "betas": (0.9, 0.999), "lr": 0.001},
            {"params": model.head.parameters()},
        ], lr=0.01)
        """,
}


@pytest.mark.parametrize("name", BETAS)
def test_torch_has_the_betas_that_are_read(name: str, tmp_path: Path) -> None:
    own = textwrap.dedent(BETAS[name])
    recipe = read(tmp_path, HEAD + own + LOOP)
    script: dict[str, Any] = {}
    exec(HEAD + own, script)  # the optimizer as torch makes it

    groups = script["optimizer"].param_groups
    held = {id(p): list(group["betas"]) for group in groups for p in group["params"]}
    native = {n: held[id(p)] for n, p in script["model"].named_parameters()}
    said = words(recipe, "own_betas") or []
    usual = recipe["betas"].value
    read_back = {
        n: next((one["betas"] for one in said if fnmatchcase(n, one["pattern"])), usual)
        for n in native
    }
    assert recipe["own_betas"].certainty == "stated"
    assert recipe["lr_multipliers"].certainty != "unknown"
    assert read_back == native
    assert bool(said) is (len({tuple(pair) for pair in native.values()}) > 1)


def test_betas_of_a_group_that_cannot_be_told(tmp_path: Path) -> None:
    own = '{"params": model.head.parameters(), "betas": pick(0.8)}'
    lines = f"optimizer = torch.optim.AdamW([{own}], lr=0.01)\n"
    recipe = read(tmp_path, HEAD + lines + LOOP)
    assert recipe["own_betas"].certainty == "unknown"
    assert "cannot be told" in recipe["own_betas"].why
