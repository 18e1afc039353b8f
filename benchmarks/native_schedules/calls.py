"""Calls of every native schedule: what `dualtrain.native` says of each is measured.

`measure.py` runs the live native object beside the spec that the table has for the call, and
docs/schedules.md is written from what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualtrain.native import Call

UPDATES = 400
"""T of every case."""

PADDLE = "paddle.optimizer.lr"
PADDLENLP = "paddlenlp.transformers.optimization"
PADDLENLP_OPS = "paddlenlp.ops.optimizer.lr"
PADDLENLP_TRAINER = "paddlenlp.trainer.trainer_utils"
TORCH = "torch.optim.lr_scheduler"
TORCH_SWA = "torch.optim.swa_utils"
TRANSFORMERS = "transformers.optimization"

MODULES = (PADDLE, PADDLENLP, PADDLENLP_OPS, PADDLENLP_TRAINER, TORCH, TORCH_SWA, TRANSFORMERS)
"""Where native schedules come from."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call, and the optimizer that it drives."""

    call: Call
    lr: float
    """The optimizer's own rate."""
    momentum: float | None = None
    """The optimizer is SGD with this momentum, not AdamW, and the momentum is compared too."""

    @property
    def module(self) -> str:
        """Where the native schedule comes from."""
        return self.call.name.rpartition(".")[0]


def cases(lr: float) -> Sequence[Case]:
    """All of them for one base rate."""

    def of(module: str, name: str, momentum: float | None = None, /, **arguments: Any) -> Case:
        return Case(call=call(module, name, **arguments), lr=lr, momentum=momentum)

    return [
        *(of(PADDLE, name, **arguments) for name, arguments in _paddle(lr)),
        *(of(PADDLENLP, name, **arguments) for name, arguments in _paddlenlp(lr)),
        of(PADDLENLP_OPS, "InverseSquareRootSchedule", warmup_steps=40, learning_rate=lr),
        *(
            of(PADDLENLP_TRAINER, name, learning_rate=lr, **arguments)
            for name, arguments in _PADDLENLP_TRAINER
        ),
        *(of(TORCH, name, momentum, **arguments) for name, momentum, arguments in _torch(lr)),
        of(TORCH_SWA, "SWALR", swa_lr=lr / 2),
        of(TORCH_SWA, "SWALR", swa_lr=lr / 2, anneal_strategy="linear"),
        *(of(TRANSFORMERS, name, **arguments) for name, arguments in _transformers(lr)),
    ]


def call(module: str, name: str, /, **arguments: Any) -> Call:
    """A call by its full name."""
    return Call(name=f"{module}.{name}", arguments=arguments)


Named = list[tuple[str, dict[str, Any]]]


