"""What a script does with the types of a run in mixed precision: what stays in float32."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch
from safetensors.numpy import load_file

from dualtrain import Spec, fit, write_script
from dualtrain.backend import load_backend
from dualtrain.spec import Amp
from tests.builders import spec_of
from tests.oracle.specs import Case, draw
from tests.parity.test_scripts_of_tasks import scaler_on_the_cpu as scaler_on_the_cpu
from tests.scripts import by_fit, by_script, filled, lines_of, writable

SEED = 11
pytestmark = [
    pytest.mark.filterwarnings("ignore::dualtrain.errors.TrainingWarning"),
    pytest.mark.filterwarnings("ignore:.pydantic.config.Extra. is deprecated"),  # paddlenlp's
]

KEPT: dict[str, Any] = {"dtype": "bfloat16", "float32_operators": ["softmax", "exp"]}


def test_operators_that_are_kept_in_float32(tmp_path: Path) -> None:
    """Each as torch's autocast alone would have it, and by the script's own mode."""
    spec = spec_of(amp=KEPT | {"float32_operators": ["softmax", "exp", "matmul"]})
    script = filled(write_script(spec, "torch"), tmp_path / "kept.py")
    x = torch.eye(4, dtype=torch.bfloat16)

    for by_mode, low in ((script["KeepFloat32"](), False), (contextlib.nullcontext(), True)):
        with torch.autocast("cpu", dtype=torch.bfloat16), by_mode:
            made = [x @ x, torch.nn.functional.linear(x, weight=x), torch.relu(x), x.sum()]
        types = [one.dtype for one in made]
        assert types[:2] == [torch.bfloat16 if low else torch.float32] * 2
        assert types[2:] == [torch.bfloat16] * 2  # not named


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (
            lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x),
            "scaled_dot_product_attention: call softmax, exp alone",
        ),
        (lambda x: x.exp_(), "exp_: call softmax, exp alone, not in place"),
    ],
)
def test_an_operator_out_of_reach_ends_the_script(
    call: Callable[[Any], Any], named: str, tmp_path: Path
) -> None:
    script = filled(write_script(spec_of(amp=KEPT), "torch"), tmp_path / "hidden.py")

    with script["KeepFloat32"](), pytest.raises(SystemExit, match=named):
        call(torch.ones(1, 2, 2, 2, dtype=torch.bfloat16))


def test_paddle_has_a_list_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own names, those of the backend: `test_amp.py` asks Paddle for them."""
    script = filled(write_script(spec_of(amp=KEPT, device="cuda"), "paddle"), tmp_path / "kept.py")
    asked: list[dict[str, Any]] = []

    def auto_cast(**given: Any) -> Any:
        asked.append(given)
        return contextlib.nullcontext()

    monkeypatch.setattr(paddle.amp, "auto_cast", auto_cast)
    batch = {"input": np.ones((2, 3), "float32"), "labels": np.zeros(2, "int64")}
    script["loss_of"](paddle.nn.Linear(3, 2), batch)
    (native,) = asked
    asked.clear()
    load_backend("paddle").autocast(Amp(**KEPT), None)
    (ours,) = asked
    assert native["custom_black_list"] == sorted(ours["custom_black_list"])
    assert {"exp", "softmax"} < {*native["custom_black_list"]}


def o2_case(index: int) -> Case:
    """The oracle's case, at level O2, its model's running statistics as they are."""
    case = replace(
        draw(SEED, index), own_loss=False, labels="hard", dtype="float32", still=(), through="fit"
    )
    amp = {"dtype": "bfloat16", "level": "O2"}
    return replace(case, spec=writable({**case.spec, "amp": amp}, "torch"))


