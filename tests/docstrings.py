"""The examples in docstrings, and what some of them take for granted.

An example has the names of its module and `np`. What its function in `SETTINGS` makes besides would
cost the reader more lines than the example itself: a spec as the comment says it, a file, a model.
"""

from __future__ import annotations

import doctest
import json
import pkgutil
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from dualtrain.fields import Positions, Source, Steps
from tests import builders

__all__ = ["IN_A_FRAMEWORK", "SETTINGS", "examples", "run"]


def examples(*packages: ModuleType) -> list[doctest.DocTest]:
    """Every docstring of the packages that has an example."""
    found = []
    for package in packages:
        names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
        for name in (package.__name__, *names):
            if not name.endswith(".__main__"):  # it is a command
                found += doctest.DocTestFinder().find(import_module(name), name)
    return [test for test in found if test.examples]


def short(test: doctest.DocTest) -> str:
    """`Plan.lr_at`: its name without its module's."""
    assert test.globs is not None
    return test.name.removeprefix(f"{test.globs['__name__']}.")


def run(test: doctest.DocTest, names: Mapping[str, Any]) -> str:
    """What is said of an example that does not hold; nothing of one that does."""
    told: list[str] = []
    test.globs.update(np=np, **names)
    doctest.DocTestRunner().run(test, out=told.append, clear_globs=False)
    return "".join(told)


_spec = partial(builders.spec_of, schedule={"name": "linear"})


_plan = partial(builders.plan_of, schedule={"name": "linear"})


def _of_two_roundings(folder: Path) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 1.0},
        "duration": {"updates": 100},
    }
    return {
        rule: _plan(**usual, warmup={"proportion": 0.075, "rounding": rule})
        for rule in ("floor", "ceil")
    }


def _two_half_waves(folder: Path) -> dict[str, Any]:
    from dualtrain.dialects import HF4

    return {"spec": _spec(schedule={"name": "cosine", "half_waves": 2.0}), "HF4": HF4}


def _schedules(folder: Path) -> dict[str, Any]:
    from dualtrain.schedules import Constant, Linear

    return {"Linear": Linear, "Constant": Constant}


def _sentences(folder: Path) -> dict[str, Any]:
    (folder / "train.conll").write_text("Ada B-PER\nLovelace I-PER\nwrote O\n", encoding="utf-8")
    return {"Path": Path}


def _table(folder: Path) -> dict[str, Any]:
    (folder / "train.csv").write_text("text,label\nno,neg\nyes,pos\n", encoding="utf-8")
    return {}


def _columns(folder: Path) -> dict[str, Any]:
    from dualtrain.data import Column

    return {**_table(folder), "Column": Column}


def _schedule_calls(folder: Path) -> dict[str, Any]:
    from dualtrain.native import Call
    from dualtrain.native.schedules import NATIVE_SCHEDULES

    return {"table": NATIVE_SCHEDULES, "Call": Call}


def _cosine_decay(folder: Path) -> dict[str, Any]:
    from dualtrain.native.schedules import NATIVE_SCHEDULES

    rows = (row for row in NATIVE_SCHEDULES.rows if row.name.endswith("CosineDecayWithWarmup"))
    return {"row": next(rows)}


def _head(folder: Path) -> dict[str, Any]:
    fields = {"model_type": "bert", "id2label": {"0": "pos", "1": "neg"}}
    (folder / "config.json").write_text(json.dumps(fields), encoding="utf-8")
    shapes = {
        "classifier.weight": (2, 3),
        "classifier.bias": (2,),
        "pooler.dense.weight": (3, 3),
        "pooler.dense.bias": (3,),
    }
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    save_file(tensors, folder / "model.safetensors")
    return {"folder": folder}


def _bert(folder: Path) -> dict[str, Any]:
    from dualtrain.tasks.encoders._config import fresh_config
    from dualtrain.tasks.encoders._words import FreshModel

    model = FreshModel(family="bert", hidden_size=24, layers=12, heads=2, max_length=16)
    return {"config": fresh_config(model, vocab_size=100, pad_id=0, classes=2)}


def _in_a_file(folder: Path) -> dict[str, Any]:
    lines: dict[Steps, int] = {(): 1, ("warmup", "steps"): 3}
    source = Source(Path(), "spec.yaml", Positions(lines))
    return {"spec": _spec(warmup={"steps": 9}, duration={"updates": 10}).located(source)}


SETTINGS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "Curve.factors": _schedules,
    "EncoderConfig.tensors": _bert,
    "Plan.divisor": lambda folder: {"spec": _spec(batch={"accumulate": 2})},
    "Plan.epoch_groups": lambda folder: {"spec": _spec(batch={"accumulate": 2})},
    "Plan.lr_at": lambda folder: {"spec": _spec(warmup={"steps": 2})},
    "Plan.of": lambda folder: {"spec": _spec(batch={"accumulate": 2})},
    "Plan.native": lambda folder: {"plan": _plan(warmup={"steps": 2})},
    "Plateau": lambda folder: {
        "plan": _plan(
            schedule=builders.PLATEAU | {"patience": 1, "threshold_mode": "abs"},
            duration={"epochs": 4},
        )
    },
    "Spec.problem": _in_a_file,
    "Table.read": _schedule_calls,
    "class_order": _head,
    "explain": lambda folder: {
        "plan": _plan(
            schedule={"name": "cosine", "half_waves": 2.0},
            warmup={"steps": 2},
            duration={"updates": 100},
        )
    },
    "left_out": _cosine_decay,
    "rate_distance": _of_two_roundings,
    "read": _two_half_waves,
    "read_sentences": _sentences,
    "read_table": _columns,
    "read_texts": _table,
    "spans": lambda folder: {
        "plan": _plan(
            horizon=4,
            warmup={"steps": 2},
            duration={"updates": 6},
        )
    },
    "disputed": lambda folder: {"spec": _spec()},
}
"""The example, by its short name -> the names it takes for granted, made in an empty folder."""

IN_A_FRAMEWORK = ("Run", "fit", "resume", "start")
"""Examples of the core that need a framework: `tests/parity/test_docstrings.py` has theirs."""
