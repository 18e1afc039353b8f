"""What a script does with the types of a run in mixed precision: what stays in float32."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import write_script
from dualtrain.backend import load_backend
from dualtrain.spec import Amp
from tests.builders import spec_of
from tests.oracle.specs import Case, draw
from tests.scripts import by_fit, by_script, filled, writable

SEED = 11
pytestmark = pytest.mark.filterwarnings("ignore::dualtrain.errors.TrainingWarning")

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
