"""Good spec files: three formats, one `Spec`."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import dualtrain
from dualtrain.optimizers import AdamW
from dualtrain.schedules import (
    Constant,
    Cosine,
    CosineWithRestarts,
    InverseSqrt,
    Linear,
    Polynomial,
)
from dualtrain.spec import (
    Amp,
    Batch,
    Clip,
    Duration,
    LossScale,
    Schedule,
    Spec,
    Warmup,
    WeightDecay,
    load_spec,
    spec_schema,
)
from dualtrain.tasks.encoders import CheckpointModel, FreshModel
from dualtrain.tasks.text_classification import TextClassification
from tests.schedules import parts as schedules_of

YAML = """\
task:
  name: text_classification
  train: data/train.csv            # CSV, TSV or JSON Lines
  eval: data/eval.csv
  text: text                       # column names
  label: label
  model: {family: bert, hidden_size: 128, layers: 2, heads: 2, max_length: 64}
optimizer: {name: adamw, lr: 5e-4, betas: [0.9, 0.999], eps: 1e-8}
schedule: {name: linear}
warmup: {proportion: 0.1}
weight_decay: {value: 0.01, exclude: [bias, norm]}
clip: {global_norm: 1.0}
batch: {size: 32, accumulate: 2}
amp: {dtype: float16, level: O1}
duration: {epochs: 3}
seed: 42
"""

TOML = """\
seed = 42
warmup.proportion = 0.1
clip = { global_norm = 1.0 }       # an inline table, with a comment

[task]
name = "text_classification"
train = 'data/train.csv'
eval = "data/eval.csv"
text = "text"
label = \"\"\"
label\"\"\"

[task.model]
family = "bert"
hidden_size = 128
layers = 2
heads = 2
max_length = 64

[optimizer]
name = "adamw"
lr = 5e-4
betas = [
  0.9,
  0.999,
]
eps = 1e-8

[schedule]
name = "linear"

[weight_decay]
value = 0.01
exclude = ["bias", "norm"]

[batch]
size = 32
accumulate = 2

[amp]
dtype = "float16"
level = "O1"

