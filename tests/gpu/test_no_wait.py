"""No wait for the device between two readings of losses; loss scaling waits once an update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from dualtrain import fit
from dualtrain.backend import Backend
from dualtrain.training.run import _journal
from tests.builders import spec_of
from tests.gpu.nets import Batches, batches, cnn, encoder

FIRST, LAST = 6, 26
"""Updates of one run: those between are watched."""
WAITS = ("aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero")
"""Operators that read a number of a tensor; on the CPU they are seen, too, and cost nothing."""
CALLS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
"""What a wait is for CUDA, whoever asks for it."""
SPAN = "between two readings"

CASES: dict[str, dict[str, Any]] = {
    "float32": {},
    "accumulation, clip, averages": {
        "batch": {"accumulate": 2},
        "clip": {"global_norm": 0.5},
        "ema": {"decay": 0.9},
    },
    "clip by norm": {"clip": {"norm": 0.1}},
    "a rule of the core's": {"optimizer": {"name": "lamb", "lr": 1e-3, "eps": 1e-6}},
    "O1, bfloat16": {"amp": {"dtype": "bfloat16", "level": "O1"}},
    "O2, bfloat16": {"amp": {"dtype": "bfloat16", "level": "O2"}, "ema": {"decay": 0.9}},
}


@contextmanager
def no_sync(device: str) -> Iterator[None]:
    """Let torch itself raise where it would wait for CUDA."""
    if torch.device(device).type != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


class Watched:
    """Micro-batches of an epoch; from update FIRST to LAST the loop that takes them is profiled.

    strict: whether torch is to raise where it waits, too.
    """

    def __init__(self, given: Batches, accumulate: int, device: str, *, strict: bool) -> None:
        self._given, self._accumulate = given, accumulate
        self._device, self._strict = device, strict
        self.waits: list[str] = []

    def __len__(self) -> int:
        return len(self._given)

    def __iter__(self) -> Iterator[Any]:
        first, last = FIRST * self._accumulate, LAST * self._accumulate
        yield from self._given[:first]
        activities = [ProfilerActivity.CPU]
        if torch.device(self._device).type == "cuda":
            activities.append(ProfilerActivity.CUDA)
            torch.cuda.synchronize()
        with profile(activities=activities) as seen:
            watch = no_sync(self._device) if self._strict else no_sync("cpu")
            with record_function(SPAN), watch:
                yield from self._given[first:last]
        self.waits = waits_in(seen.events())
        yield from self._given[last:]


def waits_in(events: Any) -> list[str]:
    """The names of what waited, within the span; a profiler waits itself when it ends."""
    (span,) = [
        e for e in events if e.name == SPAN and e.device_type == torch.autograd.DeviceType.CPU
    ]
    begin, end = span.time_range.start, span.time_range.end
    inside = [e for e in events if begin <= e.time_range.start <= end]
    assert any(e.name.startswith("aten::") for e in inside), "the profiler saw no operator"
    return [e.name for e in inside if e.name in (*WAITS, *CALLS) and not is_in_fused(e)]


def is_in_fused(event: Any) -> bool:
    """Whether the fused kernel of the CPU reads its count of steps, which lies there."""
    while event.cpu_parent is not None:
        event = event.cpu_parent
        if event.name.startswith("aten::_fused_adam"):
            return True
    return False


@pytest.fixture(autouse=True)
def one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are read when the run is over, and not before."""
    monkeypatch.setattr(_journal, "READ_EVERY", float("inf"))


def watched(
    device: str, changes: dict[str, Any], net: Callable[[], Any], *, strict: bool, loss: Any = None
) -> list[str]:
    """What waited in the middle of a run of `fit`."""
    spec = spec_of(
        **{
            "schedule": {"name": "linear"},
            "warmup": {"steps": 3},
            "weight_decay": {"value": 0.1, "exclude": ["bias"]},
            "duration": {"epochs": 1},
        }
        | changes,
        device=device,
    )
    size = spec.batch.accumulate
    given = Watched(batches((LAST + 4) * size, 16), size, device, strict=strict)
    made = fit(spec, net(), given, loss=loss)
    assert len(made) == LAST + 4
    return given.waits


@pytest.mark.parametrize("net", [cnn, encoder])
@pytest.mark.parametrize("case", CASES)
def test_nothing_waits(
    case: str,
    net: Callable[[], Any],
    device: str,
    record_property: Callable[[str, object], None],
) -> None:
    """20 updates of the loop: neither an operator that reads, nor a call of CUDA that waits."""
    waits = watched(device, CASES[case], net, strict=True)
    record_property(f"{case}, {net.__name__}", f"{len(waits)} waits in {LAST - FIRST} updates")
    assert waits == []


def test_loss_scaling_waits_once_an_update(
    device: str, record_property: Callable[[str, object], None]
) -> None:
    """Whether the gradients are finite decides whether there is an update, as in GradScaler."""
    amp = {"dtype": "float16", "level": "O1", "loss_scale": {"init": 1024.0}}
    waits = watched(device, {"amp": amp}, encoder, strict=False)
    record_property("float16", f"{waits.count('aten::item')} reads in {LAST - FIRST} updates")
    assert 0 < waits.count("aten::item") <= LAST - FIRST + 1


def test_a_loss_that_reads_a_number_is_seen(device: str, backend: Backend) -> None:
    """The watch objects: to one `item()` an update."""

    def reading(model: Any, tensors: Any) -> Any:
        logits = model(tensors["input"])
        logits.sum().item()
        return backend.cross_entropy_sum(logits, tensors["labels"])

    waits = watched(device, {}, encoder, strict=False, loss=reading)
    assert waits.count("aten::item") >= LAST - FIRST - 1