@pytest.mark.parametrize("index", range(24))
def test_masters_move_as_in_fit(index: int, tmp_path: Path) -> None:
    """Every word beside O2: the types are the same, and so, nearly, are the losses."""
    case = o2_case(index)

    script, fitted = by_script(case, "torch", tmp_path), by_fit(case, "torch")

    assert script.rates == fitted.rates
    np.testing.assert_allclose(script.losses, fitted.losses, rtol=1e-3, atol=1e-6)
    for name, weight in fitted.weights.items():  # of fit in bfloat16, of the script in float32
        size = np.abs(weight).max() + 1e-6
        assert np.abs(script.weights[name] - weight).max() <= 2.0**-7 * size, name


class Wide(paddle.nn.Layer):
    """Computes in float32, whatever its weights are held in: Paddle's CPU has no low products."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = paddle.nn.Linear(4, 8), paddle.nn.Linear(8, 3)
        self.norm = paddle.nn.LayerNorm(8)

    def forward(self, x: Any) -> Any:
        """Logits."""
        for layer in (self.first, self.last):
            weight, bias = (p.astype("float32") for p in (layer.weight, layer.bias))
            x = paddle.nn.functional.linear(x, weight, bias)
            x = self.norm(x) if layer is self.first else x
        return x


OWN = {
    **{"value": 0.25, "exclude": ["bias"]},
    "values": [{"role": "norm", "value": 0.0}, {"pattern": "last.*", "value": 0.5}],
}


def wide_model() -> Wide:
    paddle.seed(1)
    return Wide()


def wide_batches(epoch: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(epoch)
    return [
        {"x": draw.standard_normal((6, 4)).astype("float32"), "labels": draw.integers(0, 3, 6)}
        for _ in range(4)
    ]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "changes",
    [
        {"clip": {"global_norm": 0.25}},
        {"clip": {"global_norm": 0.25, "rule": "torch"}, "freeze": {"patterns": ["last.weight"]}},
        {"optimizer": {"name": "lamb", "lr": 0.01, "eps": 1e-6}, "weight_decay": OWN},
        {
            "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.5},
            "weight_decay": OWN | {"kind": "coupled"},
            "lr_multipliers": [{"pattern": "last.*", "multiplier": 0.5}],
        },
    ],
    ids=["clip", "torch's clip, frozen", "lamb", "coupled"],
)
def test_paddles_masters_move_as_in_fit(
    changes: dict[str, Any], dtype: str, tmp_path: Path, scaler_on_the_cpu: None
) -> None:
    """An average of the last update alone is the masters."""
    usual: dict[str, Any] = {
        **{"optimizer": {"name": "adamw", "lr": 0.01}, "schedule": {"name": "linear"}},
        **{"duration": {"epochs": 3}, "batch": {"accumulate": 2}, "ema": {"decay": 0.0}},
        "amp": {"dtype": dtype, "level": "O2"},
    }
    spec = Spec(**usual | changes, device="cuda")
    script = filled(
        write_script(spec, "paddle").replace('"gpu"', '"cpu"'),
        tmp_path / "train.py",
        build_model=wide_model,
        batches=wide_batches,
    )
    model = wide_model()
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        trained, averages = script["train"]()
    updates = fit(Spec(**usual | changes), model, wide_batches, output=tmp_path / "output")

    assert {str(p.dtype) for p in model.parameters()} == {f"paddle.{dtype}", "paddle.float32"}
    assert [lr for lr, _ in lines_of(told.getvalue())] == [update.lr for update in updates]
    losses = [loss for _, loss in lines_of(told.getvalue())]
    np.testing.assert_allclose(losses, [update.loss for update in updates], rtol=1e-5)
    masters = load_file(tmp_path / "output" / "ema.safetensors")
    for found in (dict(trained.named_parameters()), averages):
        assert {*averages} <= {*found} <= {*masters}  # what is frozen has no average
        for name, own in found.items():
            assert own.dtype == paddle.float32
            turned = own.numpy().T if own.ndim == 2 else own.numpy()
            np.testing.assert_allclose(turned, masters[name], rtol=1e-5, atol=1e-6)
