"""The recipes of `examples/port/`: run, read, and ported to the other framework."""

from __future__ import annotations

import re
import runpy
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
import torch
import transformers

from dualtrain.plan import Plan
from dualtrain.porting import port
from dualtrain.porting._stated import HEIRS
from dualtrain.recipes import Recipe, Untold, entries, read_recipe, recipe_yaml
from dualtrain.spec import load_spec
from tests.documents import ROOT

with warnings.catch_warnings():  # its dependencies', on import
    warnings.simplefilter("ignore")
    import paddlenlp.transformers  # noqa: F401

pytestmark = pytest.mark.usefixtures("warm")

EXAMPLES = ROOT / "examples" / "port"
RATE = re.compile(r"^lr (\S+) loss ", re.MULTILINE)


@pytest.fixture
def early_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytorch_transformers, whose schedule lives on in transformers under another name."""
    module = ModuleType("pytorch_transformers")

    def schedule(optimizer: torch.optim.Optimizer, warmup_steps: int, t_total: int) -> object:
        return transformers.get_linear_schedule_with_warmup(optimizer, warmup_steps, t_total)

    vars(module).update(AdamW=torch.optim.AdamW, WarmupLinearSchedule=schedule)
    monkeypatch.setitem(sys.modules, "pytorch_transformers", module)


def read(name: str, words: str = "") -> Recipe:
    run = f"python {name}.py {words}" if words else None
    return read_recipe(EXAMPLES / f"{name}.py", root=EXAMPLES, run=run)


def run_rates(name: str, words: str, capsys: pytest.CaptureFixture[str]) -> list[float]:
    """The rates that the script prints, run by itself."""
    with pytest.MonkeyPatch.context() as command:
        command.setattr(sys, "argv", [f"{name}.py", *words.split()])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return [float(one) for one in RATE.findall(capsys.readouterr().out)]


def gaps(a: Sequence[float], b: Sequence[float]) -> float:
    """The largest difference, in ULP."""
    one, other = np.asarray(a), np.asarray(b)
    return float((np.abs(one - other) / np.spacing(np.maximum(one, other))).max())


@pytest.mark.parametrize(
    ("name", "words", "micro_batches", "ulp"),
    [
        ("paddle_fine_tuning", "", 10, 0),
        ("torch_max_steps", "", 12, 0),
        ("torch_max_steps", "--max_steps 9 --warmup_steps 3", 12, 0),
        ("torch_get_scheduler", "", 8, 0),
        ("torch_half_precision", "--device cpu", 8, 0),
        ("torch_digits", "--schedule step", 8, 0),
        ("torch_digits", "--schedule step --per_batch", 8, 0),
        ("torch_digits", "--schedule multistep", 8, 0),
        ("torch_digits", "--schedule exponential", 8, 1),
        ("torch_digits", "--schedule cosine", 8, 1),
        ("paddle_digits", "--schedule step", 8, 0),
        ("paddle_digits", "--schedule multistep --per_batch", 8, 0),
        ("paddle_digits", "--schedule exponential", 8, 0),
        ("paddle_digits", "--schedule cosine", 8, 1),
    ],
)
def test_the_spec_that_is_read_has_the_rates_of_the_run(
    name: str,
    words: str,
    micro_batches: int,
    ulp: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    early_library: None,
) -> None:
    """Step by step, torch multiplies where a closed form takes a power: an ULP apart."""
    rates = run_rates(name, words, capsys)
    (tmp_path / "spec.yaml").write_text(recipe_yaml(read(name, words)), encoding="utf-8")
    plan = Plan.of(load_spec(tmp_path / "spec.yaml"), micro_batches_per_epoch=micro_batches)
    assert len(rates) == plan.total_updates
    assert gaps(rates, [plan.lr_at(t) for t in range(len(rates))]) <= ulp


@pytest.mark.parametrize(
    ("name", "words", "to"),
    [
        ("paddle_fine_tuning", "", "torch"),
        ("paddle_digits", "--schedule multistep", "torch"),
        ("torch_get_scheduler", "", "paddle"),
        ("torch_max_steps", "", "paddle"),
        ("torch_max_steps", "--max_steps 11 --warmup_steps 3", "paddle"),
        ("torch_digits", "--schedule step --per_batch", "paddle"),
    ],
)
def test_the_port_has_the_rates_of_the_native_objects(
    name: str, words: str, to: Literal["torch", "paddle"], tmp_path: Path
) -> None:
    run = f"python {name}.py {words}" if words else None
    ported = port(EXAMPLES / f"{name}.py", to, tmp_path, root=EXAMPLES, run=run, micro_batches=8)
    assert (ported.missing, ported.no_proof, ported.untold) == ("", "", [])
    assert ported.largest == 0
    assert len(set(ported.stated)) > 1
    assert {one.name for one in tmp_path.iterdir()} == {
        "spec.yaml", "train.py", "report.md", "lr.png",
    }  # fmt: skip
    assert "equal to the bit" in (tmp_path / "report.md").read_text(encoding="utf-8")


EARLY = """
import torch
from pytorch_transformers import AdamW, {name}
model = torch.nn.Linear(4, 2)
optimizer = AdamW(model.parameters(), lr=5e-5)
scheduler = {name}(optimizer{words})
for _ in range(2):
    for x, y in torch.utils.data.DataLoader(data):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize("name", HEIRS)
