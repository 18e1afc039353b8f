"""Scripts of whole tasks, a BERT and a regression, beside `dualtrain train`'s trace; and AMP."""

from __future__ import annotations

import contextlib
import importlib
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
import pytest
from paddle.amp import grad_scaler

from dualtrain import Spec, write_script
from dualtrain.backend import load_backend
from dualtrain.trace import read_trace
from dualtrain.training import train
from dualtrain.training.sides._task_side import begin_task
from tests.command import Run
from tests.command import run as run
from tests.oracle.specs import Case, draw
from tests.scripts import by_fit, by_script, filled, lines_of
from tests.tasks import epochs, number_spec, prepare, small_spec, write_numbers, write_task

pytestmark = [
    pytest.mark.filterwarnings("ignore:.pydantic.config.Extra. is deprecated"),  # paddlenlp's
    pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step"),  # of skipped updates
]

WORDS: dict[str, Any] = {"warmup": {"proportion": 0.29}, "clip": {"global_norm": 1.0}}


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize("task", ["text", "numbers"])
def test_a_task(backend: str, task: str, tmp_path: Path) -> None:
    if task == "text":
        write_task(tmp_path)
        spec = small_spec(tmp_path, **WORDS, layer_decay=0.75)
    else:
        write_numbers(tmp_path)
        spec = number_spec(tmp_path, **WORDS)
    trace = tmp_path / "trace.jsonl"
    train(spec, backend, trace=trace)

    data = prepare(spec)
    side = begin_task(spec, backend, own_model=None, data=data)
    script = filled(
        write_script(spec, backend),
        tmp_path / f"{backend}_{task}.py",
        build_model=lambda: side.start.model,
        batches=epochs(spec, data),
    )
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        script["train"]()

    updates, lines = read_trace(trace).updates, lines_of(told.getvalue())
    assert [lr for lr, _ in lines] == [update.lr for update in updates] != []
    np.testing.assert_allclose([x for _, x in lines], [u.loss for u in updates], rtol=1e-5)


def case_with(spec: dict[str, Any], *, index: int) -> Case:
    """The model and the batches of a case of the oracle's, trained by this spec."""
    case = replace(draw(11, index), own_loss=False, labels="hard", dtype="float32")
    return replace(case, spec=spec, still=(), micro_batches=5)


@pytest.mark.parametrize(
    "amp",
    [
        {"dtype": "bfloat16"},
        {"dtype": "bfloat16", "float32_operators": ["matmul"]},
        {"dtype": "float16", "float32_operators": ["layer_norm", "mean"]},
        {"dtype": "bfloat16", "level": "O2"},
        {"dtype": "float16", "level": "O2"},
        {"dtype": "float16"},
        {
            **{"dtype": "float16", "on_skip": "advance"},
            "loss_scale": {
                "init": 2.0**30,
                "ceiling": 2.0**30,
                "backoff_factor": 2.0**-8,
            },  # the first updates are skipped
        },
    ],
)
def test_mixed_precision(amp: dict[str, Any], tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.01},
        "schedule": {"name": "linear"},
        "clip": {"global_norm": 1.0},
        "duration": {"epochs": 4},
        "batch": {"accumulate": 2},
        "ema": {"decay": 0.5, "warmup": True},
        "batch_norm": "torch",
        "amp": amp,
    }
    case = case_with(spec, index=0)

    script, fitted = by_script(case, "torch", tmp_path), by_fit(case, "torch")

    assert script.averages is not None and fitted.averages is not None
    for name, average in fitted.averages.items():  # of the masters, at O2
        np.testing.assert_allclose(script.averages[name], average, rtol=1e-3, atol=1e-4)
    assert fitted.skipped < len(fitted.rates)
    assert bool(fitted.skipped) == (amp["dtype"] == "float16")
    assert script.rates == fitted.rates
    np.testing.assert_allclose(script.losses, fitted.losses, rtol=1e-3)