[duration]
epochs = 3
"""

JSON = """\
{
\t"task": {
\t\t"name": "text_classification", "train": "data/train.csv", "eval": "data/eval.csv",
\t\t"text": "text", "label": "lab\\u0065l",
\t\t"model": {"family": "bert", "hidden_size": 128, "layers": 2, "heads": 2, "max_length": 64}
\t},
\t"optimizer": {"name": "adamw", "lr": 5e-4, "betas": [0.9, 0.999], "eps": 1e-8},
\t"schedule": {"name": "linear"},
\t"warmup": {"proportion": 0.1},
\t"weight_decay": {"value": 0.01, "exclude": ["bias", "norm"]},
\t"clip": {"global_norm": 1.0},
\t"batch": {"size": 32, "accumulate": 2},
\t"amp": {"dtype": "float16", "level": "O1"},
\t"duration": {"epochs": 3},
\t"seed": 42
}
"""

SPEC = Spec(
    task=TextClassification(
        name="text_classification",
        train="data/train.csv",
        eval="data/eval.csv",
        text="text",
        label="label",
        model=FreshModel(family="bert", hidden_size=128, layers=2, heads=2, max_length=64),
    ),
    optimizer=AdamW(name="adamw", lr=5e-4, betas=(0.9, 0.999), eps=1e-8),
    schedule=Linear(name="linear"),
    warmup=Warmup(proportion=0.1),
    weight_decay=WeightDecay(value=0.01, exclude=("bias", "norm")),
    clip=Clip(global_norm=1.0),
    batch=Batch(size=32, accumulate=2),
    amp=Amp(dtype="float16", level="O1"),
    duration=Duration(epochs=3),
    seed=42,
)


def load(folder: Path, name: str, text: str | bytes) -> Spec:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_spec(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spec.yaml", YAML),
        ("spec.yml", YAML),
        ("spec.YAML", YAML),
        ("spec.toml", TOML),
        ("spec.json", JSON),
        ("json is YAML.yaml", JSON.replace("\t", "  ")),
        ("bom.yaml", b"\xef\xbb\xbf" + YAML.encode()),
        ("bom.toml", b"\xef\xbb\xbf" + TOML.encode()),
        ("bom.json", b"\xef\xbb\xbf" + JSON.encode()),
        ("windows.yaml", YAML.replace("\n", "\r\n")),
        ("windows.toml", TOML.replace("\n", "\r\n")),
        ("windows.json", JSON.replace("\n", "\r\n")),
    ],
)
def test_each_format_says_the_same(name: str, text: str | bytes, tmp_path: Path) -> None:
    """YAML, TOML and JSON of one spec give the `Spec` that Python builds."""
    assert load(tmp_path, name, text) == SPEC


START = "schedule: {name: linear}\nduration: {updates: 100}\noptimizer: {name: adamw, lr: "


class TestYamlScalars:
    """Plain words are read by YAML 1.2's rules, where PyYAML follows 1.1."""

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("5e-5", 5e-5),
            ("5.0e-5", 5e-5),
            ("1E-3", 1e-3),
            (".5e-3", 5e-4),
            ("5.e-5", 5e-5),
            ("+5e-5", 5e-5),
            ("1e+0", 1.0),
            ("1", 1.0),
            ("010", 10.0),  # octal 8 in YAML 1.1
            ("0.1", 0.1),
        ],
    )
    def test_a_number(self, written: str, expected: float, tmp_path: Path) -> None:
        assert load(tmp_path, "spec.yaml", f"{START}{written}}}\n").optimizer.lr == expected

    def test_pyyaml_alone_reads_text(self) -> None:
        """Why there is a reader of our own; were this to fail, it could go."""
        assert yaml.safe_load("lr: 5e-5") == {"lr": "5e-5"}

    @pytest.mark.parametrize(
        "written",
        ["no", "on", "y", "1_000", "1:30", "2024-01-01", "'5e-5'", '"1"', "'null'", "nan", "0x10"],
    )
    def test_text(self, written: str, tmp_path: Path) -> None:
        """A column may have any name that is not a number, true, false or null."""
        text = YAML.replace("label: label", f"label: {written}")
        task = load(tmp_path, "spec.yaml", text).task

        assert isinstance(task, TextClassification)
        assert task.label == written.strip("'\"")

    @pytest.mark.parametrize("written", ["", "~", "null", "Null"])
    def test_null_is_absent(self, written: str, tmp_path: Path) -> None:
        text = YAML.replace("clip: {global_norm: 1.0}", f"clip: {written}")

        assert load(tmp_path, "spec.yaml", text).clip is None


class TestPlaces:
    """A loaded spec remembers where each of its keys stands; that is not what it says."""

    def test_a_problem_names_file_and_line(self, tmp_path: Path) -> None:
        spec = load(tmp_path, "spec.yaml", YAML)
        problem = spec.problem("weight_decay", "exclude", 1, rule="is this")
        assert str(problem) == f"{tmp_path}/spec.yaml:11: weight_decay.exclude[1]: is this"

    def test_a_key_that_is_not_there_has_the_line_of_what_is_around_it(
        self, tmp_path: Path
    ) -> None:
        spec = load(tmp_path, "spec.yaml", YAML)
        assert spec.problem("batch", "tail", rule="").line == 13
        assert spec.problem("horizon", rule="").line == 1

    def test_none_in_python(self) -> None:
        problem = SPEC.problem("warmup", rule="is this", received="that", cure="do so")
        assert (problem.file, problem.line) == (None, None)
        assert str(problem) == "warmup: is this; do so. Received: that"

    @pytest.mark.parametrize(
        "again",
        [
            lambda spec: spec.model_copy(update={"seed": 42}),
            lambda spec: pickle.loads(pickle.dumps(spec)),
            copy.deepcopy,
            lambda spec: spec.located(spec.folder),
        ],
    )
    def test_copies_keep_them(self, again: Callable[[Spec], Spec], tmp_path: Path) -> None:
        """Equal to a spec that was built in Python, too, and dumped alike."""
        spec = load(tmp_path, "spec.yaml", YAML)
        copied = again(spec)
        assert copied == spec == SPEC
        assert copied.model_dump() == SPEC.model_dump()
        assert copied.problem("seed", rule="").line == 16


