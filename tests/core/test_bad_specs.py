"""What a user reads when a spec is wrong: file and line, the rule, what was received."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.errors import Problem, SpecError
from dualtrain.optimizers import AdamW
from dualtrain.schedules import Polynomial
from dualtrain.spec import Clip, Duration, Spec, Warmup, load_spec

GOOD = {
    "optimizer": "{name: adamw, lr: 5e-5}",
    "schedule": "{name: linear}",
    "duration": "{updates: 100}",
}
KEYS = (
    "'optimizer', 'schedule', 'duration', 'warmup', 'horizon', 'shift', 'weight_decay', "
    "'lr_multipliers', 'own_betas', 'layer_decay', 'freeze', 'clip', 'batch', 'loss', 'ema', "
    "'batch_norm', 'amp', 'seed', 'device', 'evaluation', 'early_stopping', 'best', 'checkpoint', "
    "'task'"
)
SCHEDULES = (
    "'constant', 'linear', 'cosine', 'cosine_with_restarts', 'polynomial', 'inverse_sqrt', 'step', "
    "'multistep', 'piecewise', 'exponential', 'natural_exp', 'inverse_time', 'noam', "
    "'cosine_with_min_lr', 'linear_annealing', 'cosine_annealing', 'warmup_stable_decay', "
    "'one_cycle', 'cyclic', 'cosine_annealing_warm_restarts', 'table', 'reduce_on_plateau', "
    "'sequential', 'product'"
)


def message_of(name: str, content: str | bytes) -> str:
    """The whole error that loading such a file gives."""
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SpecError) as caught:
        load_spec(name)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def bad_lines() -> list[tuple[str, str]]:
    """The entries of bad_lines.txt: (line, message)."""
    text = Path(__file__).with_name("bad_lines.txt").read_text("utf-8")
    blocks = [block for block in text.split("\n\n") if not block.startswith("#")]
    entries = [block.strip().partition("\n    ") for block in blocks]
    return [(line, message.replace("\n    ", "\n")) for line, _, message in entries]


@pytest.mark.parametrize(("line", "expected"), bad_lines())
def test_one_bad_line(line: str, expected: str) -> None:
    """A spec with one bad line gets the file, the line, the rule and the value received."""
    key, _, value = line.partition(":")
    lines = {**GOOD, key: value.strip()}

    assert expected == message_of("spec.yaml", "".join(f"{k}: {v}\n" for k, v in lines.items()))


def test_the_table_is_read_whole() -> None:
    """No entry of bad_lines.txt is lost on the way to the test above."""
    text = Path(__file__).with_name("bad_lines.txt").read_text("utf-8")
    entries = [line for line in text.splitlines() if line and line[0] not in " #"]

    assert entries == [line for line, _ in bad_lines()]


OPTIMIZER = "optimizer: {name: adamw, lr: 5e-5}\n"
START = OPTIMIZER + "schedule: {name: linear}\nduration: {updates: 100}\n"
TASK = """\
batch: {size: 32}
task:
  name: text_classification
  train: train.csv
  text: text
  label: label
"""
MODEL = "  model: {family: bert, hidden_size: 128, layers: 2, heads: 2, max_length: 64}\n"

Files = dict[str, tuple[str | bytes, str]]

YAML_FILES: Files = {
    "empty": ("", "spec.yaml: is empty"),
    "blank": ("\n  \n", "spec.yaml: is empty"),
    "only a comment": (
        "# later\n",
        "spec.yaml:1: must be a mapping of keys to values. Received: None",
    ),
    "a list": (
        "- optimizer\n- schedule\n",
        "spec.yaml:1: must be a mapping of keys to values. Received: ['optimizer', 'schedule']",
    ),
    "nothing but the schedule": (
        "schedule: {name: linear}\n",
        """\
