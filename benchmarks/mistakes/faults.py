"""Typical porting mistakes, each as a patch of the Paddle side that makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import dualtrain_paddle
from dualtrain.data import batches_of_epoch
from dualtrain.ledger import Ledger, LedgerRow

Fault = Callable[[pytest.MonkeyPatch], None]


def decay_biases(patch: pytest.MonkeyPatch) -> None:
    """Decay what the spec excludes by the role bias."""
    _decay_role(patch, "bias")


def decay_norms(patch: pytest.MonkeyPatch) -> None:
    """Decay what the spec excludes by the role norm."""
    _decay_role(patch, "norm")


def _decay_role(patch: pytest.MonkeyPatch, role: str) -> None:
    def wrong(row: LedgerRow, ledger: Ledger) -> LedgerRow:
        decays = max(r.decay for r in ledger.rows)
        return replace(row, decay=decays) if row.rule == f"role {role}" else row

    misread(patch, dualtrain_paddle, wrong)


def misread(
    patch: pytest.MonkeyPatch, verbs: Any, wrong: Callable[[LedgerRow, Ledger], LedgerRow]
) -> None:
    """Let a backend wire other rows than the ledger's, freezing and optimizer alike."""
    freeze, build = verbs.freeze, verbs.build_optimizer

    def of(ledger: Ledger) -> Ledger:
        return replace(ledger, rows=tuple(wrong(row, ledger) for row in ledger.rows))

    patch.setattr(verbs, "freeze", lambda model, ledger: freeze(model, of(ledger)))
    patch.setattr(
        verbs,
        "build_optimizer",
        lambda rule, ledger, model, **rest: build(rule, of(ledger), model, **rest),
    )


def forget_the_clip(patch: pytest.MonkeyPatch) -> None:
    """Leave gradients as they are, whatever the spec's clip."""
    patch.setattr(
        "paddle.nn.ClipGradByGlobalNorm.__call__", lambda self, params_grads: params_grads
    )


def leave_square_matrices_untransposed(patch: pytest.MonkeyPatch) -> None:
    """In both directions, so that the weights look right and only the output tells."""
    load, dump = dualtrain_paddle.load_weights, dualtrain_paddle.dump_weights

    def turned(weights: Any) -> Any:
        square = {n for n, w in weights.items() if w.ndim == 2 and w.shape[0] == w.shape[1]}
        return {
            n: w.T.copy() if n in square and "embeddings" not in n else w
            for n, w in weights.items()
        }

    patch.setattr(dualtrain_paddle, "load_weights", lambda m, weights: load(m, turned(weights)))
    patch.setattr(dualtrain_paddle, "dump_weights", lambda m: turned(dump(m)))


def swap_two_batches(patch: pytest.MonkeyPatch) -> None:
    """Exchange micro-batches 2 and 3 of epoch 1."""

    def swapped(data: Any, **how: Any) -> Any:
        right = batches_of_epoch(data, **how)

        def of(epoch: int) -> Any:
            batches = list(right(epoch))
            if epoch == 1:
                batches[2], batches[3] = batches[3], batches[2]
            return batches

        return of

    patch.setattr("dualtrain.training.sides._task_side.batches_of_epoch", swapped)


def divide_the_tail_by_the_full_count(patch: pytest.MonkeyPatch) -> None:
    """Divide by three what an epoch's last group has fewer of."""
    patch.setattr(
        "dualtrain.training.loop._update._divisors",
        lambda normalise, counts: [count * 3 for count in counts],
    )