SPEC = """\
optimizer: {name: adamw, lr: 3e-4}
schedule: {name: linear}
warmup: {proportion: 0.1}
duration: {epochs: 2}
"""
MODULES = {
    "torch": "import torch\n\n\ndef build_model():\n    return torch.nn.Bilinear(2, 2, 3)\n",
    "paddle": "import paddle\n\n\ndef build_model():\n    return paddle.nn.Bilinear(2, 2, 3)\n",
}
BATCHES = (
    "\n\ndef batches(epoch):\n"
    "    x = numpy.ones((4, 2), 'float32')\n"
    "    names = {'torch': ('input1', 'input2'), 'paddle': ('x1', 'x2')}['BACKEND']\n"
    "    return [{names[0]: x, names[1]: x, 'labels': numpy.arange(4) % 3}] * 3\n"
)


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_the_command_writes_what_runs_alone(backend: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    module = "import numpy\n" + MODULES[backend] + BATCHES.replace("BACKEND", backend)
    (tmp_path / "mine.py").write_text(module)
    script = tmp_path / "train.py"
    arguments = ["--backend", backend, "-o", script, "--model", "mine"]

    assert run("write", tmp_path / "spec.yaml", *arguments)[0] == 0
    said = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert [lr for lr, _ in lines_of(said.stdout)][:2] == [3e-4, 3e-4 * (5 / 6)]
    assert "dualtrain" not in script.read_text()
    status, _, error = run("write", tmp_path / "spec.yaml", *arguments)
    assert status == 2 and "a script is written where none is" in error


def test_the_command_prints_it(tmp_path: Path, run: Run) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    status, said, _ = run("write", tmp_path / "spec.yaml", "--backend", "torch")

    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 3e-4},
        "schedule": {"name": "linear"},
    }
    rest: dict[str, Any] = {"warmup": {"proportion": 0.1}, "duration": {"epochs": 2}}
    assert (status, said) == (0, write_script(Spec(**parts, **rest), "torch"))


@pytest.fixture
def scaler_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Paddle scale the loss on the CPU, where its autocast stays off, and `fit` accept it."""
    gpu = SimpleNamespace(
        is_gpu_place=lambda: True, is_xpu_place=lambda: False, is_custom_place=lambda: False
    )
    tracer = SimpleNamespace(_expected_place=gpu)
    monkeypatch.setattr(grad_scaler, "_dygraph_tracer", lambda: tracer)
    state = importlib.import_module("paddle.amp.auto_cast").amp_global_state()
    monkeypatch.setattr(state, "amp_dtype", "float16")
    monkeypatch.setattr(load_backend("paddle"), "check_amp", lambda amp, device: None)
    monkeypatch.setattr(paddle.amp, "auto_cast", lambda **given: contextlib.nullcontext())


@pytest.mark.usefixtures("scaler_on_the_cpu")
@pytest.mark.parametrize("on_skip", ["hold", "advance"])
def test_loss_scaling_in_paddle(on_skip: str, tmp_path: Path) -> None:
    """Losses in float32: only the scale, skipped updates and their clock are judged."""
    scale = {"init": 2.0**126, "ceiling": 2.0**126, "backoff_factor": 2.0**-20}
    amp = {"dtype": "float16", "on_skip": on_skip, "loss_scale": scale}
    spec: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.01},
        "schedule": {"name": "linear"},
        "clip": {"global_norm": 1.0},
        "duration": {"epochs": 2},
        "ema": {"decay": 0.5},
        "amp": amp,
    }
    case = case_with(spec, index=0)
    on_cuda = replace(case, spec={**spec, "device": "cuda"})
    text = write_script(Spec(**on_cuda.spec), "paddle").replace('"gpu"', '"cpu"')

    script, fitted = by_script(case, "paddle", tmp_path, text=text), by_fit(case, "paddle")

    assert 0 < fitted.skipped < len(fitted.rates)
    assert script.rates == fitted.rates
    np.testing.assert_allclose(script.losses, fitted.losses, rtol=1e-5)
    assert script.averages is not None and fitted.averages is not None
    for name, average in fitted.averages.items():
        np.testing.assert_allclose(script.averages[name], average, atol=1e-5)