spec.yaml:1: optimizer: is required. Received: nothing
spec.yaml:1: duration: is required. Received: nothing""",
    ),
    "a missing key is reported where its parent stands": (
        "duration: {epochs: 3}\nschedule: {name: linear}\noptimizer:\n  name: adamw\n",
        "spec.yaml:3: optimizer.lr: is required. Received: nothing",
    ),
    "several errors come in the order of the lines": (
        """\
optimizer:
  name: adamw
  betas: [0.9, 2]
schedule: {name: polynomial, power: 1, end_lr: 1e-6, colour: red}
duration: {epochs: 3}
warmpu: {proportion: 0.1}
clip:
  global_norm: -1
seed: 1.5
seed: 7
weight_decay:
  value: 0.01
  exclude:
    - bias
    - LayerNorm
device: gpu
""",
        """\
spec.yaml:1: optimizer.lr: is required. Received: nothing
spec.yaml:3: optimizer.betas[1]: must be < 1. Received: 2
spec.yaml:4: schedule: unknown key 'colour'; valid keys: 'name', 'power', 'end_lr', 'cycle', 'per'
spec.yaml:6: unknown key 'warmpu'; did you mean 'warmup'?
spec.yaml:8: clip.global_norm: must be > 0. Received: -1
spec.yaml:10: key 'seed' is given twice, first on line 9
spec.yaml:15: weight_decay.exclude[1]: must be one of 'bias', 'norm', 'embedding', \
'one_dimensional'; did you mean 'norm'? Received: 'LayerNorm'
spec.yaml:16: device: must be 'cpu', 'cuda' or 'cuda:<number>'; write cuda. Received: 'gpu'""",
    ),
    "repeated within a part": (
        "optimizer:\n  name: adamw\n  lr: 5e-5\n  lr: 5e-4\n" + START.removeprefix(OPTIMIZER),
        "spec.yaml:4: optimizer: key 'lr' is given twice, first on line 3",
    ),
    "a repeated part is not compared key by key": (
        START + "clip: {global_norm: 1}\nclip: {global_norm: 2}\n",
        "spec.yaml:5: key 'clip' is given twice, first on line 4",
    ),
    "three times": (
        START + "seed: 1\nseed: 2\nseed: 3\n",
        """\
spec.yaml:5: key 'seed' is given twice, first on line 4
spec.yaml:6: key 'seed' is given twice, first on line 5""",
    ),
    "a brace that is not closed": (
        START + "warmup: {proportion: 0.1\n",
        "spec.yaml:5: not valid YAML: while parsing a flow mapping, expected ',' or '}', "
        "but got '<stream end>'; a comma parts two fields, and every { has its }. "
        "Received: the end of the file",
    ),
    "two colons": (
        START + "clip: global_norm: 1.0\n",
        "spec.yaml:4: not valid YAML: mapping values are not allowed here; a part on one line "
        "stands in braces: {key: value, ...}. "
        "Received: 'clip: global_norm: 1.0'",
    ),
    "indented by a tab": (
        START + "clip:\n\tglobal_norm: 1.0\n",
        "spec.yaml:5: not valid YAML: while scanning for the next token, found character '\\t' "
        "that cannot start any token; indent with spaces. Received: 'global_norm: 1.0'",
    ),
    "two documents": (
        START + "---\n" + START,
        "spec.yaml:4: not valid YAML: expected a single document in the stream, "
        "but found another document. Received: '---'",
    ),
    "a control character": (
        START + "device: c\0pu\n",
        "spec.yaml:4: not valid YAML: special characters are not allowed. "
        r"Received: 'device: c\x00pu'",
    ),
    "a tag": (
        START + "seed: !!python/object/apply:os.getcwd []\n",
        "spec.yaml:4: a spec has no YAML tags; leave "
        "'tag:yaml.org,2002:python/object/apply:os.getcwd' out. "
        "Received: 'seed: !!python/object/apply:os.getcwd []'",
    ),
    "an alias": (
        START.replace("5e-5", "&rate 5e-5") + "clip: {global_norm: *rate}\n",
        "spec.yaml:4: a spec has no aliases; write *rate out. "
        "Received: 'clip: {global_norm: *rate}'",
    ),
    "a list as a key": (
        START + "? [seed]\n: 1\n",
        "spec.yaml:4: a key must be plain text, not a list or a mapping. Received: '? [seed]'",
    ),
    "a number as a key": (
        START + "1: one\n",
        f"spec.yaml:4: unknown key '1'; valid keys: {KEYS}",
    ),
    "not UTF-8": (
        START.encode() + b"# caf\xe9\n",
        "spec.yaml:4: must be text in UTF-8; save it as UTF-8. Received: byte 0xe9",
    ),
    "UTF-16": (
        b"\xff\xfe" + START.encode("utf-16-le"),
        "spec.yaml:1: must be text in UTF-8; save it as UTF-8. Received: byte 0xff",
    ),
    "nested too deeply": ("seed: " + "[" * 10_000, "spec.yaml: is nested too deeply"),
    "task without batch.size": (
        START + TASK.replace("{size: 32}", "{accumulate: 2}") + MODEL,
        "spec.yaml:5: task: needs batch.size. Received: nothing",
    ),
    "task without model": (
        START + TASK,
        "spec.yaml:5: task.model: is required. Received: nothing",
    ),
    "the model's name instead of its keys": (
        START + TASK + "  model: bert\n",
        "spec.yaml:10: task.model: must be a mapping of keys to values. Received: 'bert'",
    ),
    "a bad fresh model": (
        START
        + TASK
        + """\
  model:
    family: gpt2
    hidden_size: 130
    layers: 2
    heads: 4
    max_length: 2
    hidden: 1
