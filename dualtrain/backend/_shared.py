"""What is the same in every framework, said once over its verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import targets
from dualtrain.backend._averages import Averages
from dualtrain.backend._batch_norm import use_rule
from dualtrain.backend._clip import Clipper
from dualtrain.backend._freeze import freeze_tensors, is_frozen
from dualtrain.backend._gradients import (
    dumped_gradients,
    dumped_statistics,
    gradients_used,
    take_gradients,
)
from dualtrain.backend._masters import Masters, master_of, masters_of, read_masters
from dualtrain.backend._match import check_weights
from dualtrain.backend._named import type_of
from dualtrain.backend._notes import notes_of
from dualtrain.backend._shared_batch_norm import Counts, share_batch_norms
from dualtrain.backend._state import dumped_state, take_state
from dualtrain.backend._verbs import Verbs, parameters_in
from dualtrain.errors import BackendError
from dualtrain.ledger import Ledger, Parameter, live_decay, live_multiplier
from dualtrain.spec import Amp, BatchNormRule, Clip
from dualtrain.state import Arrays, TensorState

__all__ = ["SharedVerbs"]

BFLOAT16 = 2.0**-7
"""Its epsilon; numpy has no such type."""


class SharedVerbs:
    """The verbs that a backend has by having the others.

    A backend package binds them: `dump_weights = SharedVerbs(package).dump_weights`.
    """

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs

    def parameters(self, model: Any) -> list[Parameter]:
        """Every parameter of the model once, a tied one under its first name with the others.

        Running statistics are none; Paddle lists them as parameters, torch as buffers. Names are
        those inside a wrapper such as `torch.compile`'s or `paddle.DataParallel`.

        Raises `BackendError` for a parameter that has no values yet.
        """
        tensors = parameters_in(self._verbs, model)
        return [
            Parameter(
                name=f.name,
                structured=f.structured,
                native=f.native,
                shape=f.shape,
                kind=f.kind,
                trainable=f.trains or is_frozen(f),
                dtype=type_of(f.tensor),
                aliases=f.aliases,
                structured_aliases=f.structured_aliases,
                facts=facts,
            )
            for f, facts in zip(tensors, self._verbs.facts_of(model, tensors), strict=True)
        ]

    def freeze(self, model: Any, ledger: Ledger) -> None:
        """Let the model's parameters have gradients, or not, as the ledger says.

        Those that an earlier call froze and this ledger does not are thawed; what the model held
        still before stays so. With `batch_stats: keep` the running statistics of layers whose
        parameters all stand still do, too.
        """
        freeze_tensors(self._verbs, model, ledger)
        self._verbs.mend_frozen(model)

    def load_weights(self, model: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy the arrays into the model, cast to the type of each of its tensors.

        weights: canonical name -> float32 array in canonical layout, for every parameter and
        running statistic, nothing more and nothing less (a tied parameter once). torch's counter
        `num_batches_tracked` is neither.

        Raises `CheckpointError` naming every tensor that does not fit, before anything is changed.
        """
        found = list(self._verbs.named_tensors(model))
        check_weights({f.name: f.shape for f in found}, weights)
        for f in found:
            for tensor in (f.tensor, master_of(f.tensor)):
                self._verbs.set_array(tensor, f.to_native(weights[f.name]))

    def dump_weights(self, model: Any) -> dict[str, NDArray[np.float32]]:
        """Canonical name -> a copy as float32, for every parameter and running statistic, by name.

        bfloat16 and float16 become float32 exactly; float64 is rounded. At AMP level O2 they are
        the master weights, with what was written into the model since the last update.
        """
        found = sorted(self._verbs.named_tensors(model), key=lambda f: f.name)
        read_masters(self._verbs, [f.tensor for f in found])
        arrays = ((f, self._verbs.to_numpy(master_of(f.tensor))) for f in found)
        return {f.name: np.array(f.to_canonical(a), order="C") for f, a in arrays}

    def dump_state(self, model: Any, optimizer: Any = None) -> TensorState:
        """Copies of all that the next update depends on; of the weights alone without optimizer.

        `own`: the framework's random state, of the CPU and of a CUDA device; the model's buffers
        that are no running statistics but are kept with it, torch's `num_batches_tracked` among
        them; what Paddle's optimizers keep of `step`.
        """
        return dumped_state(self._verbs, model, optimizer)

    def load_state(self, model: Any, optimizer: Any, state: TensorState) -> None:
        """Take a state: the optimizer, if not None, has then what it says of it, and no more.

        Raises `CheckpointError` naming every weight that does not fit, before anything is changed.
        """
        take_state(self._verbs, model, optimizer, state)

    def dump_gradients(self, model: Any) -> dict[str, NDArray[Any]]:
        """Canonical name -> a copy of the gradient, for every parameter that has one.

        As backward passes have left it, in float32, or in float64 where the parameter is; of one
        with a master the master's.
        """
        return dumped_gradients(self._verbs, model)

    def load_gradients(self, model: Any, gradients: Arrays) -> None:
        """Let the parameters have gradients as `dump_gradients` gives them, and no others."""
        take_gradients(self._verbs, model, gradients)

    def dump_statistics(self, model: Any) -> dict[str, NDArray[Any]]:
        """Canonical name -> a copy, for every running statistic."""
        return dumped_statistics(self._verbs, model)

    def clipped_gradients(self, model: Any, clip: Clipper) -> dict[str, NDArray[Any]]:
        """Canonical name -> the gradient that the last step used, of a clip that keeps them."""
        return gradients_used(self._verbs, model, clip.used)

    def effective_decay(self, optimizer: Any, model: Any) -> dict[str, float]:
        """Canonical name -> weight decay, as the live optimizer gives it in an update."""
        return live_decay(optimizer.dualtrain_wiring, self._verbs.trial(optimizer, model))

    def effective_lr_multiplier(self, optimizer: Any, model: Any) -> dict[str, float]:
        """Canonical name -> multiplier of the rate, as the live optimizer has it in an update.

        It is that of the rates from before any schedule.
        """
        return live_multiplier(optimizer.dualtrain_wiring, self._verbs.trial(optimizer, model))

    def notes(self, model: Any) -> list[str]:
        """Sentences about dropout, and about what training changes without a trace of it."""
        return notes_of(self._verbs, model)

    def build_clip(self, clip: Clip | None, *, measure: bool = False) -> Clipper | None:
        """The object that clips an optimizer's gradients; None where there is nothing to do.

        measure: take the joint norm of the gradients before and after clipping, at each step.
        """
        return self._verbs.StepClipper(clip, measure=measure) if clip or measure else None

    def build_averages(self, model: Any, *, statistics: bool = False) -> Averages:
        """The averages of the weights that train; they start as the weights of now.

        statistics: whether running statistics are averaged, too.
        """
        return Averages(self._verbs, model, statistics=statistics)

    def build_masters(self, amp: Amp | None, model: Any, optimizer: Any) -> Masters | None:
        """Level O2: cast the model, give its new optimizer float32 masters; None below it.

        Raises `BackendError` if the model has masters already, or parameters that train in a low
        type, or with AMP parameters in float64.
        """
        return masters_of(self._verbs, amp, model, optimizer)

    def use_batch_norm(self, model: Any, rule: BatchNormRule) -> Callable[[], None]:
        """Let a model's batch norms follow the rule of a spec's `batch_norm`.

        Returns what gives them their framework's own one back; to be called once.
        """
        return use_rule(self._verbs.batch_norms, model, rule)

    def share_batch_norm(
        self, model: Any, rule: BatchNormRule, counts: Counts
    ) -> Callable[[], None]:
        """Let a model's batch norms have the rows of all processes, where `counts` is not None.

        Returns what ends that. Raises `BackendError` for one that is not the framework's own.
        """
        return share_batch_norms(self._verbs, model, rule, counts)

    def check_gradients(self, optimizer: Any) -> None:
        """Refuse sparse gradients, such as `F.embedding(sparse=True)` gives, before an update."""
        for parameter in self._verbs.held(optimizer):
            if parameter.grad is not None and self._verbs.is_sparse(parameter.grad):
                raise BackendError(
                    "gradients must be dense: call embedding functions without sparse=True. "
                    f"Received: a sparse one of shape {tuple(parameter.shape)}"
                )

    def scaled(self, loss: Any, scale: float) -> Any:
        """loss x scale in float32: 65536, where scaling starts, is infinite in float16."""
        return self._verbs.cast(loss, "float32") * scale

    def cross_entropy_sum(self, logits: Any, labels: Any, *, label_smoothing: float = 0.0) -> Any:
        """Sum over the targets of -sum_c q_c log softmax(logits)_c, in float32, or in float64.

        logits: (..., classes); in float64 they stay so. labels: class numbers of any width, (...),
        where -100 does not count; or floats, (..., classes): q itself, where a row of zeros does
        not count.
        label_smoothing: e; q, the one-hot label or the soft one, becomes (1 - e) q + e / classes.

        Never the built-in mean: Paddle 3.x divides it by all targets, ignored ones too. Raises
        `DataError` if the shapes do not fit, and for labels that are no targets where they lie on
        the CPU; those on another device are not waited for (`dualtrain.fit` looks at its labels
        before they go there).
        """
        cast, soft = self._verbs.cast, bool(labels.is_floating_point())
        targets.check_shapes(logits.shape, labels.shape, soft=soft)
        if self._verbs.is_at_hand(labels):
            self._check_values(labels.detach(), logits.shape[-1])
        wide = "float64" if type_of(logits) == "float64" else "float32"
        logits = cast(logits, wide)
        if soft:
            q = targets.smoothed(cast(labels, wide), label_smoothing)
            return -(q * self._verbs.log_softmax(logits)).sum()
        return self._verbs.cross_entropy(logits, labels, label_smoothing)

    def _check_values(self, labels: Any, classes: int) -> None:
        if type_of(labels) == "bfloat16":
            wide = self._verbs.cast(labels, "float32")
            targets.check_values(wide.numpy(), classes, epsilon=BFLOAT16)
        else:
            targets.check_values(labels.numpy(), classes)
