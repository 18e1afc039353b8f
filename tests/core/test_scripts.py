"""What a script cannot say is refused by name; what is new in a spec is refused until it can."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dualtrain import Plan, Spec, write_script
from dualtrain.errors import DualtrainError, PlanError, SpecError
from dualtrain.fields import dotted
from dualtrain.schedules import Schedule
from dualtrain.scripts._said import CHOICES, SAID, TEMPLATES, unknown_words
from tests.builders import PLATEAU, spec_of
from tests.oracle.specs import draw

HALF = {"dtype": "float16"}
APART = {
    "optimizer": {"name": "rmsprop", "lr": 0.1, "rho": 0.9, "eps": 1e-6},
    "weight_decay": {"value": 0.1, "kind": "decoupled"},
}


@pytest.mark.parametrize(
    ("backend", "word", "changes"),
    [
        ("torch", "layer_decay", {"schedule": PLATEAU, "layer_decay": 0.5}),
        ("torch", "warmup", {"schedule": PLATEAU, "warmup": {"steps": 1}}),
        ("paddle", "warmup", {"schedule": PLATEAU, "warmup": {"steps": 1}}),
        ("paddle", "schedule.cooldown", {"schedule": PLATEAU | {"cooldown": 2}}),
        (
            "torch",
            "amp.loss_scale.backoff_interval",
            {"amp": HALF | {"loss_scale": {"backoff_interval": 2}}},
        ),
        ("paddle", "amp", {"amp": HALF}),
        ("torch", "weight_decay.kind", APART),
        ("paddle", "weight_decay.kind", APART),
    ],
)
def test_a_word_that_no_script_says_is_named(
    backend: str, word: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(SpecError) as refusal:
        write_script(spec_of(**changes), backend)

    assert [problem.where for problem in refusal.value.problems] == [word]
    assert f"a script for {backend} does not say it" in str(refusal.value)


def test_all_of_them_at_once() -> None:
    scale = {"loss_scale": {"backoff_interval": 2}}
    spec = spec_of(schedule=PLATEAU, warmup={"steps": 1}, amp=HALF | scale)

    with pytest.raises(SpecError) as refusal:
        write_script(spec, "torch")

    named = [problem.where for problem in refusal.value.problems]
    assert named == ["warmup", "amp.loss_scale.backoff_interval"]


def test_an_unknown_framework() -> None:
    with pytest.raises(DualtrainError, match=r"for torch or paddle\. Received: 'jax'"):
        write_script(spec_of(), "jax")


@pytest.mark.parametrize(
    "sizes",
    [
        {"duration": {"updates": 4}},
        {"duration": {"epochs": 2}, "batch": {"micro_batches_per_epoch": 2}},
    ],
)
def test_a_run_that_no_plan_fits_is_refused(sizes: dict[str, Any]) -> None:
    spec = spec_of(schedule={"name": "linear"}, warmup={"steps": 4}, **sizes)

    with pytest.raises(PlanError, match=r"warmup\.steps"):
        write_script(spec, "torch")


def test_a_horizon_in_epochs_fits_some_number_of_micro_batches() -> None:
    """A script learns it from its data: 3 updates are too few for the warmup, 15 are not."""
    words: dict[str, Any] = {"warmup": {"steps": 4}, "horizon": {"epochs": 3}}
    spec = spec_of(schedule={"name": "linear"}, duration={"updates": 20}, **words)
    with pytest.raises(PlanError):
        Plan.of(spec, micro_batches_per_epoch=1)
    Plan.of(spec, micro_batches_per_epoch=5)
    assert write_script(spec, "torch")


@pytest.mark.parametrize("name", ["", "my model", "a..b", "import", "a;b", "a.py\nimport os"])
def test_a_module_is_named(name: str) -> None:
    with pytest.raises(DualtrainError, match=r"by its dotted name\. Received: "):
        write_script(spec_of(), "torch", model=name)

    assert "from my.models import batches, build_model\n" in write_script(
        spec_of(), "torch", model="my.models"
    )


class Newer(Spec):
    """A spec with a word that no template knows."""

    curriculum: int | None = None


def test_a_new_word_is_refused() -> None:
    words = spec_of().model_dump(exclude_unset=True)

    assert [*unknown_words(Newer(**words))] == []
    assert [*unknown_words(Newer(**words, curriculum=3))] == [("curriculum",)]
    with pytest.raises(SpecError, match="curriculum: a script for torch does not say it"):
        write_script(Newer(**words, curriculum=3), "torch")


def test_each_word_of_today_is_said() -> None:
    specs = [Spec(**draw(11, index).spec) for index in range(220)]

    assert {dotted(steps) for spec in specs for steps in unknown_words(spec)} == set()


@pytest.mark.parametrize("part", Spec.model_fields)
def test_each_choice_is_known(part: str) -> None:
    """A choice that is new in the spec is refused: what may be chosen is written down."""
    fields = _fields_of(Spec.model_fields[part].annotation) if part in SAID else {}
    chosen = {field for field, annotation in fields.items() if _choices(annotation)}
    told = {field for field in SAID.get(part, ()) if f"{part}.{field}" in CHOICES}

    assert chosen & set(SAID.get(part, ())) - {"kind"} == told  # it follows from the optimizer


@pytest.mark.parametrize("part", SAID)
def test_the_words_are_those_of_the_spec(part: str) -> None:
    fields = _fields_of(Spec.model_fields[part].annotation)

    assert set(SAID[part]) <= set(fields)  # what is beside them is refused
    for field, annotation in fields.items():
        if f"{part}.{field}" in CHOICES:
            assert set(CHOICES[f"{part}.{field}"]) <= set(_choices(annotation))


def test_every_template_is_of_a_schedule() -> None:
    (union, *_) = get_args(Schedule)
    names = {get_args(record.model_fields["name"].annotation)[0] for record in get_args(union)}
    templates = {path.stem for path in (TEMPLATES / "schedules").glob("*.j2")} - {
        "factor.py",
        "momentum.py",
    }

    assert templates <= names
    assert {"reduce_on_plateau", "sequential"} <= names - templates  # said by the frameworks


def _fields_of(annotation: Any) -> dict[str, Any]:
    """The fields of the model within an annotation."""
    if hasattr(annotation, "model_fields"):
        return {name: field.annotation for name, field in annotation.model_fields.items()}
    found: dict[str, Any] = {}
    for inner in get_args(annotation):
        found |= _fields_of(inner)
    return found


def _choices(annotation: Any) -> list[str]:
    """The texts of the Literals within an annotation."""
    if isinstance(annotation, str):
        return [annotation]
    if hasattr(annotation, "model_fields"):
        return [text for inner in _fields_of(annotation).values() for text in _choices(inner)]
    return [text for inner in get_args(annotation) for text in _choices(inner)]
