"""What the dialects `hf4` and `hf5` claim, asked of the transformers that is installed."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers.loss.loss_utils import ForCausalLMLoss

from dualtrain.dialects import DIALECTS, Reading, read
from dualtrain.spec import Spec
from tests import builders

# Their methods are called with parts of what they expect, so their types do not matter.
Trainer: Any = transformers.Trainer
TrainingArguments: Any = transformers.TrainingArguments

MAJOR = int(transformers.__version__.partition(".")[0])
DIALECT = DIALECTS[f"hf{MAJOR}"]
FIELDS = TrainingArguments.__dataclass_fields__

KEYWORDS = {
    "half_waves": lambda value: {"num_cycles": value / 2},
    "cycles": lambda value: {"num_cycles": value},
    "power": lambda value: {"power": value},
    "end_lr": lambda value: {"lr_end": value},
    "timescale": lambda value: {"timescale": value},
    "min_lr": lambda value: {"min_lr": value},
    "min_lr_ratio": lambda value: {"min_lr_ratio": value},
    "stable": lambda value: {"num_stable_steps": value},
    "decay": lambda value: {"num_decay_steps": value},
    "shape": lambda value: {"decay_type": value.replace("one_minus_sqrt", "1-sqrt")},
}
"""The spec's fields as `lr_scheduler_kwargs`."""

SCHEDULES: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "linear"},
    {"name": "cosine", "half_waves": 1.0},
    {"name": "cosine", "half_waves": 3.0},
    {"name": "cosine_with_restarts", "cycles": 2.0},
    {"name": "polynomial", "power": 2.0, "end_lr": 1e-6},
    {"name": "inverse_sqrt"},
    {"name": "inverse_sqrt", "timescale": 30},
    {"name": "cosine_with_min_lr", "half_waves": 3.0, "min_lr": 1e-6},
    {"name": "warmup_stable_decay", "decay": 20, "shape": "linear", "min_lr": 1e-5},
    {"name": "warmup_stable_decay", "stable": 30, "decay": 20, "shape": "linear", "min_lr": 0.0},
    {
        "name": "warmup_stable_decay",
        "decay": 20,
        "shape": "cosine",
        "half_waves": 3.0,
        "min_lr": 0.0,
    },
    {"name": "warmup_stable_decay", "decay": 20, "shape": "one_minus_sqrt", "min_lr": 0.0},
]


def spec_of(schedule: dict[str, Any], warmup: dict[str, Any] | None, **more: Any) -> Spec:
    usual = {"optimizer": {"name": "adamw", "lr": 5e-5}, "duration": {"updates": 100}}
    return builders.spec_of(**usual | more, schedule=schedule, warmup=warmup)


def warmup_arguments(warmup: dict[str, Any] | None) -> SimpleNamespace:
    """TrainingArguments' warmup fields, as that version has them."""
    steps = (warmup or {}).get("steps", 0)
    proportion = (warmup or {}).get("proportion", 0.0)
    if MAJOR < 5:
        return SimpleNamespace(warmup_steps=steps, warmup_ratio=proportion)
    return SimpleNamespace(warmup_steps=proportion or steps)


def real_curve(kind: str, keywords: Any, warmup: Any, updates: int, lr: float) -> list[float]:
    """The rates of the scheduler that the Trainer makes."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    arguments = warmup_arguments(warmup)
    arguments.get_warmup_steps = functools.partial(TrainingArguments.get_warmup_steps, arguments)
    arguments.lr_scheduler_type, arguments.lr_scheduler_kwargs = kind, keywords
    trainer = SimpleNamespace(lr_scheduler=None, args=arguments, optimizer=optimizer)
    scheduler = Trainer.create_scheduler(trainer, updates)
    rates = []
    for _ in range(updates):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def keywords_of(spec: Spec, without: tuple[str, ...]) -> dict[str, Any]:
    given = spec.schedule.model_dump(exclude={"name", *without})
    if spec.schedule.name == "warmup_stable_decay" and "min_lr" in given:
        given["min_lr_ratio"] = given.pop("min_lr") / spec.optimizer.lr
    return {
        keyword: argument
        for field, value in given.items()
        if value is not None and field in KEYWORDS
        for keyword, argument in KEYWORDS[field](value).items()
    }


def test_the_version_is_the_one_that_was_read() -> None:
    assert DIALECT.version == transformers.__version__


@pytest.mark.filterwarnings("ignore:Both num_training_steps:UserWarning")
@pytest.mark.parametrize("warmup", [None, {"steps": 7}, {"proportion": 0.07}])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: "-".join(map(str, s.values())))
def test_every_curve_is_the_trainers(schedule: dict[str, Any], warmup: dict[str, Any]) -> None:
    """With the numbers given, and with those left out that the dialect has defaults for."""
    given = schedule | ({"timescale": 5} if schedule == {"name": "inverse_sqrt"} else {})
    spec = spec_of(given if warmup is None else schedule, warmup)
    kind = DIALECT.schedules[schedule["name"]].called
    readings = read(spec, DIALECT, micro_batches_per_epoch=1)
    for reading in readings:
        assert reading.plan is not None
        keywords = keywords_of(spec, reading.left_out)
        assert reading.plan.lr_curve().tolist() == real_curve(kind, keywords, warmup, 100, 5e-5)


@pytest.mark.filterwarnings("ignore:Both num_training_steps:UserWarning")
@pytest.mark.parametrize("shape", ["linear", "cosine", "one_minus_sqrt"])
def test_a_stable_schedule_rises_from_its_lowest_rate(shape: str) -> None:
    """In each of the warmup's shapes."""
    schedule = {"name": "warmup_stable_decay", "decay": 20, "shape": "linear", "min_lr": 1e-5}
    reading = reading_of(spec_of(schedule, {"steps": 10, "shape": shape}))
    keywords = {
        "num_decay_steps": 20,
        "decay_type": "linear",
        "min_lr_ratio": 1e-5 / 5e-5,
        "warmup_type": shape.replace("one_minus_sqrt", "1-sqrt"),
    }
    assert reading.plan is not None
    found = real_curve("warmup_stable_decay", keywords, {"steps": 10}, 100, 5e-5)
    assert reading.plan.lr_curve().tolist() == found