def _paddle(lr: float) -> Named:
    base = {"learning_rate": lr}
    low = {"base_learning_rate": lr / 10, "max_learning_rate": lr, "step_size_up": 37}
    peak = {"max_learning_rate": lr, "total_steps": UPDATES}
    warm = {"warmup_steps": 50, "start_lr": 0.0, "end_lr": lr}

    def inner(name: str, **arguments: Any) -> Call:
        return call(PADDLE, name, learning_rate=lr, **arguments)

    return [
        ("LRScheduler", {}),
        ("NoamDecay", {"d_model": 512, "warmup_steps": 100, **base}),
        ("PiecewiseDecay", {"boundaries": [100, 200], "values": [lr, lr * 0.5, lr * 0.1]}),
        ("NaturalExpDecay", {**base, "gamma": 0.1}),
        ("InverseTimeDecay", {**base, "gamma": 0.1}),
        ("PolynomialDecay", {**base, "decay_steps": 300}),
        (
            "PolynomialDecay",
            {**base, "decay_steps": 70, "end_lr": lr / 100, "power": 2.0, "cycle": True},
        ),
        ("LinearWarmup", {**base, **warm}),
        ("LinearWarmup", {**base, **warm, "start_lr": lr / 4}),
        ("LinearWarmup", {"learning_rate": inner("StepDecay", step_size=100), **warm}),
        ("LinearWarmup", {"learning_rate": inner("CosineAnnealingDecay", T_max=350), **warm}),
        ("LinearWarmup", {"learning_rate": inner("ReduceOnPlateau"), **warm}),
        ("ExponentialDecay", {**base, "gamma": 0.9}),
        ("ExponentialDecay", {**base, "gamma": 0.999}),
        ("MultiStepDecay", {**base, "milestones": [30, 60, 90]}),
        ("StepDecay", {**base, "step_size": 30}),
        ("LambdaDecay", {}),
        ("MultiplicativeDecay", {}),
        ("ReduceOnPlateau", {**base}),
        ("ReduceOnPlateau", {**base, "patience": 1, "cooldown": 2}),
        ("CosineAnnealingDecay", {**base, "T_max": UPDATES}),
        ("CosineAnnealingDecay", {**base, "T_max": 100, "eta_min": 1e-6}),
        ("OneCycleLR", peak),
        ("OneCycleLR", {**peak, "anneal_strategy": "linear", "three_phase": True}),
        ("CyclicLR", low),
        ("CyclicLR", {**low, "step_size_down": 70, "mode": "triangular2"}),
        ("CyclicLR", {**low, "mode": "exp_range", "exp_gamma": 0.995}),
        ("LinearLR", {**base, "total_steps": 100}),
        ("LinearLR", {**base, "total_steps": 100, "start_factor": 1.0, "end_factor": 0.1}),
        ("CosineAnnealingWarmRestarts", {**base, "T_0": 50}),
        ("CosineAnnealingWarmRestarts", {**base, "T_0": 50, "T_mult": 2, "eta_min": 1e-6}),
    ]


def _paddlenlp(lr: float) -> Named:
    run = {"learning_rate": lr, "total_steps": UPDATES, "warmup": 40}
    annealing = {"max_lr": lr, "min_lr": lr / 10, "warmup_step": 40, "decay_step": UPDATES}
    return [
        ("LinearDecayWithWarmup", run),
        ("LinearDecayWithWarmup", {**run, "warmup": 0.29}),
        ("ConstScheduleWithWarmup", {"learning_rate": lr, "warmup": 40}),
        ("CosineDecayWithWarmup", run),
        ("CosineDecayWithWarmup", {**run, "with_hard_restarts": True}),
        ("PolyDecayWithWarmup", run),
        ("CosineAnnealingWithWarmupDecay", annealing),
        ("LinearAnnealingWithWarmupDecay", annealing),
    ]


_RUN = {"num_warmup_steps": 40, "num_training_steps": UPDATES}

_PADDLENLP_TRAINER: Named = [
    ("get_constant_schedule", {}),
    ("get_constant_schedule_with_warmup", {"num_warmup_steps": 40}),
    ("get_linear_schedule_with_warmup", _RUN),
    ("get_cosine_schedule_with_warmup", _RUN),
    ("get_polynomial_decay_schedule_with_warmup", _RUN),
    ("get_scheduler", {"name": "linear", **_RUN}),
]