class TestFolder:
    """The task's relative paths start from the spec file's folder."""

    def test_of_a_file(self, tmp_path: Path) -> None:
        assert load(tmp_path, "spec.yaml", YAML).folder == tmp_path

    def test_stays_when_the_working_folder_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("spec.yaml").write_text(YAML)
        spec = load_spec("spec.yaml")
        monkeypatch.chdir("/")

        assert spec.folder == tmp_path

    def test_of_a_spec_built_in_python(self) -> None:
        """It is the working folder."""
        assert SPEC.folder == Path()

    def test_is_not_part_of_what_a_spec_says(self, tmp_path: Path) -> None:
        assert "folder" not in load(tmp_path, "spec.yaml", YAML).model_dump_json()


class TestSpec:
    def test_is_frozen(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            SPEC.seed = 1  # type: ignore[misc]

    def test_its_parts_are_frozen(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            SPEC.optimizer.lr = 1.0  # type: ignore[misc]

    def test_takes_keywords_only(self) -> None:
        with pytest.raises(TypeError):
            Clip(1.0)  # type: ignore[call-arg]

    def test_equal_specs_have_equal_hashes(self, tmp_path: Path) -> None:
        assert hash(load(tmp_path, "spec.yaml", YAML)) == hash(SPEC)

    def test_differs_from_one_that_says_another_thing(self) -> None:
        assert SPEC.model_copy(update={"seed": 43}) != SPEC

    def test_differs_from_other_things(self) -> None:
        assert SPEC.model_dump() != SPEC

    def test_is_exported_lazily(self) -> None:
        assert dualtrain.load_spec is load_spec


# Every kind of part, with any value that its rules allow.
positive = st.floats(min_value=0, exclude_min=True, max_value=1e300)
proportion = st.floats(min_value=0, max_value=1, exclude_max=True)
counts = st.integers(min_value=1, max_value=10**12)
text = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=["Cc", "Zl", "Zp"],
        exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    ),
    min_size=1,
)


