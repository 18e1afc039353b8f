"""The device's run against the CPU's: rates to the bit, the rest by the bars of parity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dualtrain import Spec, fit, load_spec
from dualtrain.backend import Backend
from dualtrain.lockstep import judge_folder, settled
from dualtrain.parity import Comparison, compare_files
from dualtrain.plan import Plan
from dualtrain.trace import Trace, read_trace
from dualtrain.training import follow, nudge, train
from tests.builders import spec_of
from tests.gpu.nets import NETS, batches

Measured = Callable[[str, object], None]

EXAMPLE = Path(__file__).parents[2] / "examples" / "text_classification" / "spec.yaml"
SPEC: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 3e-3},
    "schedule": {"name": "cosine", "half_waves": 1},
    "warmup": {"proportion": 0.1},
    "weight_decay": {"value": 0.05, "exclude": ["bias"]},
    "clip": {"global_norm": 0.5},
    "ema": {"decay": 0.9},
    "batch": {"accumulate": 2},
    "duration": {"epochs": 12},
}
"""Five micro-batches an epoch: 3 updates, the last of one half as long."""

RULES: dict[str, tuple[dict[str, Any], str]] = {
    "adamw": ({}, "decoupled"),
    "momentum": ({"momentum": 0.9}, "coupled"),
    "lamb": ({"eps": 1e-6}, "decoupled"),
}
"""A fused kernel, an unfused one, and a rule of the core's own; with the kind of its decay."""


def rates(trace: Trace) -> list[float]:
    return [update.lr for update in trace.updates]


def check(a: Path, b: Path, floors: list[Path], spec: Spec, micro_batches: int) -> Comparison:
    """Every stage agrees, and the rates are the plan's as float64."""
    comparison = compare_files(a, b, floors=floors)
    plan = Plan.of(spec, micro_batches_per_epoch=micro_batches)
    expected = [plan.lr_at(t) for t in range(plan.total_updates)]
    assert rates(comparison.a) == rates(comparison.b) == expected
    assert comparison.first is None, comparison.first
    return comparison


def tell(measured: Measured, comparison: Comparison) -> None:
    """The largest distances of the two runs, for the table."""
    assert comparison.weights is not None
    pairs = zip(comparison.a.updates, comparison.b.updates, strict=True)
    loss = max(abs(b.loss - a.loss) / abs(a.loss) for a, b in pairs)
    weights = max(tensor.difference for tensor in comparison.weights.judged)
    measured("loss", f"{loss:.1e} relative")
    measured("weights", f"{weights:.1e} of their movement")


@pytest.mark.parametrize("net", NETS)
def test_a_free_run_is_the_cpus(
    net: str, device: str, backend: Backend, tmp_path: Path, record_property: Measured
) -> None:
    """36 updates; beside them the CPU's chaos floor, from weights that are moved by 1 ULP."""
    files = []
    for name, where in (("cpu", "cpu"), ("device", device), ("floor", "cpu")):
        spec, model = spec_of(**SPEC, device=where), NETS[net]()
        if name == "floor":
            nudge(model, backend, spec, seed=1)
        files.append(tmp_path / name / "trace.jsonl")
        fit(spec, model, batches(), trace=files[-1], output=tmp_path / name / "model")
    comparison = check(files[0], files[1], files[2:], spec_of(**SPEC, device="cpu"), 5)
    tell(lambda what, value: record_property(f"{net}, {what}", value), comparison)


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("net", NETS)
def test_each_update_is_the_cpus_from_one_state(
    net: str, optimizer: str, device: str, tmp_path: Path
) -> None:
    """In lockstep: gradients against the CPU's, the step against the rule in float64."""
    words, kind = RULES[optimizer]
    changes = SPEC | {
        "optimizer": {"name": optimizer, "lr": 3e-3, **words},
        "weight_decay": {"value": 0.05, "kind": kind, "exclude": ["bias"]},
        "duration": {"epochs": 3},
    }
    states, specs = tmp_path / "states", [spec_of(**changes, device=d) for d in ("cpu", device)]
    made = fit(specs[0], NETS[net](), batches(), states=states)
    sides = [follow(spec, NETS[net](), batches(), states=states) for spec in specs]
    lockstep = settled(judge_folder(states, *sides), len(made))
    read = [reading for update in lockstep.updates for reading in update.readings]
    assert {len(made), len(lockstep.updates)} == {9}
    assert [one for one in read if one.outcome in ("differs", "no proof")] == []


def test_the_example_is_the_cpus(device: str, tmp_path: Path, record_property: Measured) -> None:
    """BERT on texts, as `make demo` trains it: a tenth of its epochs, with its evaluation."""
    traces = []
    for name, where in (("cpu", "cpu"), ("device", device)):
        found = load_spec(EXAMPLE)
        given = found.model_dump(exclude_unset=True) | {"device": where, "duration": {"epochs": 1}}
        spec = Spec(**given).located(EXAMPLE.parent)
        traces.append(tmp_path / name / "trace.jsonl")
        output = tmp_path / name / "model"
        train(spec, "torch", trace=traces[-1], output=output, without_randomness=True)
    comparison = check(traces[0], traces[1], [], spec, 53)
    assert len(comparison.a.updates) == 27
    tell(lambda what, value: record_property(f"example, {what}", value), comparison)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_trace_tells_of_tf32(
    allowed: bool, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's default lets convolutions round to it, on CUDA alone."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    spec = spec_of(duration={"updates": 1}, device=device)
    fit(spec, NETS["cnn"](), batches(), trace=tmp_path / "trace.jsonl")
    notes = read_trace(tmp_path / "trace.jsonl").header.notes
    is_cuda = torch.device(device).type == "cuda"
    assert any("TF32" in note for note in notes) == (allowed and is_cuda)
