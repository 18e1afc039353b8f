"""Random cases: a spec, a variant of the model, data. All follow from a seed and a number.

Drawn are the words of the vocabulary and the values at which rules turn: no warmup and one that
leaves one update, a run of one update, groups larger than an epoch, thresholds that always and that
never clip, decay rates of 0 and close to 1. Hyperparameters are numbers that float32 holds, for
Paddle's kernels take them so: what is seen then is the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from tests.oracle.loss import count, targets
from tests.oracle.model import VOCABULARY, Architecture, shapes
from tests.oracle.schedules import sizes

__all__ = ["ALWAYS_DECOUPLED", "OPTIMIZERS", "SCHEDULES", "Case", "draw"]

Values = dict[str, Any]

SAMPLES, POSITIONS = 3, 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is trained, and how."""

    seed: int
    index: int
    spec: Values
    """The keywords of `Spec`."""
    architecture: Architecture
    still: tuple[str, ...]
    """Parameters that the model itself holds still."""
    dtype: Literal["float32", "float64"]
    """Of the model."""
    own_loss: bool
    """Whether the loss is the caller's own, in the model's type; the product's is in float32."""
    through: Literal["fit", "step"]
    """`dualtrain.fit`, or `dualtrain.start` and a loop of one's own."""
    labels: Literal["hard", "soft"]
    micro_batches: int

    def batches(self, epoch: int) -> list[dict[str, NDArray[Any]]]:
        """The micro-batches of an epoch; each has a target that counts."""
        random = np.random.default_rng([self.seed, self.index, 1, epoch])
        return [self._batch(random) for _ in range(self.micro_batches)]

    def metric(self, reading: int) -> float:
        """What reduce_on_plateau is told."""
        random = np.random.default_rng([self.seed, self.index, 2, reading])
        return float(random.choice([0.5, 1.0, 1.0, 1.5, 2.0]))

    def text(self) -> str:
        """To reproduce it."""
        head = (
            f"# seed {self.seed}, case {self.index}: {self.architecture}, {self.dtype}, through "
            f"{self.through}, {self.micro_batches} micro-batches an epoch, {self.labels} labels"
            f"{', own loss' if self.own_loss else ''}"
            f"{f', held still: {self.still}' if self.still else ''}\n"
        )
        return head + yaml.safe_dump(self.spec, sort_keys=False)

    def _batch(self, random: np.random.Generator) -> dict[str, NDArray[Any]]:
        classes, settings = self.architecture.classes, self.spec.get("loss")
        shape = (SAMPLES, POSITIONS) if self.architecture.per_token else (SAMPLES,)
        tokens = random.integers(0, VOCABULARY, (SAMPLES, POSITIONS))
        while True:
            ignored = random.random(shape) < random.choice([0.0, 0.3, 0.7])
            hard = np.where(ignored, -100, random.integers(0, classes, shape))
            labels: NDArray[Any] = hard
            if self.labels == "soft":
                labels = random.dirichlet(np.ones(classes), shape) * ~ignored[..., None]
                labels = labels.astype(np.float32)
            if count(settings, labels, classes):
                break
        batch = {"tokens": tokens, "labels": labels}
        if self.own_loss:
            batch["q"] = targets(settings, labels, classes).astype(self.dtype)
        return batch


def draw(seed: int, index: int) -> Case:
    """The case of this number. Every optimizer and schedule comes round."""
    random = np.random.default_rng([seed, index])
    while True:
        case = _Draw(random, seed, index).case()
        if case is not None:
            return case


NEAR_ONE = 1 - 2.0**-10
BETAS = (0.0, 0.5, 0.875, 0.9375, NEAR_ONE)
LARGE_EPS = 0.125
SMALL_EPS = 2.0**-27
"""7.5e-9"""


