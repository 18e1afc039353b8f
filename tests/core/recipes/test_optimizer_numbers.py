"""The optimizer's class and numbers, stated or a library's own."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

LOOP = """
    for x in loader():
        model(x).backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.98), 1e-6)",
            {"optimizer": "adamw", "lr": 1e-3, "betas": [0.9, 0.98], "eps": 1e-6,
             "weight_decay": 0.01},
        ),
        (
            "torch.optim.Adam(model.parameters(), weight_decay=0.1, decoupled_weight_decay=True)",
            {"optimizer": "adamw", "weight_decay": 0.1},
        ),
        (
            "torch.optim.NAdam(model.parameters(), 1e-3, decoupled_weight_decay=True)",
            {"optimizer": "nadam", "lr": 1e-3, "decay_kind": "decoupled"},
        ),
        (
            "torch.optim.Adam([{'params': model.a.parameters(), 'betas': (0.5, 0.9)}, "
            "{'params': model.b.parameters(), 'betas': (0.5, 0.9), 'eps': 1e-6}], 1e-3)",
            {"optimizer": "adam", "betas": [0.5, 0.9], "eps": 1e-8},
        ),
        (
            "torch.optim.Adam([{'params': model.a.parameters(), 'betas': (0.5, 0.9)}, "
            "{'params': model.b.parameters(), 'betas': (0.9, 0.9)}], 1e-3)",
            {"optimizer": "adam", "betas": None},
        ),
        (
            "torch.optim.Adam([{'params': model.a.parameters(), 'betas': (0.5, 0.9)}, "
            "{'params': model.b.parameters()}], 1e-3)",
            {"optimizer": "adam", "betas": [0.9, 0.999]},
        ),
        (
            "torch.optim.Adam(model.parameters(), 1e-3, decoupled_weight_decay=f())",
            {"optimizer": None, "decay_kind": None},
        ),
        (
            "torch.optim.NAdam(model.parameters(), 1e-3, decoupled_weight_decay=False)",
            {"optimizer": "nadam", "decay_kind": None},
        ),
        ("torch.optim.SGD(model.parameters(), lr=0.1)", {"optimizer": "sgd", "momentum": None}),
        (
            "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
            {"optimizer": "momentum", "momentum": 0.9, "nesterov": True, "weight_decay": None},
        ),
        (
            "transformers.AdamW(model.parameters(), lr=3e-5)",
            {"optimizer": "adamw", "eps": 1e-6, "weight_decay": None, "betas": [0.9, 0.999]},
        ),
        (
            "paddle.optimizer.AdamW(3e-5, 0.8, parameters=model.parameters())",
            {"optimizer": "adamw", "betas": [0.8, 0.999], "eps": 1e-8, "weight_decay": 0.01},
        ),
        (
            "paddle.fluid.optimizer.Adam(1e-3, parameter_list=model.parameters(), regularization="
            "paddle.fluid.regularizer.L2DecayRegularizer(regularization_coeff=1e-4))",
            {"optimizer": "adam", "weight_decay": 1e-4},
        ),
        (
            "paddle.incubate.optimizer.LarsMomentumOptimizer(0.1, 0.8, lars_weight_decay=1e-4, "
            "parameter_list=model.parameters(), exclude_from_weight_decay=['bn', '.b_0'])",
            {"optimizer": "lars", "lr": 0.1, "momentum": 0.8, "weight_decay": 1e-4,
             "decay_exclude": ["bn", ".b_0"], "decay_match": "substring"},
        ),
        (
            "paddle.fluid.optimizer.LarsMomentum(0.1, 0.9)",
            {"optimizer": "lars", "momentum": 0.9, "weight_decay": 5e-4, "decay_exclude": None},
        ),
        (
            "paddle.optimizer.Momentum(0.1, parameters=model.parameters(), "
            "weight_decay=paddle.regularizer.L2Decay(1e-4))",
            {"optimizer": "momentum", "momentum": 0.9, "weight_decay": 1e-4},
        ),
    ],
)  # fmt: skip
def test_numbers(reading: Reading, line: str, wanted: dict[str, Any]) -> None:
    recipe = reading(f"import torch, transformers, paddle\nmodel = f()\noptimizer = {line}\n"
                     + inspect.cleandoc(LOOP))  # fmt: skip
    assert {name: recipe[name].value for name in wanted} == wanted


def test_stated_and_implied_are_told_apart(reading: Reading) -> None:
    recipe = reading(
        """
        import argparse, torch
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=5e-5)
        args = parser.parse_args()
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
        for x in loader():
            model(x).backward()
            optimizer.step()
        """,
        run="python train.py --lr 3e-5",
    )
    lr, eps = recipe["lr"], recipe["eps"]
    assert (lr.value, lr.certainty, lr.how, lr.flag) == (3e-5, "stated", "command line", "--lr")
    assert (eps.value, eps.certainty, eps.how) == (1e-8, "implied", "library default of torch")
    assert {one.code for one in recipe.hazards} >= {"framework_default_decay"}


@pytest.mark.parametrize(
    ("decay", "hazards"),
    [("1e-4", ["coupled_decay"]), ("paddle.regularizer.L2Decay(1e-4)", [])],
)
def test_a_penalty_is_not_taken_for_the_decay_of_adamw(
    reading: Reading, decay: str, hazards: list[str]
) -> None:
    made = f"paddle.optimizer.Adam(1e-3, parameters=model.parameters(), weight_decay={decay})"
    text = f"import paddle\nmodel = f()\noptimizer = {made}\n{inspect.cleandoc(LOOP)}"
    recipe = reading(text)
    assert recipe["weight_decay"].value == 1e-4
    assert [one.code for one in recipe.hazards if one.code == "coupled_decay"] == hazards


ATTRIBUTE = """
    import paddle
    class Net(paddle.nn.Layer):
        def __init__(self):
            self.head = paddle.nn.Linear(2, 2, weight_attr=paddle.ParamAttr({words}))
    model = Net()
    optimizer = paddle.optimizer.Adam(0.1, parameters=model.parameters())
"""


@pytest.mark.parametrize(
    ("words", "found"),
    [("learning_rate=2.0", True), ("learning_rate=1.0", False), ("name='head'", False)],
)
def test_a_rate_that_the_models_code_multiplies(reading: Reading, words: str, found: bool) -> None:
    recipe = reading(ATTRIBUTE.format(words=words) + LOOP)
    assert ("param_groups" in {one.code for one in recipe.hazards}) is found
    assert (recipe["lr_multipliers"].certainty == "unknown") is found


LAYERS = """
    import paddle
    from paddlenlp.ops.optimizer import AdamWDL
    model = f()
    optimizer = AdamWDL(1e-4, 0.8, epsilon=1e-6, parameters=model.parameters(), {words})
"""


@pytest.mark.parametrize(
    ("words", "found"), [("layerwise_decay=0.8", True), ("layerwise_decay=1.0", False)]
)
def test_adamw_with_a_rate_for_each_layer(reading: Reading, words: str, found: bool) -> None:
    recipe = reading(LAYERS.format(words=words) + LOOP)
    names = ("optimizer", "lr", "betas", "eps", "weight_decay")
    assert [recipe[one].value for one in names] == ["adamw", 1e-4, [0.8, 0.999], 1e-6, 0.01]
    assert ("param_groups" in {one.code for one in recipe.hazards}) is found
    assert (recipe["lr_multipliers"].certainty == "unknown") is found