""",
        """\
spec.yaml:11: task.model.family: must be one of 'bert', 'ernie', 'roberta'. Received: 'gpt2'
spec.yaml:14: task.model.heads: must divide hidden_size. Received: heads 4, hidden_size 130
spec.yaml:15: task.model.max_length: must be >= 4. Received: 2
spec.yaml:16: task.model: unknown key 'hidden'; write hidden_size: 1""",
    ),
    "a bad checkpoint": (
        START + TASK + "  model: {path: '', family: bert}\n",
        """\
spec.yaml:10: task.model.path: must not be empty. Received: ''
spec.yaml:10: task.model.max_length: is required. Received: nothing
spec.yaml:10: task.model: unknown key 'family'; \
valid keys: 'path', 'max_length', 'dropout', 'head'""",
    ),
    "an unknown task": (
        START + TASK.replace("text_classification", "ner").replace("train.csv", "''") + MODEL,
        "spec.yaml:6: task.name: must be one of 'text_classification', 'token_classification', "
        "'causal_lm', 'image_classification', 'module', 'regression'. "
        "Received: 'ner'",
    ),
}

JSON_FILES: Files = {
    "empty": ("", "spec.json: is empty"),
    "a list": (
        "[1, 2]",
        "spec.json:1: must be a mapping of keys to values. Received: [1, 2]",
    ),
    "not finite": (
        """\
{
\t"optimizer": {"name": "adamw", "lr": NaN},
\t"schedule": {"name": "linear"},
\t"duration": {"updates": 100},
\t"clip": {
\t\t"global_norm": Infinity
\t}
}
""",
        """\
spec.json:2: optimizer.lr: must be finite. Received: nan
spec.json:6: clip.global_norm: must be finite. Received: inf""",
    ),
    "repeated": (
        """\
{"optimizer": {"name": "adamw", "lr": 5e-5},
 "schedule": {"name": "linear"},
 "duration": {"updates": 100},
 "warmup": {"steps": 1,
            "steps": -2}}
""",
        """\
