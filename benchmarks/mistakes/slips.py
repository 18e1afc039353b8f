"""Slips of a rule, each as a patch of one side, either framework's, that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import dualtrain_paddle
import dualtrain_torch
from benchmarks.mistakes import nets
from benchmarks.mistakes.faults import misread
from benchmarks.mistakes.mistake import Slip
from dualtrain.ledger import LedgerRow
from dualtrain.state import Arrays, TensorState
from dualtrain.training import Run

__all__ = [
    "average_one_late",
    "by_side",
    "clip_by_rank",
    "correct_late",
    "dampen",
    "decay_after",
    "decay_at",
    "decay_unseen",
    "eps_inside",
    "eps_outside",
    "forget_clip",
    "leave_out_a_sample",
    "multiply",
    "norm_eps",
    "other_rule",
    "smooth",
    "step_schedule_first",
    "transpose_squares",
    "wrong_mean",
    "wrong_step",
]

Doubles = NDArray[np.float64]

VERBS: Mapping[str, ModuleType] = {"torch": dualtrain_torch, "paddle": dualtrain_paddle}


def by_side(**slips: Slip) -> Slip:
    """Each framework's own way to make it."""
    return lambda patch, side: slips[side](patch, side)


def decay_at(decay: float, *roles: str) -> Slip:
    """Let parameters of these roles, or all, decay at this rate."""

    def wrong(row: LedgerRow, ledger: Any) -> LedgerRow:
        return replace(row, decay=decay) if not roles or {*roles} <= {*row.roles} else row

    return lambda patch, side: misread(patch, VERBS[side], wrong)


def multiply(factor: float, *, only: str = "") -> Slip:
    """Let parameters, or one, learn at another rate."""

    def wrong(row: LedgerRow, ledger: Any) -> LedgerRow:
        if only not in row.parameter.name:
            return row
        return replace(row, lr_multiplier=row.lr_multiplier * factor)

    return lambda patch, side: misread(patch, VERBS[side], wrong)


def other_rule(**words: Any) -> Slip:
    """Build the optimizer with other words."""

    def made(patch: pytest.MonkeyPatch, side: str) -> None:
        build = VERBS[side].build_optimizer

        def wrong(rule: Any, *rest: Any, **settings: Any) -> Any:
            return build(rule.model_copy(update=words), *rest, **settings)

        patch.setattr(VERBS[side], "build_optimizer", wrong)

    return made


def step_schedule_first(patch: pytest.MonkeyPatch, side: str) -> None:
    """Step the schedule once before the first update."""
    build = VERBS[side].build_schedule

    def ahead(plan: Any, optimizer: Any, **settings: Any) -> Any:
        schedule = build(plan, optimizer, **settings)
        schedule.step()
        return schedule

    patch.setattr(VERBS[side], "build_schedule", ahead)


def forget_clip(patch: pytest.MonkeyPatch, side: str) -> None:
    """Leave gradients as they are."""
    clipper = VERBS[side].StepClipper
    patch.setattr(clipper, "by_global_norm", lambda self, gradients, c: gradients)


def clip_by_rank(patch: pytest.MonkeyPatch, side: str) -> None:
    """Clip matrices by their joint norm, and all other tensors by theirs."""
    clipper = VERBS[side].StepClipper
    clip = clipper.by_global_norm

    def by_group(self: Any, gradients: Any, c: float) -> Any:
        norm, self.norm = self.norm, None
        measure, self.measure = self.measure, False
        for matrices in (True, False):
            group = [i for i, g in enumerate(gradients) if (_tensor(g).ndim > 1) == matrices]
            for i, g in zip(group, clip(self, [gradients[i] for i in group], c), strict=True):
                gradients[i] = g
        self.norm, self.measure = norm, measure
        return gradients

    patch.setattr(clipper, "by_global_norm", by_group)


def _tensor(given: Any) -> Any:
    """Of what a clip is given: a gradient, or a parameter with its gradient."""
    return given[1] if isinstance(given, tuple) else given


def wrong_mean(patch: pytest.MonkeyPatch, side: str) -> None:
    """Divide by all labels, -100 or not."""
    right = VERBS[side].cross_entropy_sum

    def summed(logits: Any, labels: Any, **settings: Any) -> Any:
        counted = float((labels != -100).sum())
        return right(logits, labels, **settings) * (counted / labels.numel())

    patch.setattr(VERBS[side], "cross_entropy_sum", summed)


def smooth(share: float) -> Slip:
    """Smooth labels that are to be hard."""

    def made(patch: pytest.MonkeyPatch, side: str) -> None:
        right = VERBS[side].cross_entropy_sum

        def summed(logits: Any, labels: Any, **settings: Any) -> Any:
            return right(logits, labels, **{**settings, "label_smoothing": share})

        patch.setattr(VERBS[side], "cross_entropy_sum", summed)

    return made


def leave_out_a_sample(patch: pytest.MonkeyPatch, side: str) -> None:
    """Leave the first sample out of the gradient, though not out of the loss."""
    right = VERBS[side].cross_entropy_sum

    def summed(logits: Any, labels: Any, **settings: Any) -> Any:
        first = right(logits[:1], labels[:1], **settings)
        return right(logits, labels, **settings) - first + first.detach()

    patch.setattr(VERBS[side], "cross_entropy_sum", summed)


def norm_eps(eps: float) -> Slip:
    """Build a BERT whose norms have another eps."""

    def made(patch: pytest.MonkeyPatch, side: str) -> None:
        build = nets.BERT.build[side]

        def wrong() -> Any:
            with pytest.MonkeyPatch.context() as inner:
                inner.setitem(nets.CONFIG, "layer_norm_eps", eps)
                return build()

        patch.setitem(nets.BERT.build, side, wrong)

    return made


