"""The table of the Trainers' defaults is that of the libraries that are installed."""

from __future__ import annotations

import dataclasses
import re
import warnings
from typing import Any

import pytest
import torch
import transformers

from dualtrain.recipes.trainers._defaults import DEFAULTS, default

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import paddlenlp
    from paddlenlp import trainer

RULES = (
    "decay_exclude",
    "decay_match",
    "optimizer_class",
    "length",
    "warmup_rounding",
    "normalise",
)
INSTALLED = {
    "transformers": (transformers.__version__, transformers.TrainingArguments),
    "paddlenlp": (paddlenlp.__version__, trainer.TrainingArguments),
}


def of_the_library(arguments: type[Any], name: str) -> Any:
    found = {one.name: one.default for one in dataclasses.fields(arguments)}
    return found.get(name, "no such argument")


@pytest.mark.parametrize("family", INSTALLED)
def test_defaults_are_those_of_the_installed_release(family: str) -> None:
    release, arguments = INSTALLED[family]
    names = [name for name in DEFAULTS[family] if name not in RULES]
    ours = {name: default(family, release, name) for name in names}
    table = {name: "no such argument" if one.missing else one.value for name, one in ours.items()}
    theirs = {name: of_the_library(arguments, name) for name in names}

    if family == "transformers":  # which AdamW of torch is the default depends on torch
        assert str(theirs.pop("optim")).endswith(("adamw_torch", "adamw_torch_fused"))
        assert table.pop("optim") == "adamw_torch"
    assert table == theirs


def test_the_decay_rule_is_that_of_the_installed_transformers() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(2, 2)
            self.normal = torch.nn.Linear(2, 2, bias=False)
            self.layer_norm = torch.nn.Linear(2, 2, bias=False)
            self.RMSNorm = torch.nn.Linear(2, 2, bias=False)
            self.other = torch.nn.LayerNorm(2)
            self.norm = torch.nn.Linear(2, 2, bias=False)

    model = Model()
    trainer: Any = None
    theirs = transformers.Trainer.get_decay_parameter_names(trainer, model)
    patterns = default("transformers", transformers.__version__, "decay_exclude").value
    ours = [
        name
        for name, _ in model.named_parameters()
        if not any(re.search(one, name.lower()) for one in patterns)
        and not name.startswith("other.")  # the class LayerNorm
    ]

    assert sorted(ours) == sorted(theirs)
