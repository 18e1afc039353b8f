"""Schedules of libraries: what each builds, and what its parameters are called."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dualtrain.reading import Event, Known, Made, Origin, Unknown, Value

__all__ = [
    "SCHEDULES",
    "LibrarySchedule",
    "given_to",
    "is_schedule_path",
    "length_by_epochs",
    "library_of",
    "library_schedule",
]


@dataclass(frozen=True, slots=True)
class LibrarySchedule:
    """A class or function that gives a schedule."""

    schedule: str
    """Ours: `linear`, `cosine`, ...; `wrap` around another, `lambda` of the program's own rule,
    `named` by its first argument, `sequence` of others."""
    signature: str
    """Its parameters and their defaults, as its release has them."""
    fields: str
    """Our fields, each with its parameter where that is called otherwise: `lr=max_lr power`."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Their names, in order."""
        return _parsed(self.signature)[0]

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Of those that need not be given."""
        return _parsed(self.signature)[1]

    @property
    def named(self) -> Mapping[str, str]:
        """Its parameter, by our field."""
        pairs = (one.partition("=") for one in self.fields.split())
        return {field: name or field for field, _, name in pairs}


@lru_cache
def _parsed(signature: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    node = ast.parse(f"def f({signature}): pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    a = node.args
    names = [one.arg for one in a.args]
    values = [ast.literal_eval(one) for one in a.defaults]
    defaults = dict(zip(names[len(names) - len(values) :], values, strict=True))
    return tuple(names), defaults


PADDLE = {
    "LRScheduler": LibrarySchedule(
        "custom", "learning_rate=0.1, last_epoch=-1, verbose=False", "lr=learning_rate"
    ),
    "NoamDecay": LibrarySchedule(
        "noam",
        "d_model, warmup_steps, learning_rate=1.0, last_epoch=-1, verbose=False",
        "lr=learning_rate warmup=warmup_steps d_model",
    ),
    "PiecewiseDecay": LibrarySchedule(
        "piecewise",
        "boundaries, values, last_epoch=-1, verbose=False",
        "milestones=boundaries values",
    ),
    "MultiStepDecay": LibrarySchedule(
        "piecewise",
        "learning_rate, milestones, gamma=0.1, last_epoch=-1, verbose=False",
        "lr=learning_rate milestones gamma",
    ),
    "StepDecay": LibrarySchedule(
        "step",
        "learning_rate, step_size, gamma=0.1, last_epoch=-1, verbose=False",
        "lr=learning_rate step_size gamma",
    ),
    "ExponentialDecay": LibrarySchedule(
        "exponential",
        "learning_rate, gamma, last_epoch=-1, verbose=False",
        "lr=learning_rate gamma",
    ),
    "NaturalExpDecay": LibrarySchedule(
        "custom", "learning_rate, gamma, last_epoch=-1, verbose=False", "lr=learning_rate gamma"
    ),
    "InverseTimeDecay": LibrarySchedule(
        "custom", "learning_rate, gamma, last_epoch=-1, verbose=False", "lr=learning_rate gamma"
    ),
    "PolynomialDecay": LibrarySchedule(
        "polynomial",
        "learning_rate, decay_steps, end_lr=0.0001, power=1.0, cycle=False, last_epoch=-1, "
        "verbose=False",
        "lr=learning_rate length=decay_steps end_lr power",
    ),
    "CosineAnnealingDecay": LibrarySchedule(
        "cosine",
        "learning_rate, T_max, eta_min=0, last_epoch=-1, verbose=False",
        "lr=learning_rate length=T_max end_lr=eta_min",
    ),
    "CosineAnnealingWarmRestarts": LibrarySchedule(
        "custom",
        "learning_rate, T_0, T_mult=1, eta_min=0, last_epoch=-1, verbose=False",
        "lr=learning_rate end_lr=eta_min",
    ),
    "LinearWarmup": LibrarySchedule(
        "wrap",
        "learning_rate, warmup_steps, start_lr, end_lr, last_epoch=-1, verbose=False",
        "inner=learning_rate warmup=warmup_steps warmup_start=start_lr peak=end_lr",
    ),
    "LambdaDecay": LibrarySchedule(
        "lambda",
        "learning_rate, lr_lambda, last_epoch=-1, verbose=False",
        "lr=learning_rate rule=lr_lambda",
    ),
    "MultiplicativeDecay": LibrarySchedule(
        "custom",
        "learning_rate, lr_lambda, last_epoch=-1, verbose=False",
        "lr=learning_rate",
    ),
    "ReduceOnPlateau": LibrarySchedule(
        "custom",
        "learning_rate, mode='min', factor=0.1, patience=10, threshold=0.0001, "
        "threshold_mode='rel', cooldown=0, min_lr=0, epsilon=1e-08, verbose=False",
        "lr=learning_rate gamma=factor end_lr=min_lr",
    ),
    "OneCycleLR": LibrarySchedule(
        "custom",
        "max_learning_rate, total_steps, divide_factor=25.0, end_learning_rate=0.0001, "
        "phase_pct=0.3, anneal_strategy='cos', three_phase=False, last_epoch=-1, verbose=False",
        "lr=max_learning_rate length=total_steps end_lr=end_learning_rate",
    ),
    "CyclicLR": LibrarySchedule(
        "custom",
        "base_learning_rate, max_learning_rate, step_size_up, step_size_down=None, "
        "mode='triangular', exp_gamma=1.0, scale_fn=None, scale_mode='cycle', last_epoch=-1, "
        "verbose=False",
        "lr=max_learning_rate",
    ),
    "LinearLR": LibrarySchedule(
        "ramp",
        "learning_rate, total_steps, start_factor=0.3333333333333333, end_factor=1.0, "
        "last_epoch=-1, verbose=False",
        "lr=learning_rate warmup=total_steps start_factor end_factor",
    ),
}
"""Of `paddle.optimizer.lr`."""

FLUID = {
    "noam_decay": LibrarySchedule(
        "noam",
        "d_model, warmup_steps, learning_rate=1.0",
        "lr=learning_rate warmup=warmup_steps d_model",
    ),
    "piecewise_decay": LibrarySchedule(
        "piecewise", "boundaries, values", "milestones=boundaries values"
    ),
    "PiecewiseDecay": LibrarySchedule(
        "piecewise",
        "boundaries, values, begin, step=1, dtype='float32'",
        "milestones=boundaries values",
    ),
    "NoamDecay": LibrarySchedule(
        "noam",
        "d_model, warmup_steps, begin=1, step=1, dtype='float32', learning_rate=1.0",
        "lr=learning_rate warmup=warmup_steps d_model",
    ),
    "polynomial_decay": LibrarySchedule(
        "polynomial",
        "learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False",
        "lr=learning_rate length=decay_steps end_lr=end_learning_rate power",
    ),
    "PolynomialDecay": LibrarySchedule(
        "polynomial",
        "learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False",
        "lr=learning_rate length=decay_steps end_lr=end_learning_rate power",
    ),
    "cosine_decay": LibrarySchedule(
        "cosine", "learning_rate, step_each_epoch, epochs", "lr=learning_rate"
    ),
    "CosineDecay": LibrarySchedule(
        "cosine", "learning_rate, step_each_epoch, epochs", "lr=learning_rate"
    ),
    "exponential_decay": LibrarySchedule(
        "custom",
        "learning_rate, decay_steps, decay_rate, staircase=False",
        "lr=learning_rate gamma=decay_rate",
    ),
    "linear_lr_warmup": LibrarySchedule(
        "wrap",
        "learning_rate, warmup_steps, start_lr, end_lr",
        "inner=learning_rate warmup=warmup_steps warmup_start=start_lr peak=end_lr",
    ),
    "LinearLrWarmup": LibrarySchedule(
        "wrap",
        "learning_rate, warmup_steps, start_lr, end_lr, begin=1, step=1, dtype='float32'",
        "inner=learning_rate warmup=warmup_steps warmup_start=start_lr peak=end_lr",
    ),
}
"""Of `paddle.fluid.layers` and `paddle.fluid.dygraph`: they advance by themselves."""

PADDLENLP = {
    "LinearDecayWithWarmup": LibrarySchedule(
        "linear",
        "learning_rate, total_steps, warmup, last_epoch=-1, verbose=False",
        "lr=learning_rate length=total_steps warmup",
    ),
    "ConstScheduleWithWarmup": LibrarySchedule(
        "constant",
        "learning_rate, warmup, total_steps=None, last_epoch=-1, verbose=False",
        "lr=learning_rate warmup length=total_steps",
    ),
    "CosineDecayWithWarmup": LibrarySchedule(
        "cosine",
        "learning_rate, total_steps, warmup, with_hard_restarts=False, num_cycles=None, "
        "last_epoch=-1, verbose=False",
        "lr=learning_rate length=total_steps warmup num_cycles restarts=with_hard_restarts",
    ),
    "PolyDecayWithWarmup": LibrarySchedule(
        "polynomial",
        "learning_rate, total_steps, warmup, lr_end=1e-07, power=1.0, last_epoch=-1, verbose=False",
        "lr=learning_rate length=total_steps warmup end_lr=lr_end power",
    ),
    "CosineAnnealingWithWarmupDecay": LibrarySchedule(
        "cosine",
        "max_lr, min_lr, warmup_step, decay_step, last_epoch=-1, verbose=False",
        "lr=max_lr end_lr=min_lr warmup=warmup_step length=decay_step",
    ),
    "LinearAnnealingWithWarmupDecay": LibrarySchedule(
        "linear",
        "max_lr, min_lr, warmup_step, decay_step, last_epoch=-1, verbose=False",
        "lr=max_lr end_lr=min_lr warmup=warmup_step length=decay_step",
    ),
}
"""Of `paddlenlp.transformers`; a warmup that is no int is a fraction of the total."""

TORCH = {
    "LRScheduler": LibrarySchedule("custom", "optimizer, last_epoch=-1", ""),
    "_LRScheduler": LibrarySchedule("custom", "optimizer, last_epoch=-1", ""),
    "LambdaLR": LibrarySchedule("lambda", "optimizer, lr_lambda, last_epoch=-1", "rule=lr_lambda"),
    "MultiplicativeLR": LibrarySchedule("custom", "optimizer, lr_lambda, last_epoch=-1", ""),
    "StepLR": LibrarySchedule(
        "step", "optimizer, step_size, gamma=0.1, last_epoch=-1", "step_size gamma"
    ),
    "MultiStepLR": LibrarySchedule(
        "piecewise", "optimizer, milestones, gamma=0.1, last_epoch=-1", "milestones gamma"
    ),
    "ConstantLR": LibrarySchedule(
        "custom", "optimizer, factor=0.3333333333333333, total_iters=5, last_epoch=-1", ""
    ),
    "LinearLR": LibrarySchedule(
        "ramp",
        "optimizer, start_factor=0.3333333333333333, end_factor=1.0, total_iters=5, last_epoch=-1",
        "warmup=total_iters start_factor end_factor",
    ),
    "ExponentialLR": LibrarySchedule("exponential", "optimizer, gamma, last_epoch=-1", "gamma"),
    "SequentialLR": LibrarySchedule(
        "sequence",
        "optimizer, schedulers, milestones, last_epoch=-1",
        "parts=schedulers joints=milestones",
    ),
    "PolynomialLR": LibrarySchedule(
        "polynomial",
        "optimizer, total_iters=5, power=1.0, last_epoch=-1",
        "length=total_iters power",
    ),
    "CosineAnnealingLR": LibrarySchedule(
        "cosine",
        "optimizer, T_max, eta_min=0.0, last_epoch=-1",
        "length=T_max end_lr=eta_min",
    ),
    "ChainedScheduler": LibrarySchedule("custom", "schedulers, optimizer=None", ""),
    "ReduceLROnPlateau": LibrarySchedule(
        "custom",
        "optimizer, mode='min', factor=0.1, patience=10, threshold=0.0001, "
        "threshold_mode='rel', cooldown=0, min_lr=0, eps=1e-08",
        "gamma=factor end_lr=min_lr",
    ),
    "CyclicLR": LibrarySchedule(
        "custom",
        "optimizer, base_lr, max_lr, step_size_up=2000, step_size_down=None, mode='triangular', "
        "gamma=1.0, scale_fn=None, scale_mode='cycle', cycle_momentum=True, base_momentum=0.8, "
        "max_momentum=0.9, last_epoch=-1",
        "lr=max_lr",
    ),
    "OneCycleLR": LibrarySchedule(
        "custom",
        "optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3, "
        "anneal_strategy='cos', cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, "
        "div_factor=25.0, final_div_factor=10000.0, three_phase=False, last_epoch=-1",
        "lr=max_lr length=total_steps",
    ),
    "CosineAnnealingWarmRestarts": LibrarySchedule(
        "custom", "optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1", "end_lr=eta_min"
    ),
}
"""Of `torch.optim.lr_scheduler`."""

TRANSFORMERS = {
    "get_constant_schedule": LibrarySchedule("constant", "optimizer, last_epoch=-1", ""),
    "get_constant_schedule_with_warmup": LibrarySchedule(
        "constant", "optimizer, num_warmup_steps, last_epoch=-1", "warmup=num_warmup_steps"
    ),
    "get_linear_schedule_with_warmup": LibrarySchedule(
        "linear",
        "optimizer, num_warmup_steps, num_training_steps, last_epoch=-1",
        "warmup=num_warmup_steps length=num_training_steps",
    ),
    "get_cosine_schedule_with_warmup": LibrarySchedule(
        "cosine",
        "optimizer, num_warmup_steps, num_training_steps, num_cycles=0.5, last_epoch=-1",
        "warmup=num_warmup_steps length=num_training_steps num_cycles",
    ),
    "get_cosine_with_hard_restarts_schedule_with_warmup": LibrarySchedule(
        "custom",
        "optimizer, num_warmup_steps, num_training_steps, num_cycles=1, last_epoch=-1",
        "warmup=num_warmup_steps length=num_training_steps num_cycles",
    ),
    "get_polynomial_decay_schedule_with_warmup": LibrarySchedule(
        "polynomial",
        "optimizer, num_warmup_steps, num_training_steps, lr_end=1e-07, power=1.0, last_epoch=-1",
        "warmup=num_warmup_steps length=num_training_steps end_lr=lr_end power",
    ),
    "get_inverse_sqrt_schedule": LibrarySchedule(
        "custom",
        "optimizer, num_warmup_steps, timescale=None, last_epoch=-1",
        "warmup=num_warmup_steps",
    ),
    "get_cosine_with_min_lr_schedule_with_warmup": LibrarySchedule(
        "cosine",
        "optimizer, num_warmup_steps, num_training_steps, num_cycles=0.5, last_epoch=-1, "
        "min_lr=None, min_lr_rate=None",
        "warmup=num_warmup_steps length=num_training_steps num_cycles end_lr=min_lr",
    ),
    "get_wsd_schedule": LibrarySchedule(
        "custom",
        "optimizer, num_warmup_steps, num_decay_steps, num_training_steps=None",
        "warmup=num_warmup_steps length=num_training_steps",
    ),
    "get_scheduler": LibrarySchedule(
        "named",
        "name, optimizer, num_warmup_steps=None, num_training_steps=None",
        "name warmup=num_warmup_steps length=num_training_steps",
    ),
    "ConstantLRSchedule": LibrarySchedule("constant", "optimizer, last_epoch=-1", ""),
    "WarmupConstantSchedule": LibrarySchedule(
        "constant", "optimizer, warmup_steps, last_epoch=-1", "warmup=warmup_steps"
    ),
    "WarmupLinearSchedule": LibrarySchedule(
        "linear",
        "optimizer, warmup_steps, t_total, last_epoch=-1",
        "warmup=warmup_steps length=t_total",
    ),
    "WarmupCosineSchedule": LibrarySchedule(
        "cosine",
        "optimizer, warmup_steps, t_total, cycles=0.5, last_epoch=-1",
        "warmup=warmup_steps length=t_total num_cycles=cycles",
    ),
    "WarmupCosineWithHardRestartsSchedule": LibrarySchedule(
        "custom",
        "optimizer, warmup_steps, t_total, cycles=1.0, last_epoch=-1",
        "warmup=warmup_steps length=t_total num_cycles=cycles",
    ),
}
"""Of `transformers`, and of `pytorch_transformers` before it; warmup is a number of updates."""

TIMM = {
    "CosineLRScheduler": LibrarySchedule(
        "cosine",
        "optimizer, t_initial, lr_min=0.0, cycle_mul=1.0, cycle_decay=1.0, cycle_limit=1, "
        "warmup_t=0, warmup_lr_init=0, warmup_prefix=False, t_in_epochs=True",
        "length=t_initial end_lr=lr_min warmup=warmup_t warmup_start=warmup_lr_init",
    ),
    "StepLRScheduler": LibrarySchedule(
        "step",
        "optimizer, decay_t, decay_rate=1.0, warmup_t=0, warmup_lr_init=0, warmup_prefix=True, "
        "t_in_epochs=True",
        "step_size=decay_t gamma=decay_rate warmup=warmup_t warmup_start=warmup_lr_init",
    ),
    "MultiStepLRScheduler": LibrarySchedule(
        "piecewise",
        "optimizer, decay_t, decay_rate=1.0, warmup_t=0, warmup_lr_init=0, warmup_prefix=True, "
        "t_in_epochs=True",
        "milestones=decay_t gamma=decay_rate warmup=warmup_t warmup_start=warmup_lr_init",
    ),
    "PolyLRScheduler": LibrarySchedule(
        "polynomial",
        "optimizer, t_initial, power=0.5, lr_min=0.0, cycle_mul=1.0, cycle_decay=1.0, "
        "cycle_limit=1, warmup_t=0, warmup_lr_init=0, warmup_prefix=False, t_in_epochs=True",
        "length=t_initial power end_lr=lr_min warmup=warmup_t warmup_start=warmup_lr_init",
    ),
}
"""Of `timm.scheduler`."""

SCHEDULES: Mapping[str, Mapping[str, LibrarySchedule]] = {
    "paddle.fluid": FLUID,
    "paddle": PADDLE,
    "paddlenlp": PADDLENLP,
    "paddleformers": PADDLENLP,
    "torch": TORCH,
    "transformers": TRANSFORMERS,
    "pytorch_transformers": TRANSFORMERS,
    "diffusers": TRANSFORMERS,
    "timm": TIMM,
}
"""By the library's first name, then by the class's; the first that fits."""

PLACES = (
    "paddle.optimizer.lr",
    "paddle.optimizer.lr_scheduler",
    "paddle.fluid.layers",
    "paddle.fluid.dygraph",
    "paddle.fluid.dygraph.learning_rate_scheduler",
    "torch.optim.lr_scheduler",
    "timm.scheduler",
)
"""Modules of schedules: a class there that is not in the tables is one of its own kind."""


@lru_cache(4096)
def library_schedule(path: str) -> LibrarySchedule | None:
    """What the class or function at a path builds; None if it is none of those known.

    >>> library_schedule("torch.optim.lr_scheduler.StepLR").schedule
    'step'
    >>> library_schedule("torch.optim.AdamW")
    """
    package, _, name = path.removesuffix(".__init__").rpartition(".")
    for library, table in SCHEDULES.items():
        if (package == library or package.startswith(f"{library}.")) and name in table:
            return table[name]
    return None


def library_of(path: str) -> str:
    """The package that a path begins with."""
    return path.partition(".")[0]


def given_to(call: Event | Made) -> dict[str, Value]:
    """What a schedule is built with, by its parameters' names."""
    schedule = library_schedule(call.path)
    names = () if schedule is None else schedule.parameters
    return {**dict(zip(names, call.args, strict=False)), **call.kwargs}


