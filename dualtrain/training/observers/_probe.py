"""The model's output before training, for the trace: sides that start alike give the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import Backend, kept_modes, logits_of
from dualtrain.training.run._run import Run

__all__ = ["evaluation_logits", "first_rows", "logits_in_evaluation", "probe"]

MOST = 64
"""Samples (of a sequence: tokens) and classes of a probe; enough to tell two models apart."""


def evaluation_logits(run: Run, batch: Any) -> NDArray[np.float32]:
    """The logits of one batch in evaluation mode, (..., classes); the modes are put back."""
    with run.autocast():
        return logits_in_evaluation(run.backend, run.model, run.device, batch)


def logits_in_evaluation(
    backend: Backend, model: Any, device: Any, batch: Any
) -> NDArray[np.float32]:
    """The same without a run."""
    with kept_modes(model, backend.modules(model)), backend.inference():
        model.eval()
        return backend.to_numpy(logits_of(model, backend.to_device(batch, device)))


def probe(run: Run, batch: Any) -> NDArray[np.float32]:
    """The first of these logits, (samples, classes)."""
    return first_rows(np.atleast_1d(evaluation_logits(run, batch)))


def first_rows(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of logits (..., classes) the first, as (samples, classes)."""
    return logits.reshape(-1, logits.shape[-1])[:MOST, :MOST]
