"""Predictions of a finished run, in either framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import load_backend
from dualtrain.errors import CheckpointError
from dualtrain.files import read_header
from dualtrain.training.checks._outputs import AVERAGES, BEST, FINAL_WEIGHTS
from dualtrain.training.observers._probe import logits_in_evaluation
from dualtrain.training.sides._saved import read_task

__all__ = ["Weights", "predict"]

Weights = Literal["final", "best", "averages"]
"""Those of the last update, of the best evaluation, or their moving averages."""

_FILES: Mapping[str, str] = {"final": FINAL_WEIGHTS, "best": BEST, "averages": AVERAGES}


def predict(
    run: Path,
    data: Path,
    *,
    backend: str | None = None,
    weights: Weights = "final",
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """What the model of a finished run predicts for the rows of a file, in their order.

    run: the folder that `train` was given as `output`. data: a file with the columns of the task's
    inputs; its answers may be absent. backend: of the run, if absent; the other gives the same
    within rounding. The model computes in float32, without dropout.

    Each prediction has `line`, where in the file it is for, `prediction`, and what else the task
    tells of it, as `probability`; of a token classification there is one for each word.

    Raises `CheckpointError` for a folder without what is needed, and for weights that are no
    longer numbers, which would predict any class; `DataError` for the file,
    `BackendError` for a framework or a device that is not there.
    """
    saved = read_task(run)
    arrays = _read_weights(run, weights)
    predictor = saved.task.predictor(run)
    samples = predictor.read(data)
    verbs = load_backend(backend or saved.backend)
    opened = verbs.open_device(device)
    model = verbs.build_model(predictor.config)
    verbs.load_weights(model, arrays)
    model = verbs.place(model, opened)
    rows: list[dict[str, Any]] = []
    with predictor.running():
        for start in range(0, len(samples), saved.batch):
            indices = np.arange(start, min(start + saved.batch, len(samples)))
            output = logits_in_evaluation(verbs, model, opened, samples.batch(indices))
            rows += map(dict, samples.predictions(indices, output))
    return rows


def _read_weights(run: Path, weights: str) -> dict[str, NDArray[np.float32]]:
    from safetensors.numpy import load_file

    if weights not in _FILES:
        raise CheckpointError(f"weights must be one of {', '.join(_FILES)}. Received: {weights!r}")
    path = run / _FILES[weights]
    if not path.exists():
        there = [name for name, file in _FILES.items() if (run / file).exists()]
        raise CheckpointError(
            f"{run}: must have {path.name}, the weights {weights!r}: ask for others. "
            f"Received: {', '.join(there) or 'none'}"
        )
    try:
        wrong = {kind for kind, _ in read_header(path).values()} - {"F32"}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: must be a safetensors file. Received: {error}") from None
    if wrong:
        raise CheckpointError(f"{path}: weights are in float32 (F32). Received: {wrong.pop()}")
    arrays = dict(load_file(path))
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{path}: weights must be numbers, to predict with: the run has diverged; ask for "
                f"others (weights), or train anew. Received: {name}, not finite"
            )
    return arrays