def parts(part: Any, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(part, **values)


schedules: st.SearchStrategy[Schedule] = st.one_of(
    parts(Constant, name=st.just("constant")),
    parts(Linear, name=st.just("linear")),
    parts(Cosine, name=st.just("cosine"), half_waves=positive),
    parts(CosineWithRestarts, name=st.just("cosine_with_restarts"), cycles=positive),
    parts(Polynomial, name=st.just("polynomial"), power=positive, end_lr=st.just(0.0)),
    parts(InverseSqrt, name=st.just("inverse_sqrt"), timescale=st.none() | counts),
)
models = st.one_of(
    parts(
        FreshModel,
        family=st.sampled_from(["bert", "ernie", "roberta"]),
        hidden_size=counts,
        layers=st.integers(1, 10_000),
        heads=st.just(1),
        intermediate_size=st.none() | counts,
        max_length=st.integers(4, 10**15),
        vocab_size=st.integers(16, 10**15),
        dropout=proportion,
    ),
    parts(CheckpointModel, path=text, max_length=st.integers(4, 10**15)),
)
specs: st.SearchStrategy[Spec] = parts(
    Spec,
    optimizer=parts(
        AdamW,
        name=st.just("adamw"),
        lr=positive,
        betas=st.tuples(proportion, proportion),
        eps=positive,
    ),
    schedule=schedules,
    duration=parts(Duration, epochs=counts) | parts(Duration, updates=counts),
    warmup=st.none()
    | parts(Warmup, steps=st.integers(0, 10**12))
    | parts(
        Warmup,
        proportion=proportion,
        rounding=st.sampled_from([None, "floor", "ceil", "round"]),
    ),
    horizon=st.none() | counts,
    weight_decay=st.none()
    | parts(
        WeightDecay,
        value=positive,
        exclude=st.permutations(["bias", "norm", "embedding"]).map(tuple),
        exclude_patterns=st.lists(text, unique=True).map(tuple),
    ),
    clip=st.none()
    | st.sampled_from(["global_norm", "norm", "value"]).flatmap(
        lambda kind: parts(Clip, **{kind: st.floats(1e-30, 1e30)})
    ),
    batch=parts(Batch, size=counts, tail=st.sampled_from(["flush", "drop"])),
    amp=st.none()
    | parts(
        Amp, dtype=st.just("float16"), loss_scale=parts(LossScale, init=st.floats(1.0, 2.0**24))
    ),
    seed=st.integers(0, 2**32 - 1),
    device=st.sampled_from(["cpu", "cuda", "cuda:1"]),
    task=st.none()
    | parts(
        TextClassification,
        name=st.just("text_classification"),
        train=text,
        eval=st.none() | text,
        text=text,
        label=text,
        model=models,
    ),
)


@given(spec=specs)
def test_json_round_trip(spec: Spec) -> None:
    """The JSON of a spec is the spec: traces carry it."""
    assert Spec.model_validate_json(spec.model_dump_json()) == spec


@given(values=schedules_of() | schedules_of(("sequential",)))
def test_json_round_trip_of_any_schedule(values: dict[str, Any]) -> None:
    """What must be left out of a spec is not written either: a phase's own `per`."""
    spec = Spec(**values)

    assert Spec.model_validate_json(spec.model_dump_json()) == spec
    assert Spec(**spec.model_dump()) == spec


def test_json_round_trip_of_a_file(tmp_path: Path) -> None:
    """So too for a spec with a folder."""
    spec = load(tmp_path, "spec.yaml", YAML)

    assert Spec.model_validate_json(spec.model_dump_json()) == spec


@given(spec=specs, indent=st.sampled_from([None, 0, 1, "\t"]), ascii_only=st.booleans())
def test_json_files_are_read_back(
    spec: Spec, indent: int | str | None, ascii_only: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a spec says, its JSON file gives it again."""
    written = json.dumps(spec.model_dump(mode="json"), indent=indent, ensure_ascii=ascii_only)

    assert load(tmp_path_factory.getbasetemp(), "spec.json", written) == spec


class TestSchema:
    """The JSON Schema, without a validator: its form, and that an example fits it."""

    schema = spec_schema()

    def test_says_what_it_is(self) -> None:
        assert self.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert self.schema["title"] == "dualtrain spec"
        assert self.schema["required"] == ["optimizer", "schedule", "duration"]
        assert self.schema == json.loads(json.dumps(self.schema))

    def test_every_key_is_described(self) -> None:
        parts = [self.schema, *self.schema["$defs"].values()]
        bare = [
            f"{part['title']}.{key}"
            for part in parts
            for key, value in part["properties"].items()
            if not value.get("description")
        ]

        assert bare == []

    def test_layer_decay_may_be_its_rate(self) -> None:
        rate, part, absent = self.schema["properties"]["layer_decay"]["anyOf"]

        assert rate == {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
        assert (part, absent) == ({"$ref": "#/$defs/LayerDecay"}, {"type": "null"})
        fields = self.schema["$defs"]["LayerDecay"]["properties"]
        assert {k: fields["rate"][k] for k in rate} == rate

    def test_no_part_takes_unknown_keys(self) -> None:
        parts = [self.schema, *self.schema["$defs"].values()]

        assert {part["additionalProperties"] for part in parts} == {False}

    def test_an_example_fits(self) -> None:
        assert misfits(json.loads(JSON), self.schema, self.schema) == []

    @pytest.mark.parametrize(
        ("written", "replacement", "expected"),
        [
            ('"seed"', '"sead"', ["sead"]),
            ('"epochs"', '"epoch"', ["duration.epoch"]),
            ('"family"', '"famly"', ["task.model.famly"]),
            ('{"name": "linear"}', '"linear"', ["schedule"]),
        ],
    )
    def test_a_bad_example_does_not_fit(
        self, written: str, replacement: str, expected: list[str]
    ) -> None:
        """The check above can object."""
        data = json.loads(JSON.replace(written, replacement))

        assert expected == misfits(data, self.schema, self.schema)


def misfits(data: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Where `data` has a key that the schema lacks, or no mapping where it must be one."""
    options = [branch for branch in _branches(schema, root) if "properties" in branch]
    if not isinstance(data, dict):
        return [""] if options else []
    if not options:
        return [""]
    best = min(options, key=lambda branch: len(data.keys() - branch["properties"].keys()))
    found = []
    for key, value in data.items():
        inner = best["properties"].get(key)
        below = [""] if inner is None else misfits(value, inner, root)
        found += [f"{key}.{where}".removesuffix(".") for where in below]
    return found


def _branches(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in schema:
        return [root["$defs"][schema["$ref"].rpartition("/")[2]]]
    inner = [part for word in ("allOf", "anyOf", "oneOf") for part in schema.get(word, ())]
    return [branch for part in inner for branch in _branches(part, root)] if inner else [schema]