spec.json:5: warmup: key 'steps' is given twice, first on line 4
spec.json:5: warmup.steps: must be >= 0. Received: -2""",
    ),
    "not quoted": (
        '{\n  "optimizer": adamw\n}\n',
        "spec.json:2: not valid JSON: Expecting value. Received: '\"optimizer\": adamw'",
    ),
    "not closed": (
        '{"optimizer":\n {"name": "adamw"\n',
        "spec.json:3: not valid JSON: Expecting ',' delimiter. Received: the end of the file",
    ),
    "nested too deeply": ("[" * 200_000, "spec.json: is nested too deeply"),
}

TOML_FILES: Files = {
    "several errors": (
        """\
horizon = 0
[optimizer]
name = "adamw"
lr = -5e-5
betas = [
  0.9,
  1.5,  # too large
]

[schedule]
name = "linear"
[duration]
updates = 100
update = 1
""",
        """\
spec.toml:1: horizon.counts: must be >= 1. Received: 0
spec.toml:4: optimizer.lr: must be > 0. Received: -5e-05
spec.toml:7: optimizer.betas[1]: must be < 1. Received: 1.5
spec.toml:14: duration: unknown key 'update'; did you mean 'updates'?""",
    ),
    "a table that only dotted keys name": (
        """\
optimizer = {name = "adamw", lr = 5e-5}
schedule.name = "linear"
duration.updates = 100
duration.epochs = 2
""",
        "spec.toml:3: duration: give either epochs or updates. "
        "Received: {'updates': 100, 'epochs': 2}",
    ),
    "not finite, and an array of tables": (
        """\
[optimizer]
name = "adamw"
lr = nan
[schedule]
name = "linear"
[duration]
updates = 100
[clip]
global_norm = inf
[[warmup]]
steps = 1
""",
        """\
spec.toml:3: optimizer.lr: must be finite. Received: nan
spec.toml:9: clip.global_norm: must be finite. Received: inf
spec.toml:10: warmup: must be a mapping of keys to values. Received: [{'steps': 1}]""",
    ),
    "repeated": (
        '[optimizer]\nname = "adamw"\nlr = 5e-5\nlr = 5e-4\n',
        "spec.toml:4: not valid TOML: Cannot overwrite a value. Received: 'lr = 5e-4'",
    ),
    "not quoted": (
        "[optimizer]\nname = adamw\n",
        "spec.toml:2: not valid TOML: Invalid value. Received: 'name = adamw'",
    ),
}

FILES = [
    pytest.param(name, *row, id=f"{name}: {title}")
    for name, table in [
        ("spec.yaml", YAML_FILES),
        ("spec.json", JSON_FILES),
        ("spec.toml", TOML_FILES),
    ]
    for title, row in table.items()
]


@pytest.mark.parametrize(("name", "content", "expected"), FILES)
def test_bad_file(name: str, content: str | bytes, expected: str) -> None:
    """A file gets one message with everything that is wrong in it."""
    assert expected == message_of(name, content)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("spec.ini", "spec.ini: must end in .yaml, .yml, .toml or .json. Received: '.ini'"),
        ("spec", "spec: must end in .yaml, .yml, .toml or .json. Received: ''"),
        ("spec.yaml.bak", "spec.yaml.bak: must end in .yaml, .yml, .toml or .json. "
         "Received: '.bak'"),
    ],
)  # fmt: skip
def test_unknown_ending(name: str, expected: str) -> None:
    """The ending says the format; a file of another one is not guessed at."""
    assert expected == message_of(name, START)


@pytest.mark.parametrize("name", ["missing.yaml", "missing.toml", "missing.json"])
def test_missing_file(name: str) -> None:
    """A file that is not there is a `SpecError` with its name, not an `OSError`."""
    with pytest.raises(SpecError) as caught:
        load_spec(name)

    assert f"{name}: cannot be read: No such file or directory" == str(caught.value)


def test_a_long_value_is_cut() -> None:
    """A message shows the beginning of a value that would fill the screen."""
    message = message_of("spec.yaml", START + "seed: [" + "1, " * 1000 + "1]\n")

    assert f"spec.yaml:4: seed: must be a whole number. Received: [{'1, ' * 66}1..." == message


def test_a_number_of_too_many_digits() -> None:
    """Python refuses to read an integer of thousands of digits; so does the spec."""
    assert message_of("spec.yaml", START + f"seed: {'9' * 5000}\n").startswith("spec.yaml")


def test_the_path_is_named_as_it_was_given(tmp_path: Path) -> None:
    """An editor can jump to the place that a message names."""
    path = tmp_path / "spec.yaml"
    path.write_text(START + "seed: -1\n")
    with pytest.raises(SpecError) as caught:
        load_spec(path)

    assert f"{path}:4: seed: must be >= 0. Received: -1" == str(caught.value)


def test_problems_are_data() -> None:
    """`SpecError.problems` holds what the message says, in its order."""
    Path("spec.yaml").write_text(START + "seed: -1\nclip: {global_norm: 0}\n")
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")

    assert (
        Problem(where="seed", rule="must be >= 0", received="-1", file="spec.yaml", line=4),
        Problem(
            where="clip.global_norm", rule="must be > 0", received="0", file="spec.yaml", line=5
        ),
    ) == caught.value.problems


class TestInPython:
    """The same rules and words for a spec that is built in Python, without file and line."""

    def test_all_broken_rules_at_once(self) -> None:
        values: dict[str, Any] = {
            "optimizer": {"name": "adamw", "lr": -1.0, "betas": [0.9]},
            "schedule": {"name": "linear", "power": 2},
            "clip": {"global_norm": 0},
            "warmpu": 3,
        }
        expected = """\