def test_an_early_schedule_is_proved_by_its_heir(name: str, tmp_path: Path) -> None:
    words = ", warmup_steps=3" if name.startswith("Warmup") else ""
    if "Constant" not in name:
        words += ", t_total=20"
    if "Restarts" in name:
        words += ", cycles=2"
    (tmp_path / "train.py").write_text(EARLY.format(name=name, words=words), encoding="utf-8")
    told: dict[str, Any] = {}
    if "Restarts" in name:
        told = {"schedule": {"name": "cosine_with_restarts", "cycles": 2}, "warmup.steps": 3}
    elif "Cosine" in name:  # which climbs again behind its end: the text has no number of batches
        told = {"horizon": 20}
    ported = port(
        tmp_path / "train.py",
        "paddle",
        tmp_path / "out",
        told=told,
        micro_batches=10,
    )
    assert (ported.missing, ported.no_proof, ported.largest) == ("", "", 0)
    assert ported.heir == f"transformers.{HEIRS[name]}"
    assert f"`{ported.heir}`" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_what_is_installed_stands_for_itself(tmp_path: Path, early_library: None) -> None:
    script = EXAMPLES / "torch_max_steps.py"
    ported = port(script, "paddle", tmp_path, root=EXAMPLES, micro_batches=8)
    assert (ported.largest, ported.heir) == (0, "")


def test_what_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    script = EXAMPLES / "torch_frozen_layers.py"
    recipe = read("torch_frozen_layers")
    asked = {".".join(one.path) for one in entries(recipe) if isinstance(one, Untold)}
    (wrong,) = [one for one in recipe.hazards if one.code == "accum_condition_bits"]
    assert asked == {"batch.accumulate", "freeze.patterns", "horizon"}
    assert wrong.place is not None
    line = script.read_text(encoding="utf-8").splitlines()[wrong.place.line - 1]
    assert "step & ACCUMULATE == 0" in line
    told = {
        "batch.accumulate": 4,
        "horizon": 2 * 9,
        "freeze.patterns": ["*embeddings*", "*encoder.layer.0.*", "*encoder.layer.1.*"],
    }
    ported = port(script, "paddle", tmp_path, root=EXAMPLES, told=told, micro_batches=9)
    assert (ported.missing, ported.untold, ported.largest) == ("", [], 0)
    assert "stop_gradient" in (tmp_path / "train.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words", "codes"),
    [
        ("paddle_fine_tuning", "", set()),
        ("torch_max_steps", "", {"accum_clip_each_micro_batch", "accum_tail_leaks"}),
        ("torch_get_scheduler", "", {"framework_default_decay"}),
        ("torch_half_precision", "", set()),
        ("torch_frozen_layers", "", {"accum_condition_bits"}),
        ("torch_digits", "--schedule multistep", set()),
        ("paddle_digits", "--schedule multistep", set()),
    ],
)
def test_the_hazards(name: str, words: str, codes: set[str]) -> None:
    assert {one.code for one in read(name, words).hazards} == codes


@pytest.mark.parametrize("name", ["torch_digits", "paddle_digits"])
def test_a_plateau_is_read(name: str) -> None:
    recipe = read(name, "--schedule plateau")
    assert recipe["schedule"].value == "custom"
    assert recipe["scheduler_step"].value == "on_eval"
    assert 'name: "reduce_on_plateau"' in recipe_yaml(recipe)


def test_each_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for one in EXAMPLES.glob("*.py"):
        assert f'"{one.stem}"' in text
        assert f"`{one.name}`" in page
