"""What the dialects `paddlenlp` and `paddlenlp-trainer` claim, asked of paddlenlp itself."""

from __future__ import annotations

import importlib.metadata
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain.dialects import PADDLENLP, PADDLENLP_TRAINER, Dialect, Reading, read
from dualtrain.spec import Spec
from dualtrain_paddle import _compat
from tests import builders

native = _compat.native_models()
with warnings.catch_warnings():  # its dependencies', on import
    warnings.simplefilter("ignore")
    from paddlenlp import trainer
    from paddlenlp.trainer.training_args import OptimizerNames

# Their methods are called with parts of what they expect, so their types do not matter.
Trainer: Any = trainer.Trainer
TrainingArguments: Any = trainer.TrainingArguments
FIELDS = TrainingArguments.__dataclass_fields__
LR = 5e-5


def spec_of(schedule: dict[str, Any], warmup: dict[str, Any] | None, **more: Any) -> Spec:
    usual = {"optimizer": {"name": "adamw", "lr": LR}, "duration": {"updates": 100}}
    return builders.spec_of(**usual | more, schedule=schedule, warmup=warmup)


def readings_of(spec: Spec, dialect: Dialect) -> tuple[Reading, ...]:
    return read(spec, dialect, micro_batches_per_epoch=1)


def curve_of(reading: Reading) -> list[float]:
    assert reading.plan is not None
    return [reading.plan.lr_at(t) for t in range(reading.plan.total_updates)]


def rates(scheduler: Any, updates: int = 100) -> list[float]:
    found = []
    for _ in range(updates):
        found.append(scheduler())
        scheduler.step()
    return found


CLASSES: list[tuple[dict[str, Any], Callable[..., Any], dict[str, Any]]] = [
    ({"name": "constant"}, native.ConstScheduleWithWarmup, {}),
    ({"name": "linear"}, native.LinearDecayWithWarmup, {}),
    ({"name": "cosine", "half_waves": 4.0}, native.CosineDecayWithWarmup, {"num_cycles": 2}),
    (
        {"name": "cosine_with_restarts", "cycles": 3.0},
        lambda *a, **k: native.CosineDecayWithWarmup(*a, with_hard_restarts=True, **k),
        {"num_cycles": 3.0},
    ),
    (
        {"name": "polynomial", "power": 2.0, "end_lr": 1e-6},
        native.PolyDecayWithWarmup,
        {"power": 2.0, "lr_end": 1e-6},
    ),
]


def test_the_version_is_the_one_that_was_read() -> None:
    found = importlib.metadata.version("paddlenlp")
    assert {PADDLENLP.version, PADDLENLP_TRAINER.version} == {found}


@pytest.mark.parametrize("warmup", [{"steps": 0}, {"steps": 7}, {"proportion": 0.29}])
@pytest.mark.parametrize(("schedule", "build", "keywords"), CLASSES, ids=lambda v: str(v))
def test_every_curve_is_the_classes(
    schedule: dict[str, Any], build: Callable[..., Any], keywords: dict[str, Any], warmup: Any
) -> None:
    """With the numbers given, and with those left out that the dialect has defaults for."""
    (number,) = warmup.values()
    arguments = {"warmup": number, "total_steps": 100}
    readings = readings_of(spec_of(schedule, warmup), PADDLENLP)
    assert len(readings) == (2 if keywords else 1)
    for reading in readings:
        passed = {} if reading.left_out else keywords
        assert curve_of(reading) == rates(build(LR, **arguments, **passed))


@pytest.mark.parametrize("min_lr", [0.0, 1e-6])
@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("linear_annealing", native.LinearAnnealingWithWarmupDecay),
        ("cosine_annealing", native.CosineAnnealingWithWarmupDecay),
    ],
)
def test_megatrons_classes_round_once_less(
    name: str, build: Callable[..., Any], warmup: int, min_lr: float
) -> None:
    """A factor is rounded before it multiplies the base rate: at most 2 ULP."""
    spec = spec_of({"name": name, "min_lr": min_lr}, {"steps": warmup})
    (reading,) = readings_of(spec, PADDLENLP)
    found = np.array(rates(build(LR, min_lr, warmup, 100)))
    apart = np.abs(np.array(curve_of(reading)) - found) / np.spacing(found)
    assert apart.max() <= 2


def test_a_half_wave_cannot_be_asked_for() -> None:
    given, bare = readings_of(spec_of({"name": "cosine", "half_waves": 1.0}, None), PADDLENLP)
    with pytest.raises(AssertionError):
        native.CosineDecayWithWarmup(LR, 100, 0, num_cycles=0.5)
    assert (given.plan, bare.left_out) == (None, ("half_waves",))
    assert curve_of(bare) == rates(native.CosineDecayWithWarmup(LR, 100, 0))