def transpose_squares(patch: pytest.MonkeyPatch, side: str) -> None:
    """Take square matrices for transposed, in both directions: only what a model makes tells."""
    walk = VERBS[side].named_tensors

    def turned(model: Any) -> Any:
        for found in walk(model):
            matrix = len(found.shape) == 2 and found.kind != "embedding"
            square = matrix and found.shape[0] == found.shape[1]
            yield found._replace(is_transposed=found.is_transposed != square)

    patch.setattr(VERBS[side], "named_tensors", turned)


def average_one_late(patch: pytest.MonkeyPatch, side: str) -> None:
    """Take into the averages the weights of before the update."""
    apply, average = Run._apply, Run._average

    def applied(run: Run) -> bool:
        if side == run.backend.NAME:
            average(run)
        return apply(run)

    def averaged(run: Run) -> None:
        if side != run.backend.NAME:
            average(run)

    patch.setattr(Run, "_apply", applied)
    patch.setattr(Run, "_average", averaged)


@dataclass(frozen=True, kw_only=True)
class Step:
    """An update of a parameter that the framework has made, for who makes it otherwise."""

    weight: Doubles
    """Before it."""
    gradient: Doubles
    """As the optimizer used it."""
    kept_before: Arrays
    kept: Arrays
    """What the optimizer keeps, after it."""
    lr: float
    decay: float
    rule: Any


Wrong = Callable[[Step], Mapping[str, Doubles]]
"""What a wrong update has more than the right one: `weight`, or a state by its neutral name."""


def wrong_step(wrong: Wrong) -> Slip:
    """Add to what each update has made what a wrong one has more."""

    def made(patch: pytest.MonkeyPatch, side: str) -> None:
        apply = Run._apply

        def applied(run: Run) -> bool:
            if side != run.backend.NAME:
                return apply(run)
            assert run.clip is not None and run.plan.ledger is not None
            run.clip.keeps = True
            before, lr = _tensors(run), run.backend.learning_rate(run.optimizer)
            made = apply(run)
            after, used = _tensors(run), run.backend.clipped_gradients(run.model, run.clip)
            weights, kept = dict(after.weights), dict(after.optimizer)
            for row in run.plan.ledger.rows:
                name = row.parameter.name
                if name not in used:
                    continue
                step = Step(
                    weight=before.weights[name].astype(np.float64),
                    gradient=used[name].astype(np.float64),
                    kept_before=before.optimizer.get(name, {}),
                    kept=kept[name],
                    lr=lr * row.lr_multiplier,
                    decay=row.decay,
                    rule=run.plan.spec.rule,
                )
                more = wrong(step)
                weights[name] = _plus(weights[name], more.get("weight"))
                kept[name] = {n: _plus(a, more.get(n)) for n, a in kept[name].items()}
            tensors = replace(after, weights=weights, optimizer=kept)
            run.backend.load_state(run.model, run.optimizer, tensors)
            return made

        patch.setattr(Run, "_apply", applied)

    return made


def _plus(array: NDArray[Any], more: Doubles | None) -> NDArray[Any]:
    return array if more is None else np.asarray(array + more, array.dtype)


def _tensors(run: Run) -> TensorState:
    return run.backend.dump_state(run.model, run.optimizer)


def adam_step(step: Step, *, k: int | None = None, inside: bool = False) -> Doubles:
    """AdamW's, without rate and decay. k: the update whose bias is corrected.

    inside: whether eps is under the root.
    """
    (b1, b2), eps = step.rule.betas, step.rule.eps
    k = int(step.kept["step"]) if k is None else k
    m, v = (step.kept[n].astype(np.float64) for n in ("first_moment", "second_moment"))
    m, v = m / (1 - b1**k), v / (1 - b2**k)
    size = np.sqrt(v + eps) if inside else np.sqrt(v) + eps
    quotient: Doubles = np.divide(m, size, out=np.zeros_like(m), where=size != 0)
    return quotient


def decay_after(step: Step) -> Mapping[str, Doubles]:
    """AdamW, the decay of what the step has left."""
    return {"weight": step.lr * step.decay * step.lr * adam_step(step)}


def decay_unseen(share: float) -> Wrong:
    """Every weight a little smaller."""
    return lambda step: {"weight": -share * step.weight}


def eps_inside(step: Step) -> Mapping[str, Doubles]:
    """AdamW, eps under the root."""
    return {"weight": step.lr * (adam_step(step) - adam_step(step, inside=True))}


def correct_late(step: Step) -> Mapping[str, Doubles]:
    """AdamW, the bias of the update before corrected; at the first that of the first."""
    before = max(int(step.kept["step"]) - 1, 1)
    return {"weight": step.lr * (adam_step(step) - adam_step(step, k=before))}


def eps_outside(step: Step) -> Mapping[str, Doubles]:
    """RMSProp, eps outside the root."""
    gradient = step.gradient + step.decay * step.weight
    v, eps = step.kept["second_moment"].astype(np.float64), step.rule.eps
    more = step.lr * (gradient / (np.sqrt(v) + eps) - gradient / np.sqrt(v + eps))
    return {"velocity": more, "weight": -more}


def dampen(share: float) -> Wrong:
    """Momentum, the gradient entering less than whole, but for the first one."""

    def wrong(step: Step) -> Mapping[str, Doubles]:
        if not step.kept_before:
            return {}
        less = share * (step.gradient + step.decay * step.weight)
        return {"velocity": -less, "weight": step.lr * less}

    return wrong
