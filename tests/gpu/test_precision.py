"""AMP O1 and O2 with overflows: skips, scales and masters are those of torch's own loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from dualtrain import Spec, fit, start
from dualtrain.backend import Backend, master_of
from dualtrain.training import Run
from tests.builders import spec_of
from tests.gpu.nets import Batches, batches, mlp

UPDATES = 30
SCALING: dict[str, Any] = {
    "init": 2.0**24,
    "growth_factor": 8.0,
    "backoff_factor": 0.25,
    "growth_interval": 6,
}
"""Over the largest float16, so that the first gradients overflow; and it comes to that again."""


def spec_in(device: str, amp: dict[str, Any] | None, **changes: Any) -> Spec:
    usual: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 3e-3},
        "duration": {"updates": UPDATES},
    }
    return spec_of(**usual | changes, device=device, amp=amp)


def loss_of(model: Any, given: Any, device: Any) -> Any:
    """The mean cross-entropy, in float32."""
    x, y = (torch.from_numpy(given[name]).to(device) for name in ("input", "labels"))
    return F.cross_entropy(model(x).float(), y)


def native(device: str) -> tuple[list[float], list[bool], Any]:
    """torch's own loop: `autocast`, `GradScaler`, AdamW; scales, skips, the model."""
    kind = torch.device(device).type
    model = mlp().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.0, fused=True)
    words = {name.replace("init", "init_scale"): value for name, value in SCALING.items()}
    scaler = torch.amp.GradScaler(kind, **words)
    scales, skips = [], []
    for index in range(UPDATES):
        with torch.autocast(kind, torch.float16):
            loss = loss_of(model, batches()[index % 5], device)
        scales.append(scaler.get_scale())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        skips.append(scaler.get_scale() < scales[-1])
        optimizer.zero_grad()
    return scales, skips, model


def steps(run: Run, given: Batches) -> list[Any]:
    """Every update of a run, one micro-batch each; what became of it."""
    done = []
    for index in range(UPDATES):
        with run.autocast():
            loss = loss_of(run.model, given[index % len(given)], run.device)
        done.append(run.step(loss))
    return done


def test_o1_with_overflows_is_torchs_own_loop(device: str, backend: Backend) -> None:
    """Which updates are skipped, every scale, and the weights in the end."""
    scales, skips, model = native(device)
    assert skips[0]
    assert 1 < sum(skips[1:]) < UPDATES - 10, "the scale grows until it overflows again"
    spec = spec_in(device, {"dtype": "float16", "level": "O1", "loss_scale": SCALING})
    run = start(spec, mlp(), micro_batches_per_epoch=5)
    done = steps(run, batches())
    assert [applied.skipped for applied in done] == skips
    assert [applied.loss_scale for applied in done] == scales
    assert run.t == UPDATES - sum(skips)
    found = dict(run.model.named_parameters())
    for name, expected in model.named_parameters():
        torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_o2_moves_float32_masters_and_rounds_them_into_the_model(
    dtype: str, device: str, backend: Backend
) -> None:
    """Before and after a skip, which in float16 is forced by the first scale; torch's loop too."""
    amp: dict[str, Any] = {"dtype": dtype, "level": "O2"}
    if dtype == "float16":
        amp |= {"loss_scale": SCALING}
    run = start(spec_in(device, amp), mlp(), micro_batches_per_epoch=5)
    low = getattr(torch, dtype)
    skipped = 0
    for index in range(UPDATES):
        before = [master_of(p).detach().clone() for p in run.model.parameters()]
        with run.autocast():
            loss = loss_of(run.model, batches()[index % 5], run.device)
        applied = run.step(loss)
        assert applied is not None
        skipped += applied.skipped
        for parameter, old in zip(run.model.parameters(), before, strict=True):
            master = master_of(parameter)
            assert (parameter.dtype, master.dtype) == (low, torch.float32)
            assert master.device.type == parameter.device.type == torch.device(device).type
            assert torch.equal(parameter, master.to(low))
            assert torch.equal(master, old) == applied.skipped
    assert (skipped > 1) == (dtype == "float16")


@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_products_are_in_the_low_type_and_the_run_is_near_float32s(
    dtype: str, level: str, device: str, tmp_path: Any
) -> None:
    """2^-10 and 2^-7 are the types' epsilons; some products behind one another round."""
    epsilon = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    spec = spec_in(device, {"dtype": dtype, "level": level}, clip={"global_norm": 1.0})
    run = start(spec, mlp(), micro_batches_per_epoch=5)
    x = torch.from_numpy(batches()[0]["input"]).to(run.device)
    with run.autocast():
        assert run.model(x).dtype == getattr(torch, dtype)
    mixed = fit(spec, mlp(), batches())
    plain = fit(spec_in(device, None, clip={"global_norm": 1.0}), mlp(), batches())
    losses = [[update.loss for update in made] for made in (mixed, plain)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=8 * epsilon)


def test_a_second_forward_pass_keeps_the_float32_operators(device: str) -> None:
    """Gradient checkpointing: on CUDA the backward pass runs in torch's own threads."""

    class Net(torch.nn.Module):
        def __init__(self, again: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.last = torch.nn.Linear(16, 32), torch.nn.Linear(32, 4)
            self.again = again
            self.seen: list[Any] = []

        def block(self, h: Any) -> Any:
            h = torch.softmax(4 * F.gelu(h), -1)
            self.seen.append(h.dtype)
            return h * h.mean()

        def forward(self, input: Any) -> Any:
            h = self.first(input)
            h = checkpoint(self.block, h, use_reentrant=False) if self.again else self.block(h)
            return self.last(h)

    for kept in ([], ["gelu", "softmax"]):
        losses = []
        for again in (False, True):
            amp = {"dtype": "bfloat16", "level": "O1", "float32_operators": kept}
            net = Net(again)
            made = fit(spec_in(device, amp, duration={"updates": 5}), net, batches())
            losses.append([update.loss for update in made])
            assert len(net.seen) == 5 * (1 + again)
            assert len(set(net.seen)) == 1, "computed again in another type"
        assert losses[0] == losses[1]