def test_a_class_may_end_before_the_run() -> None:
    (reading,) = readings_of(spec_of({"name": "linear"}, None, horizon=50), PADDLENLP)
    assert curve_of(reading) == rates(native.LinearDecayWithWarmup(LR, 50, 0))


@given(proportion=st.floats(0, 0.9), updates=st.integers(2, 300))
def test_warmup_is_rounded_as_the_class_and_the_trainer_do(proportion: float, updates: int) -> None:
    spec = spec_of({"name": "linear"}, {"proportion": proportion}, duration={"updates": updates})
    for dialect, scheduler in (
        (PADDLENLP, native.LinearDecayWithWarmup(LR, updates, proportion)),
        (PADDLENLP_TRAINER, scheduler_of("linear", updates, warmup_ratio=proportion)),
    ):
        (reading,) = readings_of(spec, dialect)
        assert curve_of(reading) == rates(scheduler, updates)


def scheduler_of(kind: str, updates: int, **arguments: Any) -> Any:
    """What the Trainer makes; arguments that are not given are its defaults."""
    names = ("learning_rate", "warmup_steps", "warmup_ratio", "num_cycles", "lr_end", "power")
    defaults = {name: FIELDS[name].default for name in names}
    given = {**defaults, "learning_rate": LR, "lr_scheduler_type": kind, **arguments}
    state = SimpleNamespace(lr_scheduler=None, args=SimpleNamespace(**given))
    return Trainer.create_scheduler(state, updates)


@pytest.mark.parametrize("warmup", [{}, {"warmup_steps": 7}, {"warmup_ratio": 0.29}])
@pytest.mark.parametrize(
    ("schedule", "arguments"),
    [
        ({"name": "constant"}, {}),
        ({"name": "linear"}, {}),
        ({"name": "cosine", "half_waves": 3.0}, {"num_cycles": 1.5}),
        ({"name": "polynomial", "power": 2.0, "end_lr": 1e-6}, {"power": 2.0, "lr_end": 1e-6}),
    ],
    ids=lambda value: str(value),
)
def test_every_curve_is_the_trainers(schedule: Any, arguments: Any, warmup: Any) -> None:
    fields = {"warmup_steps": "steps", "warmup_ratio": "proportion"}
    asked = {fields[name]: value for name, value in warmup.items()} or None
    readings = readings_of(spec_of(schedule, asked), PADDLENLP_TRAINER)
    assert len(readings) == (2 if arguments else 1)
    kind = PADDLENLP_TRAINER.schedules[schedule["name"]].called
    for reading in readings:
        passed = {} if reading.left_out else arguments
        assert curve_of(reading) == rates(scheduler_of(kind, 100, **passed, **warmup))


def test_the_trainer_has_no_other_schedule() -> None:
    for name in ("cosine_with_restarts", "inverse_sqrt"):
        with pytest.raises(ValueError, match="not a valid SchedulerType"):
            scheduler_of(name, 100)
        (reading,) = readings_of(
            spec_of({"name": name} | ({"cycles": 1.0} if "restarts" in name else {}), {"steps": 1}),
            PADDLENLP_TRAINER,
        )
        assert reading.refusal == f"has no schedule {name!r}"


class Sum(paddle.nn.Layer):
    """Loss w x, so that the gradient of an update is the sum of its samples."""

    def __init__(self) -> None:
        super().__init__()
        self.w = self.create_parameter([1])
        self.norm = paddle.nn.LayerNorm(1)

    def forward(self, x: Any, labels: Any = None) -> Any:
        return {"loss": (self.w * x).mean()}


class Run:
    """A run of the real Trainer: which samples made each update, and the rates."""

    def __init__(self, folder: Path, count: int, **arguments: Any) -> None:
        self.model: Any = Sum()
        self.samples = list[list[int]]()
        self.step: Any = None
        self.used = list[float]()
        self.trainer = Trainer(
            model=self.model,
            args=TrainingArguments(
                output_dir=str(folder),
                disable_tqdm=True,
                report_to=[],
                device="cpu",
                save_strategy="no",
                logging_steps=1,
                per_device_train_batch_size=1,
                max_grad_norm=0.0,
                **arguments,
            ),
            train_dataset=[{"x": np.array([2.0**i], np.float32)} for i in range(count)],
            data_collator=lambda rows: {"x": paddle.to_tensor(np.stack([r["x"] for r in rows]))},
        )
        self.accumulate = arguments["gradient_accumulation_steps"]

    def train(self) -> Run:
        make = self.trainer.create_optimizer

        def watched(*passed: Any) -> Any:
            optimizer = make(*passed)
            self.step = optimizer.step
            optimizer.step = self._step
            return optimizer

        self.trainer.create_optimizer = watched
        self.trainer.train()
        return self

    def _step(self) -> None:
        divisor = self.trainer.args.gradient_accumulation_steps
        total = round(float(self.model.w.grad) * divisor)
        self.samples.append([i for i in range(20) if total >> i & 1])
        self.used.append(self.trainer.optimizer.get_lr())
        self.step()

    def logged(self) -> list[float]:
        return [e["learning_rate"] for e in self.trainer.state.log_history if "learning_rate" in e]