def test_it_has_no_other_schedule_of_the_specs() -> None:
    names = {kind.value for kind in transformers.SchedulerType}
    assert {native.called for native in DIALECT.schedules.values()} <= names


@given(proportion=st.floats(0, 0.9), updates=st.integers(20, 10_000))
def test_warmup_is_rounded_as_the_trainer_does(proportion: float, updates: int) -> None:
    spec = spec_of({"name": "linear"}, {"proportion": proportion}, duration={"updates": updates})
    (reading,) = read(spec, DIALECT, micro_batches_per_epoch=1)
    assert reading.plan is not None
    arguments = warmup_arguments({"proportion": proportion})
    expected = TrainingArguments.get_warmup_steps(arguments, updates)
    assert expected == reading.plan.warmup_updates


@given(
    count=st.integers(1, 60),
    accumulate=st.integers(1, 20),
    epochs=st.integers(1, 5) | st.floats(0.01, 5),
    tail=st.sampled_from(["flush", "drop"]),
)
def test_updates_are_counted_as_the_trainer_does(
    count: int, accumulate: int, epochs: float, tail: str
) -> None:
    batch = {"accumulate": accumulate, "tail": tail}
    spec = spec_of({"name": "linear"}, None, batch=batch, duration={"epochs": epochs})
    (reading,) = read(spec, DIALECT, micro_batches_per_epoch=count)
    assert reading.plan is not None
    found = initial_values(count, accumulate, epochs)
    assert (found[1], found[-1]) == (reading.plan.updates_per_epoch, reading.plan.total_updates)


def initial_values(count: int, accumulate: int, epochs: float) -> Any:
    arguments = SimpleNamespace(
        max_steps=-1, gradient_accumulation_steps=accumulate, num_train_epochs=float(epochs)
    )
    trainer = SimpleNamespace(
        num_examples=len, get_total_train_batch_size=lambda _: 1, get_sp_size=lambda: 1
    )
    batch_size = (1,) if MAJOR < 5 else ()
    return Trainer.set_initial_training_values(trainer, arguments, [None] * count, *batch_size)


def test_defaults() -> None:
    assert DIALECT.clip_default is not None
    assert FIELDS["max_grad_norm"].default == DIALECT.clip_default.value
    assert torch.amp.GradScaler("cpu").get_scale() == DIALECT.loss_scale_init.value
    assert ("warmup_ratio" in FIELDS) == (MAJOR < 5)


def optimizer_of(optim: str, more: str | None = None) -> tuple[Any, dict[str, Any]]:
    arguments = SimpleNamespace(
        optim=optim,
        optim_args=more,
        learning_rate=0.1,
        adam_beta1=0.9,
        adam_beta2=0.99,
        adam_epsilon=1e-7,
        optim_target_modules=None,
    )
    made: tuple[Any, dict[str, Any]] = Trainer.get_optimizer_cls_and_kwargs(arguments)
    return made


def test_the_optimizers() -> None:
    """Version 4 drops what it is asked of SGD and Adagrad besides the rate; 5 passes it on."""
    assert DIALECT.optimizers is not None
    passed = {"adamw", "sgd"}
    cls, keywords = optimizer_of("adamw_torch")
    assert cls is torch.optim.AdamW
    assert keywords == {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-7}
    assert optimizer_of("sgd") == (torch.optim.SGD, {"lr": 0.1})
    if optimizer_of("sgd", "momentum=0.9,nesterov=true")[1].keys() == {
        "lr",
        "momentum",
        "nesterov",
    }:
        passed.add("momentum")
    if optimizer_of("adagrad", "eps=1e-6") == (torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-6}):
        passed.add("adagrad")
    assert passed == set(DIALECT.optimizers.value)


def test_it_has_no_argument_for_the_rest() -> None:
    assert DIALECT.lacks is not None
    assert not [f for f in FIELDS if "freeze" in f or "multiplier" in f]
    assert "label_smoothing_factor" in FIELDS
    assert set(DIALECT.lacks.value) & set(FIELDS) == set()


