"""A loader that draws from a generator of its own goes on where it was, or it is told that not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle.io
import pytest
import torch

from dualtrain.backend import load_backend
from dualtrain.errors import TrainingWarning
from tests.builders import spec_of
from tests.conformance.test_checkpoints import Job, left_after, micro_batches

SPEC = spec_of(duration={"epochs": 3}, batch={"accumulate": 2})


def of_torch() -> Any:
    generator = torch.Generator().manual_seed(3)
    words: dict[str, Any] = {"collate_fn": lambda one: one[0], "generator": generator}
    data: Any = micro_batches()
    return torch.utils.data.DataLoader(data, batch_size=1, shuffle=True, **words)


def of_sampler() -> Any:
    """The generator is the sampler's; the loader's seeds come from torch's own."""
    torch.manual_seed(5)
    data: Any = micro_batches()
    sampler = torch.utils.data.RandomSampler(data, generator=torch.Generator().manual_seed(3))
    return torch.utils.data.DataLoader(data, sampler=sampler, batch_size=None)


@pytest.mark.parametrize("loader", [of_torch, of_sampler])
@pytest.mark.parametrize("name", ["torch", "paddle"])
@pytest.mark.parametrize("made", [2, 4, 7, 9])
def test_a_generator_of_the_loaders_own(tmp_path: Path, name: str, made: int, loader: Any) -> None:
    job = Job(load_backend(name), SPEC, loader, tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(made))
    job("left", resume=True)
    assert job.held("left") == job.held("whole")


def test_one_that_cannot_be_kept_is_told_of(tmp_path: Path) -> None:
    """Paddle's sampler takes a generator of Python's."""

    class Samples(paddle.io.Dataset):
        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Any:
            return micro_batches()[index]

    def numbers() -> Iterator[int]:
        while True:
            yield int(np.random.randint(7))

    def loader() -> Any:
        words: dict[str, Any] = {"replacement": True, "num_samples": 7, "generator": numbers()}
        sampler = paddle.io.RandomSampler(Samples(), **words)
        batches = paddle.io.BatchSampler(sampler=sampler, batch_size=1)
        kept: dict[str, Any] = {"batch_sampler": batches, "collate_fn": lambda one: one[0]}
        return paddle.io.DataLoader(Samples(), **kept)

    job = Job(load_backend("paddle"), SPEC, loader, tmp_path)
    with pytest.warns(TrainingWarning, match="generator of its own whose state cannot be kept"):
        job("whole")
