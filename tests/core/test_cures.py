"""The way out of a first mistake: every cure, and that what it says to write is a spec's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from dualtrain import load_spec
from dualtrain.errors import SpecError
from dualtrain.fields import BEYOND
from dualtrain.fields._cure_table import KEYS, NAMES
from dualtrain.fields._problems import _options
from dualtrain.spec import Spec
from dualtrain.tasks.encoders import FreshModel
from dualtrain.tasks.text_classification import TextClassification
from tests.builders import plan_of

GOOD = {
    "optimizer": "{name: adamw, lr: 5e-5}",
    "schedule": "{name: linear}",
    "duration": "{updates: 100}",
}
TABLES = {
    **KEYS,
    "task": {**KEYS["task"], **TextClassification.cures},
    "task.model": FreshModel.cures,
}
TASK = "{name: text_classification, train: a.csv, text: a, label: b, MORE model: MODEL}"
MODEL = "{family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8MORE}"
PARTS = {
    "": {},
    "optimizer": {"optimizer": "{name: adamw, lr: 5e-5, KEY: VALUE}"},
    "schedule": {"schedule": "{name: linear, KEY: VALUE}"},
    "warmup": {"warmup": "{steps: 1, KEY: VALUE}"},
    "weight_decay": {"weight_decay": "{value: 0.1, KEY: VALUE}"},
    "lr_multipliers": {"lr_multipliers": "[{pattern: a, multiplier: 2, KEY: VALUE}]"},
    "clip": {"clip": "{norm: 1.0, KEY: VALUE}"},
    "batch": {"batch": "{KEY: VALUE}"},
    "duration": {"duration": "{updates: 100, KEY: VALUE}"},
    "amp": {"amp": "{dtype: float16, KEY: VALUE}"},
    "amp.loss_scale": {"amp": "{dtype: float16, loss_scale: {KEY: VALUE}}"},
    "loss": {"loss": "{KEY: VALUE}"},
    "ema": {"ema": "{decay: 0.9, KEY: VALUE}"},
    "freeze": {"freeze": "{patterns: [a], KEY: VALUE}"},
    "task": {
        "batch": "{size: 4}",
        "task": TASK.replace("MORE", "KEY: VALUE,").replace("MODEL", MODEL.replace("MORE", "")),
    },
    "task.model": {
        "batch": "{size: 4}",
        "task": TASK.replace("MORE", "").replace("MODEL", MODEL.replace("MORE", ", KEY: VALUE")),
    },
}


def problems_of(folder: Path, **lines: str) -> SpecError:
    """The refusal of the good spec with these lines."""
    path = folder / "spec.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in {**GOOD, **lines}.items()))
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return caught.value


def cures_of(folder: Path, **lines: str) -> list[str | None]:
    return [problem.cure for problem in problems_of(folder, **lines).problems]


@pytest.mark.parametrize(
    ("part", "key"), [(part, key) for part, table in TABLES.items() for key in table]
)
def test_every_word_of_another_library_has_its_place(part: str, key: str, tmp_path: Path) -> None:
    """Alone, beside all that is right, with the value in it."""
    lines = {name: text.replace("KEY: VALUE", f"{key}: 7") for name, text in PARTS[part].items()}
    (problem,) = problems_of(tmp_path, **(lines or {key: "7"})).problems
    assert problem.rule == f"unknown key {key!r}"
    assert problem.cure == TABLES[part][key].replace("VALUE", "7")
    assert problem.where == re.sub("lr_multipliers", "lr_multipliers[0]", part)
    assert problem.line is not None


WRITE = re.compile(r"write (\w+: (?:\{.*?\}+|\[.*?\]|\w+))")


def parts_of(models: list[type[BaseModel]], data: Any) -> Iterator[str]:
    """Keys that none of these parts has, anywhere in a fragment of a spec."""
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if key in ("...", None):
            continue
        having = [model for model in models if key in model.model_fields]
        if not having:
            yield key
        inner = [o for m in having for o in _options(m.model_fields[key].annotation).values()]
        yield from parts_of(inner, value)


def test_every_cure_is_of_words_that_a_spec_has() -> None:
    """A cure cannot go stale: it is read, and each of its keys must be a field where it stands."""
    found = 0
    for part, table in TABLES.items():
        models: list[type[BaseModel]] = [Spec]
        for step in filter(None, part.split(".")):
            models = [
                o
                for m in models
                if step in m.model_fields
                for o in (_options(m.model_fields[step].annotation).values() or _items(m, step))
            ]
        for cure in table.values():
            for text in WRITE.findall(cure):
                at_the_top = "beside" in cure or text.split(":")[0] in Spec.model_fields
                data = yaml.safe_load(text.replace("VALUE", "7"))
                assert list(parts_of([Spec] if at_the_top else models, data)) == [], cure
                found += 1
    assert found > 120


def _items(model: type[BaseModel], step: str) -> list[type[BaseModel]]:
    """What a list of parts holds."""
    from dualtrain.spec import LrMultiplier

    return [LrMultiplier] if step == "lr_multipliers" else []


def test_the_check_of_the_cures_can_fail() -> None:
    data = {"clip": {"max_norm": 1.0}, "batch": {"...": None, "size": 4}}
    assert list(parts_of([Spec], data)) == ["max_norm"]


CROSS_ENTROPY = (
    "leave it out: it is cross-entropy; another loss is a function of yours, dualtrain.fit(loss=)"
)

# line of a spec -> the cure
FIRST: dict[str, str | None] = {
    # a part as one value
    "schedule: linear": "write schedule: {name: linear}",
    "schedule: Linear": "write schedule: {name: linear}",
    "schedule: cosine": "write schedule: {name: cosine, half_waves: ...}",
    "schedule: get_linear_schedule_with_warmup": "write schedule: {name: linear}",
    "schedule: LinearDecayWithWarmup": "write schedule: {name: linear}",
    "schedule: MultiStepLR": "write schedule: {name: multistep, milestones: ..., gamma: ...}",
    "schedule: zigzag": "write schedule: {name: ...}",
    "optimizer: adamw": "write optimizer: {name: adamw, lr: ...}",
    "optimizer: AdamW": "write optimizer: {name: adamw, lr: ...}",
    "warmup: 0.1": "write warmup: {proportion: 0.1}",
    "warmup: 100": "write warmup: {steps: 100}",
    "warmup: 100.0": "write warmup: {steps: 100}",
    "weight_decay: 0.01": "write weight_decay: {value: 0.01}",
    "clip: 1.0": "write clip: {global_norm: 1.0}",
    "batch: 32": "write batch: {size: 32}",
    "ema: 0.999": "write ema: {decay: 0.999}",
    "duration: 3": "write duration: {epochs: 3} or duration: {updates: 3}",
    "amp: true": "write amp: {dtype: float16, level: O1}",
    "amp: false": "leave it out: without amp it is off",
    "amp: bf16": "write amp: {dtype: bfloat16, level: O1}",
    "amp: O2": "write amp: {dtype: float16, level: O2}",
    "amp: off": "leave it out: without amp it is off",
    "amp: none": "leave it out: without amp it is off",
    "amp: fp32": "leave it out: without amp it is off",
    "clip: false": "leave it out: without clip it is off",
    "warmup: no": "leave it out: without warmup it is off",
    "warmup: 10%": "write warmup: {proportion: 0.1}",
    "schedule: ": "write its fields on the lines below, indented",
    "loss: cross_entropy": CROSS_ENTROPY,
    "loss: mse": CROSS_ENTROPY,
    "loss: {name: bce}": CROSS_ENTROPY,
    "freeze: bert.*": "write freeze: {patterns: [bert.*]}",
    "freeze: [bert.*, a]": "write freeze: {patterns: [bert.*, a]}",
    # names
    "optimizer: {name: AdamW, lr: 1}": "did you mean 'adamw'?",
    "optimizer: {name: adamw_torch, lr: 1}": "did you mean 'adamw'?",
    "optimizer: {name: SGD, lr: 1}": "did you mean 'sgd'?",
    "optimizer: {name: torch.optim.AdamW, lr: 1}": "did you mean 'adamw'?",
    "optimizer: {name: paddle.optimizer.Momentum, lr: 1}": "did you mean 'momentum'?",
    "batch: {accumulate: 2, normalise: token}": "did you mean 'token_mean'?",
    "amp: {dtype: fp32}": "leave amp out: without it all is float32",
    "optimizer: {name: adafactor, lr: 1}": None,
    "schedule: {name: constant_with_warmup}": "did you mean 'constant'?",
    "schedule: {name: reduce_lr_on_plateau}": "did you mean 'reduce_on_plateau'?",
    "schedule: {name: CosineAnnealingWarmRestarts}": (
        "did you mean 'cosine_annealing_warm_restarts'?"
    ),
    "amp: {dtype: fp16}": "did you mean 'float16'?",
    "amp: {dtype: bf16}": "did you mean 'bfloat16'?",
    "amp: {dtype: float16, level: o2}": "did you mean 'O2'?",
    "weight_decay: {value: 0.1, exclude: [LayerNorm]}": "did you mean 'norm'?",
    "schedule: {name: linear, per: step}": "did you mean 'update'?",
    "device: gpu": "write cuda",
    "device: gpu:1": "write cuda:1",
    "device: 0": "write cuda:0",
    "device: tpu": None,
    # numbers
    'optimizer: {name: adamw, lr: "5e-4"}': "write 5e-4 without quotes",
    "optimizer: {name: adamw, lr: small}": None,
    "warmup: {proportion: 10%}": "write 0.1",
    "warmup: {proportion: 100}": "write steps: 100 for so many updates",
    "warmup: {steps: 0.1}": "write warmup: {proportion: 0.1}",
    "warmup: {steps: 10.0}": "write 10",
    "duration: {updates: -1}": "write duration: {epochs: ...}",
    "batch: {accumulate: 2.5}": None,
    "duration: {updates: 1_000}": "write 1000",
    "duration: {epochs: .inf}": None,
    "loss: {shift_labels: no}": "write false",
    # lists
    "optimizer: {name: adamw, lr: 1, betas: '0.9, 0.95'}": "write [0.9, 0.95]",
    "optimizer: {name: adamw, lr: 1, betas: '(0.9, 0.999)'}": "write [0.9, 0.999]",
    "optimizer: {name: adamw, lr: 1, betas: 0.9}": None,
    "weight_decay: {value: 0.1, exclude: bias}": "write [bias]",
    "weight_decay: {value: 0.1, exclude: 'bias, norm'}": "write [bias, norm]",
    "freeze: {patterns: bert.*}": "write [bert.*]",
    "lr_multipliers: {head.*: 10}": "write [{pattern: head.*, multiplier: 10}]",
    # keys that stand elsewhere
    "fp16: true": "write amp: {dtype: float16}",
    "fp16: false": "leave it out: that is off without it",
    "mixed_precision: no": "leave it out: that is off without it",
    "adafactor: false": "leave it out: that is off without it",
    "optimizers: 2": BEYOND["several_optimizers"],
    "backward_passes: 2": BEYOND["several_backward_passes"],
    "max_tokens: 4096": BEYOND["batches_in_tokens"],
    "target_network: true": BEYOND["target_networks"],
    "auto_scale_lr: true": BEYOND["rate_by_processes"],
    "optimizer: {name: sgd, lr: 1, rho: 0.9}": (
        "sgd has none; of adadelta, rmsprop, rmsprop_torch it is one"
    ),
    "schedule: {name: linear, every: 3}": "linear has none; of step it is one",
    "schedule: {name: linear, gamma: 0.1}": (
        "linear has none; of step, multistep, exponential, natural_exp, inverse_time, cyclic it is "
        "one"
    ),
    "schedule: {name: linear, end_lr: 0}": "linear has none; of polynomial, one_cycle it is one",
    "mixed_precision: bf16": "write amp: {dtype: bfloat16}",
    "bf16: true": "write amp: {dtype: bfloat16}",
    "no_cuda: true": "write device: cpu",
    "num_train_epochs: 3.0": "write duration: {epochs: 3}",
    "num_train_epochs: 1.5": "write duration: {epochs: 1.5}",
    "max_steps: -1": "leave it out",
    "lr_scheduler_type: constant_with_warmup": "write schedule: {name: constant}",
    "optim: adamw_torch": "write optimizer: {name: adamw, ...}",
    "warmup_ratio: 0.1": "write warmup: {proportion: 0.1, rounding: ceil}",
    "half_waves: 2": "write it within schedule",
    "frobnicate: 2": None,
    "optimizer: {name: adamw, lr: 1, warmup_steps: 10}": (
        "write warmup: {steps: 10} beside optimizer"
    ),
    "optimizer: {name: adamw, lr: 1, seed: 10}": "write it beside optimizer",
    "schedule: {name: linear, epochs: 3}": "write duration: {epochs: 3} beside schedule",
}


@pytest.mark.parametrize(("line", "cure"), FIRST.items(), ids=FIRST)
def test_a_first_mistake(line: str, cure: str | None, tmp_path: Path) -> None:
    """None: nothing can be told, but the rule and what was received still are."""
    key, _, value = line.partition(": ")
    found = cures_of(tmp_path, **{key: value})
    if cure is None:
        assert all(text is None or "valid keys" in text for text in found)
    else:
        assert [cure] == found


@pytest.mark.parametrize("multiplier", ["0", "1.5", "0.5"])
@pytest.mark.parametrize("phase", [False, True])
def test_cycles_that_no_whole_number_multiplies_are_a_sequence(
    multiplier: str, phase: bool, tmp_path: Path
) -> None:
    schedule = f"{{name: cosine_annealing_warm_restarts, first: 4, multiplier: {multiplier}"
    schedule += ", min_lr: 0}"
    if phase:
        schedule = (
            f"{{name: sequential, phases: [{{schedule: {schedule}, updates: 5}}, "
            "{schedule: {name: constant}}]}"
        )
    (cure,) = cures_of(tmp_path, schedule=schedule)
    assert cure is not None
    assert "{name: sequential, phases: [{schedule: {name: cosine_annealing" in cure


def test_the_sequence_is_that_schedule() -> None:
    """Restarts of 4, 8 and 16 updates, said both ways, in the cosine's own closed form."""
    import math

    restarts = {"name": "cosine_annealing_warm_restarts", "first": 4, "multiplier": 2}
    annealing = {"name": "cosine_annealing", "min_lr": 0.01}
    phases: list[dict[str, Any]] = [{"schedule": annealing, "updates": n} for n in (4, 8)]
    for schedule in (
        {**restarts, "min_lr": 0.01},
        {"name": "sequential", "phases": [*phases, {"schedule": annealing}]},
    ):
        plan = plan_of(schedule=schedule, duration={"updates": 28})
        expected = [
            0.01 + 0.09 * (1 + math.cos(math.pi * i / n)) / 2 for n in (4, 8, 16) for i in range(n)
        ]
        assert plan.lr_curve().tolist() == pytest.approx(expected, abs=1e-15)


def test_every_name_is_a_word_of_the_spec() -> None:
    """And is written as it is looked up: in small letters and digits."""
    words = set(re.findall(r'"(\w+)"', str(Spec.model_json_schema()).replace("'", '"')))
    assert [name for name in NAMES.values() if name not in words] == []
    assert [name for name in NAMES if re.sub("[^a-z0-9]", "", name) != name] == []