def test_a_number_of_updates_may_be_a_float_from_version_5_on() -> None:
    """1.0 is one update; paddlenlp's 1.0 is the whole run."""
    for steps, expected in ((1.0, 1), (5.5, 5 if MAJOR >= 5 else 5.5)):
        arguments = SimpleNamespace(warmup_steps=steps, warmup_ratio=0.0)
        assert TrainingArguments.get_warmup_steps(arguments, 100) == expected


def test_clipping_adds_an_epsilon() -> None:
    """A gradient of norm e clipped to e is halved when the formula is c / (norm + e)."""
    epsilon = DIALECT.clip_epsilon.value
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.full((1,), epsilon, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_([weight], epsilon)
    assert weight.grad.item() == pytest.approx(epsilon / 2, rel=1e-12)


def test_targets_are_counted_as_said() -> None:
    """Two sequences of 4 labels, one label ignored: 7 counted, of which 5 have a prediction."""
    labels = torch.tensor([[1, 2, 3, 4], [1, 2, 3, -100]])
    trainer = SimpleNamespace(
        model_accepts_loss_kwargs=True,
        compute_loss_func=None,
        _loss_shifts_labels=True,
        accelerator=SimpleNamespace(),
        get_tp_size=lambda: 1,
        get_cp_size=lambda: 1,
        get_sp_size=lambda: 1,
        args=SimpleNamespace(
            average_tokens_across_devices=False, n_gpu=0, world_size=1, parallelism_config=None
        ),
    )
    count = Trainer._get_num_items_in_batch(trainer, [{"labels": labels}], torch.device("cpu"))
    assert DIALECT.token_mean is not None
    assert (
        int(count) == {"causal, counted before the shift": 7, "causal": 5}[DIALECT.token_mean.value]
    )


def test_the_model_shifts_the_labels() -> None:
    assert DIALECT.labels.value == "model"
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 7, generator=generator)
    labels = torch.randint(7, (2, 5), generator=generator)
    found = ForCausalLMLoss(logits, labels, vocab_size=7)
    shifted = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    )
    assert found.item() == pytest.approx(shifted.item(), rel=1e-6)


class Small(torch.nn.Module):
    """One parameter of each sort."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(2, 2)
        self.ln_1 = torch.nn.LayerNorm(2)
        self.q_norm = torch.nn.Linear(2, 2, bias=False)
        self.bn1 = torch.nn.BatchNorm1d(2)


def test_what_does_not_decay() -> None:
    """A BatchNorm's scale does, being no LayerNorm and not so named."""
    decay = Trainer.get_decay_parameter_names(SimpleNamespace(), Small())
    assert decay == ["dense.weight", "bn1.weight"]


def reading_of(spec: Spec) -> Reading:
    return read(spec, DIALECT, micro_batches_per_epoch=1)[0]


def test_no_horizon_but_the_last_update() -> None:
    plan = reading_of(spec_of({"name": "linear"}, None, horizon=50)).plan
    assert plan is not None
    assert plan.lr_curve().tolist() == real_curve("linear", None, None, 100, 5e-5)


class Sum(torch.nn.Module):
    """Loss w x, so that the gradient of an update is the sum of its samples over their number."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: Any, labels: Any = None) -> Any:
        return {"loss": (self.w * x).mean()}


def test_a_run_of_the_real_trainer(tmp_path: Path) -> None:
    """10 micro-batches, 4 to an update, 2 epochs: each epoch's third update has 2, divided by 2."""
    model, sums, used = Sum(), list[float](), list[float]()
    warmup = {"warmup_ratio": 0.3} if MAJOR < 5 else {"warmup_steps": 0.3}
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(tmp_path),
            disable_tqdm=True,
            report_to=[],
            use_cpu=True,
            save_strategy="no",
            logging_steps=1,
            per_device_train_batch_size=1,
            gradient_accumulation_steps=4,
            num_train_epochs=2,
            max_grad_norm=0.0,
            remove_unused_columns=False,
            learning_rate=5e-5,
            **warmup,
        ),
        train_dataset=[{"x": torch.tensor([2.0**i])} for i in range(10)],
        data_collator=lambda rows: {"x": torch.stack([row["x"] for row in rows])},
    )
    optimizer = trainer.create_optimizer()

    def watch(optimizer: Any, *_: Any) -> None:
        assert model.w.grad is not None
        sums.append(model.w.grad.item())
        used.append(optimizer.param_groups[0]["lr"])

    optimizer.register_step_pre_hook(watch)
    trainer.train()
    divisors = [4, 4, 2] * 2
    samples = [f"{round(s * n):b}".count("1") for s, n in zip(sums, divisors, strict=True)]
    batch = {"accumulate": 4}
    spec = spec_of({"name": "linear"}, {"proportion": 0.3}, batch=batch, duration={"epochs": 2})
    (reading,) = read(spec, DIALECT, micro_batches_per_epoch=10)
    assert reading.plan is not None
    assert (divisors, reading.plan.lr_curve().tolist()) == (samples, used)
    logged = [e["learning_rate"] for e in trainer.state.log_history if "learning_rate" in e]
    assert logged == used
