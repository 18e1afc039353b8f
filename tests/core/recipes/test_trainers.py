"""What the Trainers do with their arguments: rules of their code, release by release."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.reading import Place, commands, json_node, yaml_node
from dualtrain.recipes import Found, given_by_command, given_by_data, trainer_recipe

HF = Found("4.28.1", how="transformers==4.28.1")
PADDLE = Found("2.8.1", how="paddlenlp==2.8.1")
FAMILY = {"transformers": HF, "paddlenlp": PADDLE, "paddleformers": Found("1.2.0")}


def read(
    line: str, family: str = "transformers", release: Found | None = None, **handed: Any
) -> tuple[dict[str, Found], list[str]]:
    """The fields, and the codes of the hazards."""
    [command] = commands(f"python run.py {line}", "run.sh")
    given = given_by_command(command)
    fields, hazards = trainer_recipe(family, release or FAMILY[family], given, **handed)
    return fields, [hazard.code for hazard in hazards]


def values(line: str, family: str = "transformers", release: Found | None = None) -> dict[str, Any]:
    fields, _ = read(line, family, release)
    return {name: found.value for name, found in fields.items()}


def test_nothing_said_is_implied_and_says_of_which_release() -> None:
    fields, hazards = read("")

    assert {name: found.value for name, found in fields.items()} == {
        "lr": 5e-5, "weight_decay": 0.0, "betas": [0.9, 0.999], "eps": 1e-8,
        "clip": {"kind": "global_norm", "value": 1.0}, "optimizer": "adamw",
        "decay_exclude": None, "decay_match": "norm_class_or_bias",
        "schedule": "linear", "warmup": 0, "warmup_unit": "steps",
        "length": "max_steps_or_epochs_over_accumulate", "epochs": 3.0, "max_steps": -1,
        "accumulate": 1, "amp": "off", "seed": 42, "batch_size": 8, "scheduler_step": "per_update",
        "amp_if_enabled": {"dtype": "float16", "level": "O1", "init_loss_scaling": None},
    }  # fmt: skip
    assert {found.certainty for found in fields.values()} == {"implied", "absent"}
    assert fields["lr"].how == "library default of transformers 4.28.1"
    assert fields["optimizer"].why == "it is transformers.AdamW"
    assert hazards == []


def test_what_is_given_is_stated_with_flag_and_line() -> None:
    fields, _ = read("\\\n --learning_rate 2e-5 \\\n --adam_beta2 0.98 --fp16 --max_grad_norm 0")

    assert fields["lr"] == Found(
        2e-5, "stated", Place("run.sh", 2), "command line", "--learning_rate"
    )
    assert (fields["betas"].value, fields["betas"].certainty) == ([0.9, 0.98], "stated")
    assert fields["clip"].value == "none"
    assert fields["amp"].value == {"dtype": "float16", "level": "O1", "init_loss_scaling": None}
    assert fields["amp"].place == Place("run.sh", 3)


WARMUPS = {
    "--warmup_steps 100 --warmup_ratio 0.1": (100, "steps"),
    "--warmup_steps 0 --warmup_ratio 0.1": (0.1, "fraction"),
    "--warmup_ratio 0.06": (0.06, "fraction"),
    "--warmup_steps 0": (0, "steps"),
    "--lr_scheduler_type constant_with_warmup --warmup_steps 7": (7, "steps"),
    "--lr_scheduler_type constant --warmup_steps 7": (None, None),
}


@pytest.mark.parametrize("family", ["transformers", "paddlenlp", "paddleformers"])
@pytest.mark.parametrize(("line", "warmup"), WARMUPS.items(), ids=WARMUPS)
def test_warmup_is_the_first_above_zero(line: str, warmup: tuple[Any, str], family: str) -> None:
    found = values(line, family)

    assert (found.get("warmup"), found.get("warmup_unit")) == warmup


@pytest.mark.parametrize(
    ("line", "warmup"),
    [("--warmup_steps 0.1", (0.1, "fraction")), ("--warmup_steps 5.5", (5, "steps"))],
)
def test_newer_releases_take_a_proportion_as_steps(line: str, warmup: tuple[Any, str]) -> None:
    found = values(line, release=Found("5.0.0"))

    assert (found["warmup"], found["warmup_unit"]) == warmup


@pytest.mark.parametrize(("family", "way"), [("transformers", "up"), ("paddlenlp", "down")])
def test_a_proportion_says_how_it_is_rounded(family: str, way: str) -> None:
    fields, _ = read("--warmup_ratio 0.1", family)

    assert fields["warmup"].why == f"of all updates, rounded {way}"


def test_an_older_release_has_fewer_arguments_and_another_rule() -> None:
    fields, hazards = read("--warmup_ratio 0.1 --bf16", release=Found("4.2.1"))

    assert (fields["warmup"].value, fields["warmup_unit"].value) == (0, "steps")
    assert fields["amp"].value == "off"
    assert fields["decay_exclude"].value == ["bias", "LayerNorm.weight"]
    assert fields["decay_match"].value == "substring"
    assert hazards == ["cli_flag_unknown", "cli_flag_unknown"]


def test_a_default_that_changed_is_unknown_where_no_release_is_named() -> None:
    named, _ = read("", "paddlenlp", Found("2.6.1"))
    unnamed, _ = read("", "paddlenlp", Found(certainty="absent"))
    between, _ = read("", "paddlenlp", Found("2.8.0"))

    assert named["epochs"].value == 3.0
    assert (unnamed["epochs"].value, unnamed["epochs"].certainty) == (None, "unknown")
    assert unnamed["epochs"].why == (
        "paddlenlp has 3.0 up to 2.7.2 and 1.0 from 2.8.1; which release is meant is not said"
    )
    assert between["epochs"].certainty == "unknown"
    assert (unnamed["lr"].value, unnamed["lr"].how) == (
        5e-5, "library default of paddlenlp 2.3.4 to 3.0.0",
    )  # fmt: skip


def test_hugging_face_without_a_release_is_known_but_for_what_changed() -> None:
    fields, _ = read("", release=Found(certainty="absent"))
    unknown = {name for name, found in fields.items() if found.certainty == "unknown"}

    assert unknown == {"decay_exclude", "decay_match"}
    assert (fields["warmup"].value, fields["warmup_unit"].value) == (0, "steps")


def test_a_bound_from_below_is_said() -> None:
    bound = Found("4.28.1", "implied", why="transformers 4.28.1 or newer")
    fields, _ = read("", release=bound)

    assert fields["seed"].why == "transformers 4.28.1 or newer"


SHAPES = {
    ("transformers", "--lr_scheduler_type cosine"): {"num_cycles": 0.5},
    ("transformers", "--lr_scheduler_type cosine_with_restarts"): {"num_cycles": 1},
    ("transformers", "--lr_scheduler_type polynomial"): {"power": 1.0, "end_lr": 1e-7},
    ("paddlenlp", "--lr_scheduler_type cosine --num_cycles 1"): {"num_cycles": 1},
    ("paddlenlp", "--lr_scheduler_type polynomial --power 2 --lr_end 1e-6"): {
        "power": 2, "end_lr": 1e-6,
    },
    ("paddleformers", "--lr_scheduler_type cosine --min_lr 1e-6"): {
        "num_cycles": 0.5, "end_lr": 1e-6,
    },
    ("transformers", "--lr_scheduler_type linear"): {},
}  # fmt: skip


@pytest.mark.parametrize(("case", "shape"), SHAPES.items(), ids=lambda one: str(one)[:60])
def test_what_shapes_a_schedule(case: tuple[str, str], shape: dict[str, Any]) -> None:
    found = values(case[1], case[0])

    assert {n: found[n] for n in ("num_cycles", "power", "end_lr") if n in found} == shape


def test_keywords_of_a_schedule_come_as_json() -> None:
    line = """--lr_scheduler_type polynomial --lr_scheduler_kwargs '{"power": 2.0}'"""
    found = values(line, release=Found("4.57.6"))

    assert (found["power"], found["end_lr"]) == (2.0, 1e-7)


@pytest.mark.parametrize(
    ("line", "family", "amp"),
    [
        ("--bf16 true", "transformers", ("bfloat16", "O1", None)),
        ("--bf16 --fp16_opt_level O2", "paddlenlp", ("bfloat16", "O2", None)),
        ("--fp16 1", "paddlenlp", ("float16", "O1", 32768.0)),
        ("--fp16 --fp16_opt_level O2 --scale_loss 1024", "paddlenlp", ("float16", "O2", 1024.0)),
    ],
)
def test_mixed_precision(line: str, family: str, amp: tuple[str, str, float | None]) -> None:
    keys = ("dtype", "level", "init_loss_scaling")

    assert values(line, family)["amp"] == dict(zip(keys, amp, strict=True))


@pytest.mark.parametrize(
    ("line", "optimizer", "betas"),
    [
        ("--optim adamw_torch_fused", "adamw", [0.9, 0.999]),
        ("--optim sgd", "sgd", None),
        ("--adafactor", "adafactor", None),
        ("--optim galore_adamw", None, None),
    ],
)
def test_optimizers(line: str, optimizer: str | None, betas: list[float] | None) -> None:
    found = values(line)

    assert (found["optimizer"], found.get("betas")) == (optimizer, betas)


UNKNOWN = {
    "--learning_rate $lr": ("lr", "the variable lr is not set in the file"),
    "--learning_rate fast": ("lr", "learning_rate takes a number. Received: 'fast'"),
    "--seed 1.5": ("seed", "seed takes a whole number. Received: '1.5'"),
    "--fp16 perhaps": ("amp", "fp16 takes true or false. Received: 'perhaps'"),
    "--lr_scheduler_type wave": (
        "schedule", "transformers has no schedule of this name. Received: 'wave'",
    ),
    "--optim lomo": ("optimizer", "optim lomo is no optimizer that is read; look at its own rule"),
    "--adam_beta1 $b": ("betas", "the variable b is not set in the file"),
    "--max_grad_norm $c": ("clip", "the variable c is not set in the file"),
    "--warmup_steps $w": ("warmup", "the variable w is not set in the file"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "field"), UNKNOWN.items(), ids=UNKNOWN)
def test_what_cannot_be_told_is_unknown_with_the_reason(line: str, field: tuple[str, str]) -> None:
    fields, _ = read(line)
    found = fields[field[0]]

    assert (found.value, found.certainty, found.why) == (None, "unknown", field[1])


HAZARDS = {
    ("transformers", "--warmup_steps 5 --warmup_ratio 0.1"): ["decoy_values"],
    ("transformers", "--lr_scheduler_type constant --warmup_steps 5"): ["dead_flag"],
    ("transformers", "--optim sgd --adam_beta1 0.8"): ["dead_flag"],
    ("transformers", "--gradient_accumulation_steps 8"): [],
    ("paddlenlp", "--gradient_accumulation_steps 8"): ["accum_tail_leaks"],
    ("paddlenlp", "--num_cycles 1"): ["dead_flag"],
    ("paddlenlp", "--bf16 --scale_loss 1024"): ["dead_flag"],
}


@pytest.mark.parametrize(("case", "codes"), HAZARDS.items(), ids=lambda one: str(one)[:60])
def test_hazards(case: tuple[str, str], codes: list[str]) -> None:
    assert read(case[1], case[0])[1] == codes


HANDED = Place("run.py", 9)


def test_paddle_keeps_nothing_where_it_is_handed_an_optimizer() -> None:
    fields, hazards = read("", "paddlenlp", own_optimizer=HANDED)

    assert not {"optimizer", "lr", "betas", "weight_decay", "decay_exclude"} & set(fields)
    assert (fields["schedule"].value, fields["clip"].value) == ("linear", "none")
    assert hazards == ["clip_not_attached", "sched_not_attached", "dead_flag"]


def test_hugging_face_still_clips_and_schedules_an_optimizer_it_is_handed() -> None:
    fields, hazards = read("", "transformers", own_optimizer=HANDED)

    assert (fields["schedule"].value, fields["clip"].value["value"]) == ("linear", 1.0)
    assert hazards == ["dead_flag"]


def test_a_parameter_list_switches_the_filter_of_paddlenlp_off() -> None:
    fields, hazards = read("", "paddlenlp", own_groups=HANDED)
    kept, none = read("", "paddleformers", own_groups=HANDED)

    assert "decay_exclude" not in fields
    assert hazards == ["decay_filter_dropped"]
    assert (kept["decay_exclude"].value, none) == (["bias", "norm"], [])


def test_arguments_may_stand_in_json_and_yaml() -> None:
    json = given_by_data(json_node('{"learning_rate": 3e-05,\n "bf16": true}', "a.json"))
    yaml = given_by_data(yaml_node("learning_rate: 3e-5\nbf16: yes\n", "a.yaml"))
    first, none = trainer_recipe("paddlenlp", PADDLE, json)
    second, hazards = trainer_recipe("paddlenlp", PADDLE, yaml)

    assert first["lr"] == Found(
        3e-5, "stated", Place("a.json", 1), "configuration", "learning_rate"
    )
    assert (second["lr"].value, second["amp"].value) == (3e-5, first["amp"].value)
    assert (none, [one.code for one in hazards]) == ([], ["text_number_in_yaml"])


DEEPSPEED = {
    '{"zero_optimization": {"stage": 2}, "bf16": {"enabled": "auto"}}': ("adamw", "linear"),
    '{"optimizer": {"type": "AdamW", "params": {"lr": "auto"}}}': ("adamw", "linear"),
    '{"optimizer": {"type": "Lamb"}}': (None, "linear"),
    '{"scheduler": {"type": "WarmupLR"}}': ("adamw", None),
}


@pytest.mark.parametrize(("text", "names"), DEEPSPEED.items(), ids=DEEPSPEED)
def test_a_deepspeed_file_decides_what_it_has(text: str, names: tuple[Any, Any]) -> None:
    [command] = commands("python run.py --deepspeed ds.json", "run.sh")
    fields, _ = trainer_recipe(
        "transformers", HF, given_by_command(command), deepspeed=json_node(text, "ds.json")
    )

    assert (fields["optimizer"].value, fields["schedule"].value) == names
    assert all(found.why for found in fields.values() if found.certainty == "unknown")


def test_a_deepspeed_file_that_is_not_there_leaves_both_unknown() -> None:
    fields, _ = read("--deepspeed ds.json --learning_rate 1e-5")
    unknown = {name for name, found in fields.items() if found.certainty == "unknown"}

    assert fields["lr"].value == 1e-5
    assert unknown == {
        "optimizer", "betas", "eps", "weight_decay", "schedule", "warmup", "warmup_unit",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ('{"fp16": {"loss_scale": 0, "initial_scale_power": 12}}', 4096.0),
        ('{"fp16": {"initial_scale_power": 12}}', 4096.0),
        ('{"fp16": {"loss_scale": 128, "initial_scale_power": 12}}', 128),
        ('{"fp16": {"loss_scale": 0, "initial_scale_power": 100000}}', None),
        ('{"fp16": {"loss_scale": "auto", "initial_scale_power": 12}}', None),
        ('{"fp16": {"enabled": "auto"}}', None),
    ],
)
def test_a_deepspeed_file_gives_the_first_loss_scale(text: str, scale: float | None) -> None:
    [command] = commands("python run.py --fp16 --deepspeed ds.json", "run.sh")
    given = given_by_command(command)
    fields, _ = trainer_recipe("transformers", HF, given, deepspeed=json_node(text, "ds.json"))
    [brain] = commands("python run.py --bf16 --deepspeed ds.json", "run.sh")
    given = given_by_command(brain)
    unscaled, _ = trainer_recipe("transformers", HF, given, deepspeed=json_node(text, "ds.json"))

    assert fields["amp"].value == {"dtype": "float16", "level": "O1", "init_loss_scaling": scale}
    assert unscaled["amp"].value["init_loss_scaling"] is None


@pytest.mark.parametrize(
    ("release", "weighed"),
    [("4.28.1", "micro_mean"), ("4.40.2", "micro_mean"), ("4.57.6", None), (None, None)],
)
def test_what_the_losses_of_an_update_are_divided_by(
    release: str | None, weighed: str | None
) -> None:
    named = Found(certainty="absent") if release is None else Found(release)
    fields, _ = read("--gradient_accumulation_steps 8", release=named)

    assert fields["normalise"].value == weighed
    if weighed is None:
        assert fields["normalise"].certainty == "unknown"
        assert "token_mean" in fields["normalise"].why


def test_targets_smoothed_by_an_argument() -> None:
    fields, _ = read("--label_smoothing_factor 0.1")

    assert fields["label_smoothing"].value == 0.1
    assert fields["label_smoothing"].flag == "--label_smoothing_factor"


def test_what_an_epoch_leaves_in_paddlenlp() -> None:
    assert values("--gradient_accumulation_steps 8", "paddlenlp")["tail"] == "leak"
    assert "tail" not in values("--gradient_accumulation_steps 8", "transformers")
