"""What the Trainers of PaddleNLP, PaddleFormers and Hugging Face do with their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.reading import Node, Place
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes.trainers._arguments import Arguments
from dualtrain.recipes.trainers._deepspeed import under_deepspeed

__all__ = ["trainer_recipe"]

_PADDLE = ("paddlenlp", "paddleformers")
_ADAMW = (
    "adamw adamw_hf adamw_torch adamw_torch_fused adamw_torch_xla adamw_torch_npu_fused "
    "adamw_apex_fused adamw_anyprecision paged_adamw_32bit"
)
_OPTIMIZERS = {
    **dict.fromkeys(_ADAMW.split(), "adamw"),
    **{name: name for name in ("adafactor", "sgd", "adagrad", "rmsprop", "muon")},
    **dict.fromkeys(("lion_32bit", "paged_lion_32bit"), "lion"),
}
_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "cosine_with_restarts": "cosine_with_restarts",
    "polynomial": "polynomial",
    "constant": "constant",
    "constant_with_warmup": "constant",
    "inverse_sqrt": "inverse_sqrt",
    "reduce_lr_on_plateau": "plateau",
    "cosine_with_min_lr": "cosine_with_min_lr",
    "warmup_stable_decay": "warmup_stable_decay",
}
_OF_PADDLE = ("linear", "cosine", "constant", "constant_with_warmup", "polynomial")
_SHAPES: Mapping[str, Mapping[str, tuple[str, Any]]] = {
    "cosine": {"num_cycles": ("num_cycles", 0.5)},
    "cosine_with_restarts": {"num_cycles": ("num_cycles", 1)},
    "polynomial": {"power": ("power", 1.0), "end_lr": ("lr_end", 1e-7)},
    "cosine_with_min_lr": {"num_cycles": ("num_cycles", 0.5), "end_lr": ("min_lr", None)},
}
"""Schedule -> the fields that shape it -> (the argument, what it is where nothing is said)."""


def trainer_recipe(
    family: str,
    release: Found | None,
    given: Mapping[str, Found],
    *,
    own_optimizer: Place | None = None,
    own_schedule: Place | None = None,
    own_groups: Place | None = None,
    deepspeed: Node | None = None,
) -> tuple[dict[str, Found], list[Hazard]]:
    """The fields that a Trainer's arguments decide, and what is odd about them.

    `family` is `paddlenlp`, `paddleformers` or `transformers`; `release` what `release_of` found;
    `given` the arguments that a command, a file or a subclass sets, by name, the stronger winning
    already. `own_optimizer`, `own_schedule` and `own_groups` are where the script hands the Trainer
    those: what they decide is left out, for the script decides it. `deepspeed` is what the file
    says that the argument of that name is given.

    >>> given = {"learning_rate": Found("2e-5"), "bf16": Found("True")}
    >>> fields, _ = trainer_recipe("transformers", Found("4.28.1"), given)
    >>> fields["lr"].value, fields["amp"].value["dtype"], fields["weight_decay"].how
    (2e-05, 'bfloat16', 'library default of transformers 4.28.1')
    """
    arguments = Arguments(family, release or Found(certainty="absent"), given)
    trainer = _Trainer(arguments, arguments.hazards)
    trainer.length()
    trainer.batches()
    trainer.precision()
    if own_schedule is None:
        trainer.schedule()
    if own_optimizer is None:
        trainer.optimizer(own_groups)
    else:
        trainer.handed(own_optimizer, attached=own_schedule is not None)
    file = given.get("deepspeed")
    if file is not None and file.value and family == "transformers":
        return under_deepspeed(trainer.fields, file, deepspeed), arguments.hazards
    return trainer.fields, arguments.hazards


@dataclass(slots=True)
class _Trainer:
    of: Arguments
    hazards: list[Hazard]
    fields: dict[str, Found] = field(default_factory=dict)

    @property
    def _paddle(self) -> bool:
        return self.of.family in _PADDLE

    def _take(self, name: str, argument: str) -> Found:
        self.fields[name] = self.of[argument]
        return self.fields[name]

    def _dead(self, argument: str, why: str) -> None:
        if self.of.says(argument):
            place = self.of[argument].place
            self.hazards.append(Hazard("dead_flag", place, f"{argument} has no effect: {why}"))

    def length(self) -> None:
        """How long the training and its schedule are."""
        self._take("epochs", "num_train_epochs")
        most = self._take("max_steps", "max_steps")
        rule = self.of.rule("length")
        by_epochs = rule.value if rule.value is not None else "epochs * updates of an epoch"
        decides = next(
            (self.of[n] for n in ("max_steps", "num_train_epochs") if self.of.says(n)), most
        )
        self.fields["length"] = Found(
            "max_steps_or_epochs_over_accumulate",
            "implied",
            decides.place,
            rule.how or f"rule of {self.of.family}",
            decides.flag,
            f"max_steps if it is above 0, else {by_epochs}",
        )
        if most.certainty == "unknown" and most.how != "command line":
            why = f"max_steps is computed, and cannot be told: {most.why}"
            self.fields["length"] = replace(most, why=why)
        if self.of.family == "paddleformers" and self.of.value("decay_steps"):
            steps = self.of["decay_steps"]
            self.fields["length"] = replace(
                steps, value="fixed_steps", why=f"decay_steps: {steps.value}"
            )
            self.fields["horizon"] = steps

    def batches(self) -> None:
        """What an update is made of, and the seed."""
        self._take("seed", "seed")
        old = self.of.says("per_gpu_train_batch_size")
        self._take(
            "batch_size", "per_gpu_train_batch_size" if old else "per_device_train_batch_size"
        )
        count = self._take("accumulate", "gradient_accumulation_steps")
        self.fields["scheduler_step"] = Found(
            "per_update", "implied", None, f"the loop of {self.of.family}"
        )
        if self._paddle and isinstance(count.value, int) and count.value > 1:
            text = f"what an epoch leaves of {count.value} micro-batches goes into the next epoch"
            self.hazards.append(Hazard("accum_tail_leaks", count.place, text, "batch.tail"))
            self.fields["tail"] = Found("leak", "implied", None, f"the loop of {self.of.family}")
        if self.of.says("label_smoothing_factor"):
            self._take("label_smoothing", "label_smoothing_factor")
        if self.of.family == "transformers" and count.value != 1:
            self._weighed()

    def _weighed(self) -> None:
        """What the losses of an update are divided by."""
        weighed = self.of.rule("normalise")
        if weighed.value != "micro_mean":
            why = (
                f"{weighed.why or weighed.value}: a causal language model that takes the number of "
                "targets has token_mean there, any other model micro_mean"
            )
            weighed = replace(weighed, value=None, certainty="unknown", why=why)
        self.fields["normalise"] = weighed

    def precision(self) -> None:
        """Mixed precision: half the width if either flag is on."""
        half, brain = self.of["fp16"], self.of["bf16"]
        level = self.of.value("fp16_opt_level") if self._paddle else "O1"
        scale = self.of.value("scale_loss") if self._paddle else None
        as_half = {"dtype": "float16", "level": level, "init_loss_scaling": scale}
        as_brain = {"dtype": "bfloat16", "level": level, "init_loss_scaling": None}
        why = "" if self._paddle else "the first scale is GradScaler's own"
        if brain.value:
            self.fields["amp"] = replace(brain, value=as_brain)
            self._dead("scale_loss", "bfloat16 is not scaled")
        elif half.value:
            self.fields["amp"] = replace(half, value=as_half, why=half.why or why)
        elif "unknown" in (half.certainty, brain.certainty):
            unknown = half if half.certainty == "unknown" else brain
            self.fields["amp"] = replace(unknown, value=None, certainty="unknown")
        else:
            self.fields["amp"] = replace(half, value="off")
            self.fields["amp_if_enabled"] = replace(half, value=as_half, why=why)
            self._dead("fp16_opt_level", "neither fp16 nor bf16 is on")
            self._dead("scale_loss", "fp16 is not on")

    def schedule(self) -> None:
        """The curve, its warmup and its shape."""
        asked = self.of["lr_scheduler_type"]
        if asked.certainty == "absent":  # a release with one schedule
            asked = replace(self.of.rule("length"), value="linear", certainty="implied")
        kind = asked.value.lower() if isinstance(asked.value, str) else None
        known = kind in _OF_PADDLE if self._paddle else kind in _SCHEDULES
        if asked.certainty == "unknown" or not known:
            why = asked.why or f"{self.of.family} has no schedule of this name. Received: {kind!r}"
            self.fields["schedule"] = replace(asked, value=None, certainty="unknown", why=why)
            return
        name = _SCHEDULES[str(kind)]
        self.fields["schedule"] = replace(asked, value=name)
        if name == "plateau":
            self.fields["scheduler_step"] = replace(asked, value="on_eval")
        if kind in ("constant", "reduce_lr_on_plateau"):
            for one in ("warmup_steps", "warmup_ratio"):
                self._dead(one, f"{kind} has no warmup")
        else:
            self._warmup()
        self._shape(name)

    def _warmup(self) -> None:
        """The first above 0 of warmup_steps and warmup_ratio; newer releases have one for both."""
        steps, ratio = self.of["warmup_steps"], self.of["warmup_ratio"]
        count, unit = steps.value or 0, "steps"
        if count > 0 and ratio.value:
            text = f"warmup_ratio has no effect: warmup_steps {count} is above 0"
            self.hazards.append(Hazard("decoy_values", ratio.place, text))
        if 0 < count < 1:
            taken, unit = steps, "fraction"
        elif count > 0:
            taken = replace(steps, value=int(count))
        elif self._of_steps(steps, ratio):
            taken = steps
        else:
            taken, unit = ratio, "fraction"
        if steps.certainty != "unknown" and not count and ratio.certainty == "unknown":
            own = self.of.says("warmup_ratio")  # no release warms up by itself
            taken, unit = (ratio, "fraction") if own else (steps, "steps")
        if unit == "fraction" and taken.value:
            taken = replace(taken, why=f"of all updates, rounded {self._rounding()}")
        self.fields["warmup"] = taken
        sure = steps.certainty != "unknown"
        self.fields["warmup_unit"] = replace(
            taken if taken.certainty != "unknown" or not sure else steps,
            value=unit if sure else None,
        )

    def _of_steps(self, steps: Found, ratio: Found) -> bool:
        """Whether the recipe has warmup_steps alone. No warmup at all is 0 steps where they are
        given, and in transformers, which has nothing else from 5.0.0 on."""
        if "unknown" in (steps.certainty, ratio.certainty):
            return steps.certainty == "unknown"
        if ratio.certainty == "absent" or ratio.value is None:
            return True
        of_steps = self.of.says("warmup_steps") or not self._paddle
        return not ratio.value and not self.of.says("warmup_ratio") and of_steps

    def _rounding(self) -> str:
        return str(self.of.rule("warmup_rounding").value)

    def _shape(self, name: str) -> None:
        passed = self.of["lr_scheduler_kwargs"]
        kwargs = passed.value if isinstance(passed.value, dict) else {}
        for target, (argument, usual) in _SHAPES.get(name, {}).items():
            own = self.of[argument] if self._paddle else Found(certainty="absent")
            if own.certainty in ("stated", "implied"):
                self.fields[target] = own
            elif passed.certainty == "unknown" and self.of.says("lr_scheduler_kwargs"):
                self.fields[target] = replace(passed, value=None)
            elif argument in kwargs:
                self.fields[target] = replace(passed, value=kwargs[argument])
            elif usual is not None:
                how = f"default of the schedule in {self.of.family}"
                self.fields[target] = Found(usual, "implied", None, how)
        least = self.of["min_lr"] if self.of.family == "paddleformers" else None
        if least is not None and least.value and name in ("cosine", "linear"):
            self.fields["end_lr"] = least
        for argument in ("num_cycles", "power", "lr_end"):
            if self._paddle and argument not in {one for one, _ in _SHAPES.get(name, {}).values()}:
                self._dead(argument, f"{name} does not take it")

    def optimizer(self, groups: Place | None) -> None:
        """The optimizer, what it decays, and the clip."""
        kind = self._kind()
        self._take("lr", "learning_rate")
        self._take("weight_decay", "weight_decay")
        self._clip()
        if kind in ("adamw", "muon"):
            self._betas()
            self._take("eps", "adam_epsilon")
        elif kind is not None:
            for one in ("adam_beta1", "adam_beta2", "adam_epsilon"):
                self._dead(one, f"{kind} does not take it")
        if groups is None or self.of.family == "paddleformers":
            self.fields["decay_exclude"] = self._excluded()
            self.fields["decay_match"] = self.of.rule("decay_match")
        elif self._paddle:
            text = "a list of parameters switches the Trainer's decay filter off: all of them decay"
            mends = "weight_decay.exclude"
            self.hazards.append(Hazard("decay_filter_dropped", groups, text, mends))

    def _excluded(self) -> Found:
        found = self.of.rule("decay_exclude")
        if found.certainty == "implied" and found.value is None:
            why = "parameters of LayerNorm modules, by class, and those with 'bias' in their names"
            return replace(found, certainty="absent", why=why)
        return found

    def _kind(self) -> str | None:
        asked, flag = self.of["optim"], self.of["adafactor"]
        own = self.of.rule("optimizer_class")
        if flag.value:
            self.fields["optimizer"] = replace(flag, value="adafactor")
            return "adafactor"
        if not self.of.says("optim"):  # of any release it is some AdamW
            why = f"it is {own.value}" if own.value else own.why
            how = own.how or f"library default of {self.of.family}"
            self.fields["optimizer"] = Found("adamw", "implied", None, how, "--optim", why)
            return "adamw"
        text = str(asked.value)
        kind = _OPTIMIZERS.get(text)
        if kind is None:
            why = asked.why or f"optim {text} is no optimizer that is read; look at its own rule"
            asked = replace(asked, certainty="unknown", why=why)
        why = "transformers' own AdamW, which decays after the step" if text == "adamw_hf" else ""
        self.fields["optimizer"] = replace(asked, value=kind, why=asked.why or why)
        return kind

    def _betas(self) -> None:
        both = self.of["adam_beta1"], self.of["adam_beta2"]
        decides = next((one for one in both if one.certainty == "unknown"), None)
        decides = decides or next((one for one in both if one.certainty == "stated"), both[0])
        known = decides.certainty != "unknown"
        self.fields["betas"] = replace(
            decides, value=[one.value for one in both] if known else None
        )

    def _clip(self) -> None:
        norm = self.of["max_grad_norm"]
        if norm.certainty == "unknown":
            self.fields["clip"] = norm
            return
        on = norm.value is not None and norm.value > 0
        value = {"kind": "global_norm", "value": norm.value} if on else "none"
        self.fields["clip"] = replace(norm, value=value)

    def handed(self, place: Place, *, attached: bool) -> None:
        """An optimizer of the script's own: in Paddle clip and decay are arguments of it."""
        dead = "weight_decay, adam_beta1, adam_beta2 and adam_epsilon"
        if self._paddle:
            dead = f"{dead.replace(' and', ',')} and max_grad_norm"
            self.fields["clip"] = Found("none", "stated", place, "literal")
            norm = self.of["max_grad_norm"]
            if norm.value:
                text = f"max_grad_norm {norm.value} clips nothing: the optimizer has no grad_clip"
                self.hazards.append(Hazard("clip_not_attached", norm.place or place, text, "clip"))
            if not attached:
                text = "the Trainer builds and steps its schedule; the optimizer does not hold it"
                self.hazards.append(Hazard("sched_not_attached", place, text, "schedule"))
        else:
            self._clip()
        text = f"{dead} reach no optimizer: the Trainer is handed one"
        self.hazards.append(Hazard("dead_flag", place, text))
