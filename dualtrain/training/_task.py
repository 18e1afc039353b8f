"""One side of a task, start to end: data, model, initial weights, the loop, evaluation, files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dualtrain.backend import Backend, load_backend
from dualtrain.data import EpochBatches, Prepared, batches_of_epoch, held_out_batches, prepare
from dualtrain.errors import Problem, SpecError
from dualtrain.ledger import Ledger, Parameter, decide
from dualtrain.model import (
    ModelConfig,
    checkpoint_notes,
    fresh_config,
    initial_weights,
    read_checkpoint_config,
    save_config,
)
from dualtrain.spec import CheckpointModel, ReduceOnPlateau, Spec, TextClassification
from dualtrain.training._before import check_before
from dualtrain.training._epochs import Epochs
from dualtrain.training._header import describe
from dualtrain.training._loop import make_updates
from dualtrain.training._objective import objective_of
from dualtrain.training._observer import Observer, Observers, Score
from dualtrain.training._plateau import PlateauMetric
from dualtrain.training._probe import evaluation_logits
from dualtrain.training._recorder import Recorder
from dualtrain.training._run import Run
from dualtrain.training._watch import Watch

__all__ = ["ledger", "model_config", "task_of", "train"]


def train(
    spec: Spec,
    backend: str,
    *,
    data: Prepared | None = None,
    trace: Path | None = None,
    output: Path | None = None,
    nudge: bool = False,
    observer: Observer | None = None,
) -> Score | None:
    """Train the spec's task with one backend; its score, or None without an `eval` file.

    data: the prepared data, when that has been done already.
    trace: file for the trace; the gradient norms are measured too then.
    output: folder for the trained model, a Hugging Face checkpoint; with `spec.ema` the averages
        too, as `ema.safetensors`, and with `trace` the initial weights, so that the trace can be
        compared by how far training moved the weights. The score is that of the averages.
    nudge: move one weight matrix by 1 ULP before training, to measure the chaos floor.
    """
    if data is None:  # else whoever prepared it has done so
        check_before(spec, task_of(spec))
    verbs = load_backend(backend)
    device = verbs.open_device(spec.device)  # before any work: a missing device stops here
    verbs.check_amp(spec.amp, device)
    data = data if data is not None else prepare(spec)
    config = model_config(spec, data)
    batches = batches_of_epoch(spec, data)
    epochs = Epochs(batches)
    run = Run(
        spec.plan(micro_batches_per_epoch=epochs.count),
        verbs.place(_model(spec, config, verbs, nudge=nudge), device),
        backend=verbs,
        device=device,
        measure=trace is not None,
    )
    told = _told(spec, config, data, verbs.parameters(run.model))
    with Recorder(run, trace=trace, output=output) as recorder:
        observers = Observers(Watch(run), _metric(run, data), observer, recorder)
        observers.told(told)
        if trace is not None:
            observers.ready(
                describe(
                    run,
                    probe=evaluation_logits(run, batches(0)[0]),
                    data_digest=data.digest,
                    notes=[*told, *_notes(config)],
                )
            )
        make_updates(run, epochs, objective_of(run), observers)
        with run.averaged():
            score = _evaluate(run, held_out_batches(spec, data))
        if score is not None:
            observers.evaluated(score)
        if output is not None:
            save_config(
                output,
                config,
                classes=data.classes,
                tokenizer=data.tokenizer,
                tokenizer_config=data.tokenizer_config,
            )
        observers.ended()
    return score


def ledger(spec: Spec, backend: str) -> Ledger:
    """What the spec's rules decide for every parameter of the task's model."""
    verbs = load_backend(backend)
    model = verbs.build_model(model_config(spec, prepare(spec)))
    return decide(verbs.parameters(model), spec)


def model_config(spec: Spec, data: Prepared) -> ModelConfig:
    """The model that the task asks for, sized for its tokenizer and its classes."""
    model, classes = task_of(spec).model, len(data.classes)
    if isinstance(model, CheckpointModel):
        folder = spec.folder / model.path
        return read_checkpoint_config(folder, classes=classes, dropout=model.dropout)
    return fresh_config(model, vocab_size=data.vocab_size, pad_id=data.pad_id, classes=classes)


def task_of(spec: Spec) -> TextClassification:
    """The spec's task. Raises `SpecError` if it has none."""
    if spec.task is None:
        rule = "is needed to train from a spec alone"
        raise SpecError((Problem(where="task", rule=rule, received="nothing"),))
    return spec.task


def _model(spec: Spec, config: ModelConfig, backend: Backend, *, nudge: bool) -> Any:
    """The native model with its initial weights, the same ones in every framework."""
    model = backend.build_model(config)
    start = task_of(spec).model
    parameters = backend.parameters(model)
    decide(parameters, spec)  # before the weights, which take longest: refused at once, or not
    if isinstance(start, CheckpointModel):
        folder = spec.folder / start.path
        weights = initial_weights(
            parameters, config, seed=spec.seed, checkpoint=folder, head=start.head
        )
    else:
        weights = initial_weights(parameters, config, seed=spec.seed, checkpoint=None)
    if nudge:
        name = next(p.name for p in parameters if p.kind == "other" and len(p.shape) == 2)
        weights[name] = np.nextafter(weights[name], np.float32(np.inf))
    backend.load_weights(model, weights)
    return model


def _metric(run: Run, data: Prepared) -> PlateauMetric | None:
    """The held-out loss, for a schedule that waits for a metric."""
    if not isinstance(run.plan.spec.schedule, ReduceOnPlateau):
        return None
    batches = held_out_batches(run.plan.spec, data)

    def held_out_loss(model: Any) -> float:
        score = _evaluate(run, batches)
        assert score is not None, "a spec with reduce_on_plateau has an eval file"
        return score.loss

    return PlateauMetric(run, held_out_loss)


def _told(
    spec: Spec, config: ModelConfig, data: Prepared, parameters: Sequence[Parameter]
) -> list[str]:
    """What became of the checkpoint that the spec starts from; nothing for a fresh model."""
    start = task_of(spec).model
    if not isinstance(start, CheckpointModel):
        return []
    folder = spec.folder / start.path
    return checkpoint_notes(folder, parameters, config, classes=data.classes, head=start.head)


def _notes(config: ModelConfig) -> list[str]:
    if config.dropout or config.attention_dropout or config.classifier_dropout:
        return []
    return ["dropout is 0: masks cannot match across frameworks"]


def _evaluate(run: Run, batches: EpochBatches | None) -> Score | None:
    """Accuracy and mean cross-entropy (float64, in numpy) over the held-out split."""
    if batches is None:
        return None
    correct, loss = 0, 0.0
    for batch in batches:
        logits = evaluation_logits(run, batch).astype(np.float64)
        labels = batch["labels"]
        correct += int((logits.argmax(axis=-1) == labels).sum())
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
        loss += float((np.log(np.exp(logits).sum(axis=-1)) - chosen).sum())
    total = len(batches.indices)
    return Score(correct=correct, total=total, loss=loss / total)