optimizer.lr: must be > 0. Received: -1.0
optimizer.betas: must be two numbers. Received: [0.9]
schedule: unknown key 'power'; write schedule: {name: polynomial, power: 2, ...}
duration: is required. Received: nothing
clip.global_norm: must be > 0. Received: 0
unknown key 'warmpu'; did you mean 'warmup'?"""

        with pytest.raises(SpecError) as caught:
            Spec(**values)

        assert expected == str(caught.value)

    def test_a_part_alone(self) -> None:
        with pytest.raises(SpecError, match=r"^steps: must be >= 0\. Received: -1$"):
            Warmup(steps=-1)

    def test_a_rule_about_the_part_as_a_whole(self) -> None:
        with pytest.raises(
            SpecError,
            match=r"^give one of steps, proportion, updates, epochs\. Received: \{'steps': None\}$",
        ):
            Warmup(steps=None)

    def test_a_rule_between_parts(self) -> None:
        with pytest.raises(
            SpecError,
            match=r"^schedule.end_lr: must be below optimizer\.lr\. "
            r"Received: end_lr 0\.2, lr 0\.1$",
        ):
            Spec(
                optimizer=AdamW(name="adamw", lr=0.1),
                schedule=Polynomial(name="polynomial", power=1.0, end_lr=0.2),
                duration=Duration(updates=1),
            )

    def test_a_part_of_another_kind(self) -> None:
        values: dict[str, Any] = {
            "optimizer": Clip(global_norm=1.0),
            "schedule": AdamW(name="adamw", lr=0.1),
            "duration": {1: 2},
        }
        expected = f"""\
optimizer: must be a mapping of keys to values. Received: \
Clip(global_norm=1.0, norm=None, value=None, rule='paddle')
schedule.name: must be one of {SCHEDULES}. \
Received: AdamW(name='adamw', lr=0.1, betas=(0.9, 0.999), eps=1e-08, \
amsgrad=False)
duration[1]: Keys should be strings. Received: 1"""

        with pytest.raises(SpecError) as caught:
            Spec(**values)

        assert expected == str(caught.value)

    def test_numpy_integers_are_not_whole_numbers(self) -> None:
        """paddlenlp takes `np.int64(10)` for a share of the run; here it is refused."""
        steps: Any = np.int64(10)
        with pytest.raises(SpecError, match=r"^steps: must be a whole number\. Received: "):
            Warmup(steps=steps)
