"""A Trainer in a program: what its own classes, files and commands decide besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import Recipe, read_recipe

HEAD = """
from paddlenlp.trainer import PdArgumentParser, Trainer, TrainingArguments
from paddlenlp.transformers import LinearDecayWithWarmup

class Own(Trainer):
    def compute_loss(self, model, inputs):
        return model(**inputs)

{inside}

def main():
    parser = PdArgumentParser(TrainingArguments)
    if len(sys.argv) == 2 and sys.argv[1].endswith(".json"):
        args = parser.parse_json_file(sys.argv[1])[0]
    else:
        args = parser.parse_args_into_dataclasses()[0]
    model = build()
    trainer = Own(model=model, args=args, train_dataset=data(), {handed})
    trainer.train()

main()
"""


def recipe(folder: Path, command: str, *, inside: str = "", handed: str = "") -> Recipe:
    (folder / "tools").mkdir()
    (folder / "tools/train.py").write_text(
        "import sys\n" + HEAD.format(inside=inside, handed=handed), encoding="utf-8"
    )
    (folder / "requirements.txt").write_text("paddlenlp==2.8.1\n", encoding="utf-8")
    (folder / "run.sh").write_text(command, encoding="utf-8")
    return read_recipe([folder / "tools/train.py", folder / "run.sh"], root=folder)


def test_a_command_decides_over_the_release(tmp_path: Path) -> None:
    found = recipe(tmp_path, "lr=2e-5\npython tools/train.py --learning_rate $lr --fp16")

    assert (found["lr"].value, str(found["lr"].place)) == (2e-5, "run.sh:1")
    assert found["amp"].value["init_loss_scaling"] == 32768.0
    assert (found["epochs"].value, found["epochs"].how) == (
        1.0, "library default of paddlenlp 2.8.1",
    )  # fmt: skip


def test_a_file_is_looked_for_where_the_command_is_run(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for folder, rate in ((tmp_path / "sub", 3e-5), (tmp_path, 1e-2)):
        (folder / "args.json").write_text(f'{{"learning_rate": {rate}}}', encoding="utf-8")
    (tmp_path / "sub/run.sh").write_text("python tools/train.py ./args.json", encoding="utf-8")
    (tmp_path / "sub/tools").mkdir()
    script = tmp_path / "sub/tools/train.py"
    script.write_text("import sys\n" + HEAD.format(inside="", handed=""), encoding="utf-8")
    found = read_recipe([script, tmp_path / "sub/run.sh"], root=tmp_path)

    assert (found["lr"].value, str(found["lr"].place)) == (3e-5, "sub/args.json:1")


def test_arguments_that_are_not_there_leave_no_default(tmp_path: Path) -> None:
    found = recipe(tmp_path, "python tools/train.py missing.json")

    assert {found[name].certainty for name in ("lr", "epochs", "seed", "amp", "clip")} == {
        "unknown"
    }


def test_a_schedule_of_its_own_is_the_one_that_is_handed(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        "python tools/train.py --learning_rate 1e-4",
        handed="optimizers=(None, LinearDecayWithWarmup(3e-4, 1000, 50, last_epoch=0))",
    )

    assert (found["schedule"].value, found["warmup"].value) == ("linear", 50)
    assert (found["length"].value, found["optimizer"].value) == ("fixed_steps", "adamw")
    assert found["lr"].value == 3e-4
    assert "sched_last_epoch_offset" in [one.code for one in found.hazards]


def test_a_value_that_stands_twice_has_its_own_line(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        "python tools/train.py --bf16 True \\\n --fp16 True \\\n --seed 1 \\\n --max_steps 1",
    )

    assert (str(found["seed"].place), str(found["max_steps"].place)) == ("run.sh:3", "run.sh:4")


def test_a_method_of_its_own_leaves_what_it_decides_unknown(tmp_path: Path) -> None:
    inside = "    def create_optimizer(self, lr_scheduler=None):\n        return other(self)\n"
    found = recipe(tmp_path, "python tools/train.py --learning_rate 1e-4", inside=inside)

    assert (found["optimizer"].certainty, found["decay_exclude"].certainty) == (
        "unknown", "unknown",
    )  # fmt: skip
    assert found["optimizer"].why == "Own.create_optimizer decides it: look there"
    assert found["schedule"].value == "linear"


def test_a_default_of_the_release_decides_what_is_tested(tmp_path: Path) -> None:
    own = "LinearDecayWithWarmup(args.learning_rate, 1000, 50)"
    handed = f"optimizers=(None, {own} if args.lr_scheduler_type.value == 'linear' else other())"
    found = recipe(tmp_path, "python tools/train.py --seed 3", handed=handed)

    assert (found["schedule"].value, found["warmup"].value) == ("linear", 50)
    assert (found["lr"].value, found["lr"].certainty) == (5e-5, "implied")


def test_a_default_that_an_optimizer_is_given_is_implied(tmp_path: Path) -> None:
    handed = (
        "optimizers=(paddle.optimizer.AdamW(args.learning_rate, parameters=p, epsilon=1e-6), None)"
    )
    found = recipe(tmp_path, "python tools/train.py", inside="import paddle\n", handed=handed)

    assert (found["lr"].value, found["lr"].certainty, found["lr"].how) == (
        5e-5, "implied", "library default of paddlenlp 2.8.1",
    )  # fmt: skip
    assert (found["eps"].value, found["eps"].certainty) == (1e-6, "stated")


def test_what_stands_still_under_a_trainer(tmp_path: Path) -> None:
    freezing = "for p in model.embeddings.parameters():\n        p.stop_gradient = True"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    none = recipe(tmp_path / "a", "python tools/train.py")
    text = HEAD.replace("model = build()", f"model = build()\n    {freezing}")
    script = tmp_path / "b/train.py"
    script.write_text("import sys\n" + text.format(inside="", handed=""), encoding="utf-8")
    some = read_recipe(script, root=tmp_path / "b")

    assert none["freeze"].value == []
    assert len(some["freeze"].value) == 1


def test_adapters_let_the_rest_stand_still(tmp_path: Path) -> None:
    text = HEAD.replace("model = build()", "model = get_peft_model(build(), config())")
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\nfrom peft import get_peft_model\n" + text.format(inside="", handed=""),
        encoding="utf-8",
    )
    found = read_recipe(script, root=tmp_path)

    assert found["freeze"].value == ["all but what get_peft_model adds"]


@pytest.mark.parametrize(
    ("given", "still"),
    [
        ("", ["all, the adapter too"]),
        (", is_trainable=True", ["all but the adapter"]),
        (", is_trainable=len(sys.path) > 3", None),
    ],
)
def test_an_adapter_that_is_loaded_holds_the_rest(
    tmp_path: Path, given: str, still: list[str] | None
) -> None:
    made = f"model = PeftModel.from_pretrained(build(), 'adapter'{given})"
    text = HEAD.replace("model = build()", made).format(inside="", handed="")
    script = tmp_path / "train.py"
    script.write_text("import sys\nfrom peft import PeftModel\n" + text, encoding="utf-8")

    assert read_recipe(script, root=tmp_path)["freeze"].value == still


def test_a_deepspeed_file_is_read_where_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text('{"scheduler": {"type": "WarmupLR"}}', encoding="utf-8")
    script = tmp_path / "train.py"
    script.write_text(
        "from transformers import Trainer, TrainingArguments\n"
        "args = TrainingArguments('out', learning_rate=3e-5, deepspeed='ds.json')\n"
        "Trainer(build(), args).train()\n",
        encoding="utf-8",
    )
    found = read_recipe(script, root=tmp_path)

    assert (found["schedule"].certainty, found["optimizer"].value) == ("unknown", "adamw")
    assert found["schedule"].why.startswith("DeepSpeed's WarmupLR applies")
    assert (found["lr"].value, str(found["schedule"].place)) == (3e-5, "ds.json:1")


@pytest.mark.parametrize(
    ("line", "warmup"),
    [
        ("python tools/train.py", 0.1),
        ("python tools/train.py --warmup_ratio 0.3", 0.3),
        ("python tools/train.py --warmup_ratio 0", 0.0),
    ],
)
def test_a_class_of_arguments_with_a_warmup_of_its_own(
    tmp_path: Path, line: str, warmup: float
) -> None:
    (tmp_path / "tools").mkdir()
    script = "import sys\n" + HEAD.format(inside="", handed="")
    script = script.replace("TrainingArguments", "CompressionArguments")
    (tmp_path / "tools/train.py").write_text(script, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("paddlenlp==2.8.1\n", encoding="utf-8")
    (tmp_path / "run.sh").write_text(line, encoding="utf-8")

    found = read_recipe([tmp_path / "tools/train.py", tmp_path / "run.sh"], root=tmp_path)

    assert found["warmup"].value == warmup
    assert (found["lr"].value, found["schedule"].value) == (5e-5, "linear")