def length_by_epochs(given: Mapping[str, Value]) -> Value | None:
    """The length of `OneCycleLR` that is told as epochs and the steps of each; None of others."""
    epochs, steps = given.get("epochs"), given.get("steps_per_epoch")
    if epochs is None or steps is None or _is_none(epochs) or _is_none(steps):
        return None
    if not _is_none(given.get("total_steps", Known(None))):
        return None
    origin = epochs.origin if isinstance(epochs, Known) else Origin("computed")
    if isinstance(epochs, Known) and isinstance(steps, Known):
        return Known(epochs.value * steps.value, origin, "*", (epochs, steps))
    return Unknown("", origin, "*", (epochs, steps))


def _is_none(value: Value) -> bool:
    return isinstance(value, Known) and value.value is None


@lru_cache(4096)
def is_schedule_path(path: str) -> bool:
    """Whether the class at a path is a schedule, known by its parameters or not.

    >>> [is_schedule_path(f"paddle.optimizer.{one}") for one in ("lr.LRScheduler", "SGD")]
    [True, False]
    """
    if library_schedule(path) is not None:
        return True
    package, _, name = path.removesuffix(".__init__").rpartition(".")
    if package == "torch.optim.swa_utils":
        return name == "SWALR"
    if package.startswith("transformers") and name.startswith("get_"):
        return "_schedule" in name
    if package.startswith("paddle.fluid") or not name[:1].isupper():
        return False
    return any(package == one or package.startswith(f"{one}.") for one in PLACES)
