"""What torch's clip is given by lines that reading calls a norm of one, of a part or of all."""

from __future__ import annotations

import textwrap

import pytest
import torch

from tests.core.recipes.test_clips_and_frozen import GROUPS, NORMS, TORCH


class Model(torch.nn.Module):
    """Two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x))


@pytest.mark.parametrize(("clips", "one", "many"), NORMS)
def test_the_tensors_of_each_call(
    clips: str, one: str | None, many: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def clip(of: torch.Tensor | list[torch.Tensor], limit: float) -> None:
        sizes.append(1 if isinstance(of, torch.Tensor) else len(list(of)))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    for given, kind in (("model.parameters()", one), (GROUPS, many)):
        sizes.clear()
        script = textwrap.dedent(TORCH).replace("{given}", given).replace("{clips}", clips)
        script = script.replace("torch.nn.Linear(2, 2)", "Model()")
        exec(script, {"Model": Model, "loader": lambda: [torch.ones(2)]})
        met = "global_norm" if sizes == [4] else "norm" if sizes == [1, 1, 1, 1] else None
        assert (met, sum(sizes)) == (kind, 4 if sizes != [2] else 2)