def _torch(lr: float) -> list[tuple[str, float | None, dict[str, Any]]]:
    low = {"base_lr": lr / 10, "max_lr": lr, "step_size_up": 37}
    peak = {"max_lr": lr, "total_steps": UPDATES}
    alone = {"cycle_momentum": False}
    warm = [
        call(TORCH, "LinearLR", start_factor=1e-3, total_iters=50),
        call(TORCH, "CosineAnnealingLR", T_max=350),
    ]
    falls = [*warm[:1], call(TORCH, "StepLR", step_size=100)]
    three = [
        call(TORCH, "CosineAnnealingLR", T_max=150),
        call(TORCH, "ExponentialLR", gamma=0.99),
        call(TORCH, "PolynomialLR", total_iters=100),
    ]
    return [
        ("LRScheduler", None, {}),
        ("LambdaLR", None, {}),
        ("MultiplicativeLR", None, {}),
        ("StepLR", None, {"step_size": 30}),
        ("MultiStepLR", None, {"milestones": [30, 60, 90]}),
        ("MultiStepLR", None, {"milestones": [30, 30]}),
        ("ConstantLR", None, {}),
        ("LinearLR", None, {}),
        ("LinearLR", None, {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 100}),
        ("ExponentialLR", None, {"gamma": 0.9}),
        ("ExponentialLR", None, {"gamma": 0.999}),
        ("SequentialLR", None, {"schedulers": warm, "milestones": [50]}),
        ("SequentialLR", None, {"schedulers": falls, "milestones": [50]}),
        ("SequentialLR", None, {"schedulers": three, "milestones": [150, 250]}),
        ("CosineAnnealingLR", None, {"T_max": UPDATES}),
        ("CosineAnnealingLR", None, {"T_max": 100, "eta_min": 1e-6}),
        ("ChainedScheduler", None, {}),
        ("ReduceLROnPlateau", None, {}),
        ("ReduceLROnPlateau", None, {"patience": 1, "cooldown": 2}),
        ("CyclicLR", 0.9, low),
        ("CyclicLR", None, low),
        ("CyclicLR", None, {**low, "step_size_down": 70, "mode": "triangular2", **alone}),
        ("CyclicLR", None, {**low, "mode": "exp_range", "gamma": 0.995, **alone}),
        ("CosineAnnealingWarmRestarts", None, {"T_0": 50}),
        ("CosineAnnealingWarmRestarts", None, {"T_0": 50, "T_mult": 2, "eta_min": 1e-6}),
        ("OneCycleLR", 0.95, peak),
        ("OneCycleLR", None, peak),
        ("OneCycleLR", None, {**peak, "anneal_strategy": "linear", "three_phase": True, **alone}),
        ("PolynomialLR", None, {}),
        ("PolynomialLR", None, {"total_iters": 300, "power": 0.9}),
    ]


def _transformers(lr: float) -> Named:
    wsd = {"num_warmup_steps": 40, "num_decay_steps": 100, "num_training_steps": UPDATES}
    late = "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    return [
        ("get_constant_schedule", {}),
        ("get_reduce_on_plateau_schedule", {}),
        ("get_constant_schedule_with_warmup", {"num_warmup_steps": 40}),
        ("get_linear_schedule_with_warmup", _RUN),
        ("get_cosine_schedule_with_warmup", _RUN),
        ("get_cosine_with_hard_restarts_schedule_with_warmup", _RUN),
        ("get_polynomial_decay_schedule_with_warmup", _RUN),
        ("get_inverse_sqrt_schedule", {"num_warmup_steps": 40}),
        ("get_inverse_sqrt_schedule", {"num_warmup_steps": 0}),
        ("get_cosine_with_min_lr_schedule_with_warmup", {**_RUN, "min_lr": lr / 10}),
        ("get_cosine_with_min_lr_schedule_with_warmup", {**_RUN, "min_lr_rate": 0.1}),
        (late, {**_RUN, "min_lr": lr / 10, "warmup_lr_rate": 0.25}),
        (late, {**_RUN, "min_lr_rate": 0.1}),
        ("get_wsd_schedule", wsd),
        (
            "get_wsd_schedule",
            {**wsd, "decay_type": "1-sqrt", "warmup_type": "cosine", "min_lr_ratio": 0.1},
        ),
        ("get_wsd_schedule", {**wsd, "decay_type": "linear", "warmup_type": "1-sqrt"}),
        (
            "get_wsd_schedule",
            {"num_warmup_steps": 40, "num_stable_steps": 200, "num_decay_steps": 100},
        ),
        ("get_scheduler", {"name": "linear", **_RUN}),
        ("get_scheduler", {"name": "inverse_sqrt", "num_warmup_steps": 40}),
        (
            "get_scheduler",
            {"name": "cosine", **_RUN, "scheduler_specific_kwargs": {"num_cycles": 1.5}},
        ),
        ("get_adafactor_schedule", {}),
        ("AdafactorSchedule", {}),
    ]