class _Draw:
    """One attempt; it may be a spec that does not fit its sizes."""

    def __init__(self, random: np.random.Generator, seed: int, index: int) -> None:
        self.random, self.seed, self.index = random, seed, index

    def one(self, *values: Any) -> Any:
        """One of the values, as it is."""
        return values[int(self.random.integers(len(values)))]

    def some(self, *values: Any) -> list[Any]:
        """A few of them, perhaps none."""
        return [value for value in values if self.random.random() < 0.3]

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def case(self) -> Case | None:
        kind = int(self.random.integers(4))
        architecture = (
            Architecture(norm="batch"),
            Architecture(norm="layer", tied=self.chance(0.3)),
            Architecture(per_token=True),
            Architecture(per_token=True, tied=True),
        )[kind]
        scaled = self.chance(0.1)
        narrow = scaled or self.one(True, False, False)
        dtype: Literal["float32", "float64"] = "float32" if narrow else "float64"
        micro_batches = self.one(1, 2, 3, 3, 4, 5)
        spec = self.spec(architecture, micro_batches, scaled)
        own_loss = dtype == "float64" and spec.get("loss") is None and self.chance(0.6)
        if not fits(spec, micro_batches):
            return None
        still = (self.one(*shapes(architecture)),) if self.chance(0.1) else ()
        return Case(
            seed=self.seed,
            index=self.index,
            spec=spec,
            architecture=architecture,
            still=still,
            dtype=dtype,
            own_loss=own_loss,
            through="step" if scaled or self.chance(0.5) else "fit",
            labels="hard" if own_loss else self.one("hard", "hard", "soft"),
            micro_batches=micro_batches,
        )

    def spec(self, architecture: Architecture, micro_batches: int, scaled: bool) -> Values:
        optimizer_name = list(OPTIMIZERS)[
            (self.index + self.index // len(OPTIMIZERS)) % len(OPTIMIZERS)
        ]
        schedule_name = NAMES[self.index % len(NAMES)]
        if schedule_name in ("one_cycle", "cyclic") and self.chance(0.3):
            optimizer_name = "momentum"  # the one whose momentum they cycle
        if schedule_name == "constant" and self.chance(0.3):
            optimizer_name = "rprop"  # which takes no other schedule
        elif optimizer_name == "rprop":
            optimizer_name = self.one(*OPTIMIZERS)
            schedule_name = "constant" if optimizer_name == "rprop" else schedule_name
        optimizer = {"name": optimizer_name, **OPTIMIZERS[optimizer_name](self)}
        updates = self.one({"updates": self.one(1, 2, 3, 7, 12)}, {"epochs": self.one(1, 2, 2.5)})
        spec: Values = {
            "optimizer": optimizer,
            "schedule": self.schedule(schedule_name, optimizer, scaled),
            "duration": updates,
            "batch": self.batch(micro_batches),
        }
        made = spec["schedule"]
        first = [phase["schedule"] for phase in made.get("phases", [])[:1]]
        alone = [made, *first, *made.get("schedules", [])]
        rises = any(one["name"] in ("one_cycle", "noam") for one in alone)
        if optimizer_name != "rprop":
            if not rises and self.chance(0.6):
                spec["warmup"] = self.warmup(spec, micro_batches)
            if self.chance(0.7):
                spec["weight_decay"] = self.weight_decay(optimizer_name)
            if self.chance(0.3):
                spec["lr_multipliers"] = self.multipliers()
            if "betas" in optimizer and self.chance(0.3):
                pattern = self.one("embeddings.*", "*.bias", "encoder.layer.1.*")
                spec["own_betas"] = [{"pattern": pattern, "betas": _betas(self)}]
            if not architecture.tied and self.chance(0.25):
                spec["layer_decay"] = self.one(0.5, 0.75, 1.0)
        if schedule_name != "reduce_on_plateau" and optimizer_name != "rprop" and self.chance(0.2):
            spec["shift"] = self.one(1, -1, 3)
        if self.chance(0.25):
            spec["horizon"] = self.one(1, 2, 5, 9, 30, {"epochs": 3})
        if self.chance(0.3):
            spec["freeze"] = self.freeze()
        if self.chance(0.7):
            c = self.one(1e-4, 0.03125, 1.0, 1e6)
            spec["clip"] = {self.one("global_norm", "global_norm", "norm", "value"): c}
            if "value" not in spec["clip"] and self.chance(0.3):
                spec["clip"]["rule"] = "torch"
        if architecture.per_token and self.chance(0.5):
            spec["loss"] = {"label_smoothing": self.one(0.0, 0.125), "shift_labels": True}
        elif self.chance(0.3):
            spec["loss"] = {"label_smoothing": self.one(0.125, 0.75)}
        if self.chance(0.5):
            spec["ema"] = {
                "decay": self.one(0.0, 0.5, 0.9375),
                "warmup": self.chance(0.5),
                "start": self.one("initial", "first", "zero", "debiased"),
                "statistics": self.chance(0.5),
            }
        if scaled:
            spec["amp"] = self.amp()
        if architecture.norm == "batch":
            spec["batch_norm"] = ("paddle", "torch")[self.index % 2]
        return spec

    def batch(self, micro_batches: int) -> Values:
        accumulate = self.one(1, 1, 2, 3, 6)
        tail = "drop" if accumulate <= micro_batches and self.chance(0.5) else "flush"
        normalise = self.one("micro_mean", "token_mean")
        if self.chance(0.25):
            normalise = "sum"
        if accumulate <= micro_batches and normalise != "token_mean" and self.chance(0.5):
            tail = "leak"
        stated = {"micro_batches_per_epoch": micro_batches} if self.index % 3 == 0 else {}
        return {"accumulate": accumulate, "tail": tail, "normalise": normalise, **stated}

    def warmup(self, spec: Values, micro_batches: int) -> Values:
        run = sizes(_filled(spec), micro_batches)
        last = max(0, -(-run.updates // run.unit) - 1)
        form: Values = {"steps": self.one(0, 1, 2, last, last)}
        if self.chance(0.3):
            form = self.one({"updates": self.one(0, 1, 2, 3)}, {"epochs": self.one(0, 1)})
        if self.chance(0.4):
            form = {
                "proportion": self.one(0.0, 0.29, 0.5, 0.75),
                "rounding": self.one("floor", "ceil", "round"),
            }
            if not sizes(_filled({**spec, "warmup": form}), micro_batches).warmup:
                form["proportion"] = 0.0
        form["start"] = self.one(0.0, 0.0, 0.25)
        form["shape"] = self.one("linear", "linear", "cosine", "one_minus_sqrt")
        form["counted"] = self.one("inside", "inside", "before", "over", "times")
        return form

    def weight_decay(self, optimizer: str) -> Values:
        decay: Values = {
            "value": self.one(0.0, 0.015625, 0.5),
            "kind": "decoupled"
            if optimizer in ALWAYS_DECOUPLED or (optimizer != "adam" and self.chance(0.3))
            else "coupled",
            "exclude": self.some("bias", "norm", "embedding", "one_dimensional"),
            "exclude_patterns": self.some("encoder.layer.?.dense.weight", "*.[b]ias"),
            "exclude_substrings": self.some("LayerNorm", "norm", "bias"),
        }
        if self.chance(0.3):
            decay["exclude_regex"] = self.some(r"^encoder\.layer\.\d\.norm\.", r"dense\.(bias|w)")
        if self.chance(0.2):
            decay["exclude_below_ndim"] = self.one(2, 3)
        if self.chance(0.4):
            own = [{"pattern": "embeddings.*"}, {"pattern": "encoder.*.weight"}, {"role": "norm"}]
            decay["values"] = [
                {**rule, "value": self.one(0.0, 0.25, 1.0)}
                for rule in self.some(*own)
                if rule.get("role") not in decay["exclude"]
            ]
        return decay

    def multipliers(self) -> list[Values]:
        patterns = self.some("classifier.bias", "*.bias", "encoder.layer.0.*", "embeddings.*")
        patterns = patterns or ["encoder.layer.1.dense.*"]
        return [
            {"pattern": p, "lr": self.one(0.03125, 2.0)}
            if self.chance(0.2)
            else {"pattern": p, "multiplier": self.one(0.25, 0.5, 2.0, 4.0)}
            for p in patterns
        ]

    def freeze(self) -> Values:
        patterns = ["embeddings.*", "*.dense.bias", "classifier.bias", "*.bias"]
        if self.chance(0.5):  # norms above what trains, and parts of them: Paddle's kernels differ
            patterns = ["embeddings.LayerNorm.*", "encoder.layer.0.*", "encoder.layer.?.norm.*"]
            patterns += ["encoder.layer.0.norm.*", "*.norm.weight", "*.norm.bias"]
        chosen = self.some(*patterns) or [self.one(*patterns)]
        return {"patterns": chosen, "batch_stats": self.one("keep", "train")}

    def amp(self) -> Values:
        """Scales at which gradients overflow at first, or now and then, or never."""
        settings = self.one(
            {"init": 2.0**126, "ceiling": 2.0**126, "backoff_factor": 2.0**-20},
            {"init": 2.0**126, "ceiling": 2.0**126, "backoff_factor": 0.3, "backoff_interval": 2},
            {"init": 2.0**60, "ceiling": 2.0**126, "growth_factor": 2.0**70, "growth_interval": 2},
            {"init": 3.0, "growth_factor": 1.7, "growth_interval": 1, "ceiling": 8.0},
            {"init": 2.0**16},
        )
        return {
            "dtype": "float16",
            "loss_scale": settings,
            "on_skip": self.one("hold", "advance"),
        }

    def schedule(self, name: str, optimizer: Values, scaled: bool) -> Values:
        per = self.one("update", "update", "epoch") if not scaled else "update"
        if name == "sequential":
            phases = [
                {"schedule": self.named(self.one(*SCHEDULES), optimizer), "updates": length}
                for length in (self.one(1, 2), self.one(2, 3))[: self.one(1, 2)]
            ]
            other = {"lr": optimizer["lr"] / 4} if self.chance(0.4) else {}
            lower = {**optimizer, "lr": other.get("lr", optimizer["lr"])}
            phases.append({"schedule": self.named(self.one(*SCHEDULES), lower), **other})
            return {"name": name, "phases": phases, "per": per}
        if name == "product":
            two = [self.one(*SCHEDULES), self.one("linear", "table", "step")]
            schedules = [{**self.named(one, optimizer), "per": per} for one in two]
            return {"name": name, "schedules": schedules, "per": per}
        made = plateau(self, optimizer["lr"]) if name == "reduce_on_plateau" else None
        made = made or self.named(name, optimizer)
        if name in ("one_cycle", "cyclic") and optimizer["name"] == "momentum":
            made["momentum"] = {"low": 0.25, "high": optimizer["momentum"]}
        return {**made, "per": per}

    def named(self, name: str, optimizer: Values) -> Values:
        return {"name": name, **SCHEDULES[name](self, optimizer["lr"])}


def _filled(spec: Values) -> Values:
    """What the whole numbers of a run are made from."""
    absent = {"epochs": None, "updates": None}
    return {
        "warmup": None,
        "horizon": None,
        "shift": 0,
        **spec,
        "duration": absent | spec["duration"],
    }


def fits(spec: Values, micro_batches: int) -> bool:
    """Whether a run has room for its schedule and is short. What does not fit is refused, which
    other tests are about."""
    run = sizes(_filled(spec), micro_batches)
    if run.updates > 15:
        return False
    counted = (spec.get("warmup") or {}).get("counted")
    if counted != "before" and run.warmup >= run.horizon * run.unit:
        return False
    inside, rest = divmod(run.warmup, run.unit) if counted == "inside" else (0, 0)
    return run.updates > 0 and not rest and _room(spec["schedule"], inside, run.horizon)


def _room(schedule: Values, warmup: int, horizon: int) -> bool:
    match schedule["name"]:
        case "inverse_sqrt":
            return warmup > 0 or schedule["timescale"] is not None
        case "warmup_stable_decay":
            return bool(warmup + (schedule["stable"] or 0) + schedule["decay"] <= horizon)
        case "one_cycle":
            return bool(schedule["rise"] * horizon > 1)
        case "product":
            return all(_room(one, warmup, horizon) for one in schedule["schedules"])
        case "sequential":
            for phase in schedule["phases"]:
                length = phase.get("updates", horizon)
                if length < 1 or horizon < 1 or warmup >= length:
                    return False
                if not _room(phase["schedule"], warmup, length):
                    return False
                horizon, warmup = horizon - length if "updates" in phase else horizon, 0
    return True


def plateau(d: _Draw, lr: float) -> Values:
    return {
        "name": "reduce_on_plateau",
        "mode": d.one("min", "max"),
        "factor": d.one(0.5, 0.1),
        "patience": d.one(0, 0, 1),
        "threshold": d.one(0.0, 0.25),
        "threshold_mode": d.one("rel", "abs"),
        "cooldown": d.one(0, 1),
        "min_lr": d.one(0.0, lr / 3),
        "eps": d.one(0.0, lr / 8),
    }


def _rate(d: _Draw) -> float:
    return float(d.one(0.125, 2.0**-7, 2.0**-10, 2.0**-17))


def _betas(d: _Draw) -> list[float]:
    return [d.one(*BETAS), d.one(*BETAS)]


def _eps(d: _Draw) -> float:
    return float(d.one(SMALL_EPS, SMALL_EPS, LARGE_EPS))


def _adam(d: _Draw) -> Values:
    return {"lr": _rate(d), "betas": _betas(d), "eps": _eps(d), "amsgrad": d.chance(0.3)}


def _by_moments(d: _Draw) -> Values:
    return {"lr": _rate(d), "betas": _betas(d), "eps": _eps(d)}


def _rmsprop(d: _Draw) -> Values:
    centered = d.chance(0.4)
    return {
        "lr": d.one(2.0**-7, 2.0**-10, 2.0**-17),
        "rho": d.one(0.5, 0.9375, NEAR_ONE) if centered else d.one(0.0, 0.5, 0.9375, NEAR_ONE),
        "eps": d.one(2.0**-20, LARGE_EPS),
        "momentum": d.one(0.0, 0.5, 0.9375),
        "centered": centered,
    }


OPTIMIZERS: dict[str, Callable[[_Draw], Values]] = {
    "sgd": lambda d: {"lr": d.one(0.5, 0.125, 2.0**-10)},
    "momentum": lambda d: {
        "lr": d.one(0.125, 2.0**-7),
        "momentum": d.one(0.5, 0.9375),
        "nesterov": d.chance(0.5),
    },
    "adam": _adam,
    "adamw": _adam,
    "adamw_transformers": lambda d: {**_by_moments(d), "correct_bias": d.chance(0.7)},
    "lamb": _by_moments,
    "lars": lambda d: {
        "lr": d.one(1.0, 0.125),
        "momentum": d.one(0.0, 0.5, 0.9375),
        "coefficient": d.one(2.0**-10, 0.25),
        "eps": d.one(0.0, 2.0**-20),
    },
    "adagrad": lambda d: {
        "lr": _rate(d),
        "eps": _eps(d),
        "initial_accumulator": d.one(0.0, 0.25),
    },
    "adadelta": lambda d: {
        "lr": d.one(1.0, 0.125),
        "rho": d.one(0.0, 0.5, 0.9375),
        "eps": d.one(2.0**-20, LARGE_EPS),
    },
    "adamax": _by_moments,
    "nadam": lambda d: {**_by_moments(d), "momentum_decay": d.one(0.0, 2.0**-8, 1.0)},
    "radam": _by_moments,
    "rmsprop": _rmsprop,
    "rmsprop_torch": lambda d: {n: v for n, v in _rmsprop(d).items() if n != "centered"},
    "rprop": lambda d: {
        "lr": d.one(2.0**-7, 2.0**-10),
        "etas": [0.5, d.one(1.25, 4.0)],
        "step_sizes": [d.one(2.0**-20, 2.0**-10), d.one(2.0**-7, 0.25)],
    },
}
"""Name -> its fields."""

ALWAYS_DECOUPLED = ("adamw", "adamw_transformers", "lamb", "lars")
"""Those that say themselves what decay does."""


def _below(d: _Draw, lr: float) -> float:
    return float(d.one(0.0, lr / 10))


def _stable_decay(d: _Draw, lr: float) -> Values:
    shape = d.one("linear", "cosine", "one_minus_sqrt")
    made = {"stable": d.one(None, 0, 2), "decay": d.one(1, 2, 4), "shape": shape}
    made["min_lr"] = _below(d, lr)
    return made | ({"half_waves": d.one(1.0, 3.0)} if shape == "cosine" else {})


def _one_cycle(d: _Draw, lr: float) -> Values:
    three = d.chance(0.5)
    return {
        "start_lr": _below(d, lr),
        "end_lr": _below(d, lr),
        "rise": d.one(0.3, 0.45) if three else d.one(0.3, 0.9),
        "shape": d.one("cosine", "linear"),
        "three_phase": three,
    }


def _cyclic(d: _Draw, lr: float) -> Values:
    mode = d.one("triangular", "triangular2", "exp_range", "exp_range")
    made = {"max_lr": lr * d.one(1.5, 4.0), "up": d.one(1, 2, 3), "down": d.one(1, 2, 4)}
    if mode == "exp_range":
        made |= {"gamma": d.one(0.5, 0.9), "scale_per": d.one(None, "cycle", "update", "update")}
    return {**made, "mode": mode}


def _multistep(d: _Draw, lr: float) -> Values:
    return {"milestones": d.one([1], [1, 2], [2, 5, 12]), "gamma": d.one(0.5, 0.1)}


def _piecewise(d: _Draw, lr: float) -> Values:
    return {"boundaries": [d.one(1, 2), d.one(3, 12)], "values": [lr, d.one(lr, 0.0), lr * 2]}


def _table(d: _Draw, lr: float) -> Values:
    """Points at each update, or at some."""
    if d.chance(0.3):
        return {"multipliers": [0.5, 1.0, 0.0, 0.25], "at": None, "between": "hold"}
    at = d.one([0, 3], [0, 1, 7], [0])
    return {"multipliers": [1.0, 0.125, 2.0][: len(at)], "at": at} | {
        "between": d.one("hold", "linear")
    }


SCHEDULES: dict[str, Callable[[_Draw, float], Values]] = {
    "constant": lambda d, lr: {},
    "linear": lambda d, lr: {},
    "cosine": lambda d, lr: {"half_waves": d.one(1.0, 2.0, 0.5)},
    "cosine_with_restarts": lambda d, lr: {"cycles": d.one(1.0, 2.0, 3.0, 0.5)},
    "polynomial": lambda d, lr: {
        "power": d.one(0.5, 1.0, 2.0),
        "end_lr": _below(d, lr),
        "cycle": d.chance(0.5),
    },
    "inverse_sqrt": lambda d, lr: {"timescale": d.one(None, 1, 5)},
    "step": lambda d, lr: {"every": d.one(1, 2, 3), "gamma": d.one(0.5, 0.1)},
    "multistep": _multistep,
    "piecewise": _piecewise,
    "exponential": lambda d, lr: {"gamma": d.one(0.5, 0.9)},
    "natural_exp": lambda d, lr: {"gamma": d.one(0.1, 2.0)},
    "inverse_time": lambda d, lr: {"gamma": d.one(0.1, 2.0)},
    "noam": lambda d, lr: {"d_model": d.one(1, 16), "warmup_steps": d.one(1, 3)},
    "cosine_with_min_lr": lambda d, lr: {"half_waves": d.one(1.0, 2.0), "min_lr": _below(d, lr)},
    "linear_annealing": lambda d, lr: {"min_lr": _below(d, lr)},
    "cosine_annealing": lambda d, lr: {"min_lr": _below(d, lr)},
    "warmup_stable_decay": _stable_decay,
    "one_cycle": _one_cycle,
    "cyclic": _cyclic,
    "cosine_annealing_warm_restarts": lambda d, lr: {
        "first": d.one(1, 2, 3),
        "multiplier": d.one(1, 2),
        "min_lr": _below(d, lr),
    },
    "table": _table,
}
"""Name -> its fields, given the base rate; all that can be a phase."""

NAMES = [*SCHEDULES, "reduce_on_plateau", "sequential", "product"]
"""Every schedule."""
