"""dualtrain port: a recipe of one framework as a script of the other, its rates proved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dualtrain
from dualtrain.errors import OutputError
from tests.core.test_read_command import SCRIPT

pytestmark = pytest.mark.usefixtures("warm")

TORCH = """\
import torch
from transformers import get_cosine_schedule_with_warmup

model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4)
total = len(loader) * 4
schedule = get_cosine_schedule_with_warmup(optimizer, int(0.06 * total), total)
for epoch in range(4):
    for batch in loader:
        model(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(("text", "to"), [(SCRIPT, "torch"), (TORCH, "paddle")])
def test_the_rates_are_those_of_the_native_objects(tmp_path: Path, text: str, to: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(text)
    out = tmp_path / "out"
    ported = dualtrain.port(script, to, out, micro_batches=23)  # type: ignore[arg-type]
    assert ported.no_proof == ""
    assert ported.largest == 0
    assert len(ported.written) == 23 * (3 if to == "torch" else 4)
    assert np.ptp(ported.written) > 0
    assert sorted(p.name for p in out.iterdir()) == ["lr.png", "report.md", "spec.yaml", "train.py"]
    page = (out / "report.md").read_text()
    assert "equal to the bit at each of" in page
    assert f"import {to}" in (out / "train.py").read_text()


def test_the_formula_of_the_native_class_is_met(tmp_path: Path) -> None:
    """By numpy: (T - t) / (T - W) after warmup, t / W in it."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    ported = dualtrain.port(script, "torch", tmp_path / "out", micro_batches=20)
    t, total, warmup = np.arange(60), 60, 6
    wanted = 5e-5 * np.where(t < warmup, t / warmup, (total - t) / (total - warmup))
    np.testing.assert_allclose(ported.written, wanted, rtol=1e-15)
    np.testing.assert_allclose(ported.stated, wanted, rtol=1e-15)


def test_what_is_unknown_is_asked_for_and_can_be_told(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("range(args.epochs)", "range(epochs_of(data))"))
    ported = dualtrain.port(script, "torch", tmp_path / "a")
    assert "duration" in ported.missing
    assert not (tmp_path / "a" / "train.py").exists()
    assert "Not written yet" in (tmp_path / "a" / "report.md").read_text()
    told = dualtrain.port(script, "torch", tmp_path / "b", told={"duration.epochs": 3})
    assert told.missing == ""
    assert (tmp_path / "b" / "train.py").exists()


def test_a_field_that_a_spec_may_lack_is_asked_for_too(tmp_path: Path) -> None:
    """A clip that is not known is not left out in silence."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("paddle.nn.ClipGradByGlobalNorm(1.0)", "clip_of(data)"))
    ported = dualtrain.port(script, "torch", tmp_path / "a")
    assert (ported.asked, ported.spec) == (["clip"], None)
    assert ported.missing.startswith("clip: ")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["report.md", "spec.yaml"]
    told = dualtrain.port(script, "torch", tmp_path / "b", told={"clip.global_norm": 1.0})
    assert (told.asked, told.missing) == ([], "")


def test_a_library_is_not_called_for_what_a_recipe_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library has functions that run what they are given; only schedules are made."""
    import transformers

    called: list[object] = []
    monkeypatch.setattr(transformers, "pipeline", called.append, raising=False)
    script = tmp_path / "train.py"
    hostile = SCRIPT.replace("args.learning_rate, len", "transformers.pipeline('folder'), len")
    script.write_text(f"import transformers\n{hostile}")
    told = {"optimizer.lr": 1e-3}
    ported = dualtrain.port(script, "torch", tmp_path / "out", told=told, micro_batches=3)
    assert "transformers.pipeline is no schedule that is known" in ported.no_proof
    assert called == []


def test_rates_that_are_not_the_recipes_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof can fail: a written script of another rate differs."""
    from dualtrain.porting import _port, _written

    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    right = _written.written_rates
    monkeypatch.setattr(
        _port, "written_rates", lambda *args: [one * (1 + 1e-15) for one in right(*args)]
    )
    ported = dualtrain.port(script, "torch", tmp_path / "out", micro_batches=9)
    assert ported.largest is not None and ported.largest > 0
    assert "Its rates differ" in (tmp_path / "out" / "report.md").read_text()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    script, out = tmp_path / "train.py", tmp_path / "out"
    script.write_text(SCRIPT)
    out.mkdir()
    (out / "train.py").write_text("mine")
    with pytest.raises(OutputError, match=r"train\.py"):
        dualtrain.port(script, "torch", out)
    assert (out / "train.py").read_text() == "mine"