def trainers(count: int, accumulate: int, epochs: int) -> Reading:
    spec = spec_of(
        {"name": "linear"},
        {"proportion": 0.3},
        batch={"accumulate": accumulate},
        duration={"epochs": epochs},
    )
    return read(spec, PADDLENLP_TRAINER, micro_batches_per_epoch=count)[0]


def test_left_over_micro_batches_leak_into_the_next_epoch(tmp_path: Path) -> None:
    """10 micro-batches, 4 to an update, 2 epochs: the third update has 6, divided by 4."""
    reading = trainers(10, 4, 2)
    run = Run(
        tmp_path,
        10,
        gradient_accumulation_steps=4,
        num_train_epochs=2,
        warmup_ratio=0.3,
        learning_rate=LR,
        weight_decay=0.01,
    ).train()
    assert reading.plan is not None
    assert [len(samples) for samples in run.samples] == [4, 4, 4 + reading.leak, 4]
    assert [len(group) for _, group in reading.plan.updates()] == [4, 4, 6, 4]
    assert (reading.leak, run.used) == (2, curve_of(reading))
    # The last update's successor has rate 0; four digits are kept.
    after = [*run.used[1:], reading.plan.lr_at(4)]
    assert run.logged() == [float(f"{rate:.3e}") for rate in after]
    decays = run.trainer.optimizer._apply_decay_param_fun
    names = {name: decays(p.name) for name, p in run.model.named_parameters()}
    assert names == {"w": True, "norm.weight": False, "norm.bias": False}


def test_more_micro_batches_to_an_update_than_an_epoch_has(tmp_path: Path) -> None:
    reading = trainers(3, 16, 2)
    run = Run(
        tmp_path,
        3,
        gradient_accumulation_steps=16,
        num_train_epochs=2,
        warmup_ratio=0.3,
        learning_rate=LR,
    ).train()
    assert (run.samples, run.used) == ([[0, 1, 2]] * 2, curve_of(reading))


def test_it_makes_one_optimizer_and_has_no_argument_for_the_rest() -> None:
    make = Trainer.get_optimizer_cls_and_kwargs
    arguments = SimpleNamespace(
        optim=OptimizerNames.ADAMW, adam_beta1=0.9, adam_beta2=0.99, adam_epsilon=1e-7
    )
    cls, keywords = make(arguments)
    assert cls is paddle.optimizer.AdamW
    assert keywords == {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-7}
    assert {kind.value for kind in OptimizerNames} == {"adamw", "adafactor"}  # the spec has one
    assert PADDLENLP_TRAINER.lacks is not None
    assert not [f for f in FIELDS if "smoothing" in f or "freeze" in f or "multiplier" in f]
    assert set(PADDLENLP_TRAINER.lacks.value) & set(FIELDS) == set()


def test_defaults() -> None:
    assert PADDLENLP_TRAINER.clip_default is not None
    assert FIELDS["max_grad_norm"].default == PADDLENLP_TRAINER.clip_default.value
    assert FIELDS["scale_loss"].default == PADDLENLP_TRAINER.loss_scale_init.value
    scaler = inspect.signature(paddle.amp.GradScaler.__init__).parameters["init_loss_scaling"]
    assert scaler.default == PADDLENLP.loss_scale_init.value


def test_clipping_adds_nothing() -> None:
    """A gradient of norm c is left as it is by c / max(norm, c)."""
    weight, small = paddle.zeros([1]), paddle.full([1], 1e-6)
    ((_, clipped),) = paddle.nn.ClipGradByGlobalNorm(1e-6)([(weight, small)])
    assert (clipped.item(), PADDLENLP.clip_epsilon.value) == (small.item(), 0.0)


def test_the_data_shifts_the_labels() -> None:
    """The model's criterion compares each output with the label at its own place."""
    generator = np.random.default_rng(0)
    logits = paddle.to_tensor(generator.normal(size=(2, 5, 7)).astype(np.float32))
    labels = paddle.to_tensor(generator.integers(7, size=(2, 5)))
    criterion = native.LlamaPretrainingCriterion(native.LlamaConfig(vocab_size=7))
    expected = paddle.nn.functional.cross_entropy(logits.reshape([-1, 7]), labels.reshape([-1]))
    assert criterion(logits, labels).item() == pytest.approx(expected.item(), rel=1e-6)
    assert PADDLENLP.labels.value == PADDLENLP_TRAINER.labels.value == "data"
