"""What the reading knows of the frameworks' names and classes is what the frameworks have."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from dualtrain.reading._classes import SCHEDULES
from dualtrain.reading._imports import EXPORTED


def exported(path: str) -> dict[str, Any]:
    """What `from path import *` gives."""
    module = importlib.import_module(path)
    names = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
    return {name: getattr(module, name) for name in names}


@pytest.mark.parametrize("path", EXPORTED)
def test_a_star_gives_these_names_and_those_of_the_others_not(path: str) -> None:
    names = set(EXPORTED[path].split())
    other = {n for one, of in EXPORTED.items() if one != path for n in of.split()}
    found = set(exported(path))
    assert names <= found
    assert not (found & other) - names


@pytest.mark.parametrize("path", SCHEDULES)
def test_no_schedule_derives_from_another_but_the_first(path: str) -> None:
    module = exported(path)
    names = [one for one in EXPORTED[path].split() if one != "LRScheduler"]
    classes = {name: module[name] for name in names}
    pairs = [
        (a, b)
        for a, one in classes.items()
        for b, of in classes.items()
        if a != b and issubclass(one, of)
    ]
    assert pairs == [] and len(classes) > 10


def test_transformers_schedules_are_lambdas() -> None:
    import torch
    import transformers

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    made = transformers.get_cosine_schedule_with_warmup(optimizer, 1, 9)
    assert type(made) is torch.optim.lr_scheduler.LambdaLR


def test_a_model_gives_itself() -> None:
    import paddle
    import torch

    from dualtrain.reading._calls import ITSELF

    model, layer = torch.nn.Linear(1, 1), paddle.nn.Linear(1, 1)
    asked = {"to": ("cpu",), "apply": (lambda one: None,), "cuda": None, "bfloat16": ()}
    for name in ITSELF:
        args = asked.get(name, ())
        if args is not None:
            assert getattr(model, name)(*args) is model, name
    assert layer.to("cpu") is layer and layer.apply(lambda one: None) is layer
    assert {"eval", "train"} <= ITSELF and layer.train() is not model  # Paddle's give nothing
