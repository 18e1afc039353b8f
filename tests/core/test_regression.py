"""Regression without a framework: its words, its tables, its data, its score."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.cli import main
from dualtrain.errors import DataError, SpecError
from dualtrain.plan import Plan
from dualtrain.spec import Spec, load_spec
from dualtrain.tasks.regression import MlpConfig, Regression
from dualtrain.tasks.regression._config import initial_weights
from dualtrain.tasks.regression._prepared import PreparedNumbers
from dualtrain.training import check_before
from tests.modules import FRAMEWORKS, modules_after

EXAMPLE = Path(__file__).parents[2] / "examples" / "regression"
START = """\
optimizer: {name: sgd, lr: 0.1}
schedule: {name: linear}
duration: {epochs: 1}
batch: {size: 2}
"""
TASK = "task: {name: regression, train: d.csv, features: [a, b], target: y, model: {hidden: [4]}}\n"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def spec_of(text: str = TASK, more: str = "") -> Spec:
    Path("s.yaml").write_text(START + text + more, encoding="utf-8")
    return load_spec("s.yaml")


def task_of(text: str = TASK) -> Regression:
    task = spec_of(text).task
    assert isinstance(task, Regression)
    return task


BAD_WORDS = {
    "no features": (
        TASK.replace("[a, b]", "[]"),
        "task.features: must have 1 or more. Received: []",
    ),
    "one feature, not in a list": (
        TASK.replace("[a, b]", "a"),
        "task.features: must be a list; write [a]. Received: 'a'",
    ),
    "a feature twice": (TASK.replace("[a, b]", "[a, a]"), "task.features: must not repeat 'a'."),
    "the target among the features": (
        TASK.replace("[a, b]", "[a, y]"),
        "task.target: must not be one of the features. Received: 'y'",
    ),
    "no target": (TASK.replace("target: y, ", ""), "task.target: is required. Received: nothing"),
    "another library's word": (
        TASK.replace("target: y", "target: y, standardize: true"),
        "task: unknown key 'standardize'; write standardise: true",
    ),
    "another task's word": (
        TASK.replace("target: y", "target: y, text: t"),
        "task: unknown key 'text'; regression has none; "
        "of text_classification, causal_lm it is one",
    ),
    "the model of another task": (
        TASK.replace("{hidden: [4]}", "{hidden: [4], num_layers: 2}"),
        "task.model: unknown key 'num_layers'; valid keys: 'hidden', 'activation'",
    ),
    "one width, not in a list": (
        TASK.replace("[4]", "4"),
        "task.model.hidden: must be a list; write [4]. Received: 4",
    ),
    "a layer of no width": (
        TASK.replace("[4]", "[4, 0]"),
        "task.model.hidden[1]: must be >= 1. Received: 0",
    ),
    "words for a loss that it has not": (
        TASK + "loss: {label_smoothing: 0.1}\n",
        "task: a regression has the squared error, and no words for it: leave loss out.",
    ),
    "no batch size": (
        TASK + "batch: {accumulate: 2}\n",
        "key 'batch' is given twice, first on line 4",
    ),
    "a metric that is not there": (
        TASK,
        "task: the schedule 'reduce_on_plateau' judges by the held-out loss: needs eval.",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_WORDS.values(), ids=BAD_WORDS)
def test_words_that_are_refused(text: str, message: str, request: pytest.FixtureRequest) -> None:
    start = START
    if "metric" in request.node.name:
        start = start.replace(
            "{name: linear}",
            "{name: reduce_on_plateau, mode: min, factor: 0.5, patience: 1, threshold: 0.0, "
            "threshold_mode: rel, cooldown: 0, min_lr: 0.0, eps: 0.0}",
        )
    Path("s.yaml").write_text(start + text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec("s.yaml")
    told = str(caught.value).splitlines()
    assert [line for line in told if line.split(" ", 1)[1].startswith(message)] != [], told


GOOD = "a,b,y\n1,2,3.5\n2,-1e-1,.5\n3,7,-2\n"

BAD_TABLES: dict[str, tuple[str, str, str]] = {
    "no number": (
        "d.csv",
        GOOD.replace("7", "x"),
        "d.csv:4: column 'b': must be a number, such as -1.5 or 2e3. Received: 'x'",
    ),
    "a decimal comma": (
        "d.tsv",
        "a\tb\ty\n1\t2\t3\n1,5\t2\t3\n",
        "d.tsv:3: column 'a': must have a point for its decimal mark. Received: '1,5'",
    ),
    "a gap": (
        "d.csv",
        GOOD.replace("3.5", ""),
        "d.csv:2: column 'y': must not be empty. Received: ''",
    ),
    "a gap as pandas writes it": (
        "d.csv",
        GOOD.replace("3.5", "nan"),
        "d.csv:2: column 'y': must be a finite number: leave the row out. Received: 'nan'",
    ),
    "white space around": (
        "d.csv",
        GOOD.replace("3.5", " 3.5"),
        "d.csv:2: column 'y': must be a number, such as -1.5 or 2e3. Received: ' 3.5'",
    ),
    "what Python alone takes": (
        "d.csv",
        GOOD.replace("7", "1_0"),
        "d.csv:4: column 'b': must be a number, such as -1.5 or 2e3. Received: '1_0'",
    ),
    "more than float32 holds": (
        "d.csv",
        GOOD.replace("7", "1e39"),
        "d.csv:4: column 'b': must be at most 3.4e+38 in size, as float32 has it. Received: '1e39'",
    ),
    "a column that is not there": (
        "d.csv",
        GOOD.replace("a,b,y", "a,B,y"),
        "d.csv:1: must have a column 'b'. Received: 'a', 'B', 'y'",
    ),
    "the header again": (
        "d.csv",
        GOOD + "a,b,y\n",
        "d.csv:5: must not have the header again as a row: of files that are joined only the "
        "first keeps it. Take this line away. Received: 'a', 'b', 'y'",
    ),
    "text in JSON": (
        "d.jsonl",
        '{"a": 1, "b": 2, "y": 3}\n{"a": 1, "b": "2", "y": 3}\n',
        "d.jsonl:2: column 'b': must be a JSON number. Received: '2'",
    ),
    "a boolean in JSON": (
        "d.jsonl",
        '{"a": true, "b": 2, "y": 3}\n',
        "d.jsonl:1: column 'a': must be a JSON number. Received: True",
    ),
    "null in JSON": (
        "d.jsonl",
        '{"a": 1, "b": null, "y": 3}\n',
        "d.jsonl:1: column 'b': must be a JSON number. Received: None",
    ),
    "NaN in JSON": (
        "d.jsonl",
        '{"a": 1, "b": NaN, "y": 3}\n',
        "d.jsonl:1: column 'b': must be a finite number: leave the row out. Received: 'nan'",
    ),
    "a constant column": (
        "d.csv",
        "a,b,y\n1,0.1,3\n2,0.1,4\n3,0.1,5\n",
        "d.csv: column 'b': must have numbers that differ, to be standardised: leave the column "
        "out, or write standardise: false. Received: 0.1 to 0.1",
    ),
    "constant columns": (
        "d.csv",
        "a,b,y\n0,0.1,3\n0,0.1,4\n0,0.1,5\n",
        "d.csv: column 'a': must have numbers that differ, to be standardised: leave the column "
        "out, or write standardise: false. Received: 0 to 0; the same is wrong with 'b'",
    ),
}


@pytest.mark.parametrize(("name", "content", "expected"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_tables_that_are_refused(name: str, content: str, expected: str) -> None:
    """By all that reads them alike, before anything trains."""
    Path(name).write_text(content, encoding="utf-8")
    spec = spec_of(TASK.replace("d.csv", name))
    with pytest.raises(DataError) as caught:
        check_before(spec)
    assert expected == str(caught.value).replace(f"{Path.cwd()}/", "")
    with pytest.raises(SystemExit) as end:
        main(["plan", "s.yaml"])
    assert end.value.code == 2


def test_a_number_that_float32_holds_only_before() -> None:
    """The held-out split is scaled as the train split, whose column hardly varies."""
    Path("d.csv").write_text("a,b,y\n1,1.0,3\n2,1.0000000001,4\n", encoding="utf-8")
    Path("e.csv").write_text("a,b,y\n1,1,3\n1,1e38,3\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        task_of(TASK.replace("train:", "eval: e.csv, train:")).prepare(Path())
    assert str(caught.value) == (
        "e.csv:3: column 'b': must be a number that float32 holds when it is standardised. "
        "Received: '1e38'"
    )


class TestPrepare:
    def test_standardised(self) -> None:
        """Each column has mean 0 and deviation 1; the features keep the order of the spec."""
        Path("d.csv").write_text("y,b,a\n3,10,1\n5,30,3\n", encoding="utf-8")
        data = task_of().prepare(Path())

        assert (data.names, data.means, data.deviations) == (
            ("a", "b", "y"),
            (2.0, 20.0, 4.0),
            (1.0, 10.0, 1.0),
        )
        assert data.train.features.tolist() == [[-1, -1], [1, 1]]
        assert data.train.labels.tolist() == [-1, 1]

    def test_as_they_stand(self) -> None:
        """A constant column is no fault then."""
        Path("d.csv").write_text("a,b,y\n1,2,3\n4,2,6\n", encoding="utf-8")
        data = task_of(TASK.replace("target:", "standardise: false, target:")).prepare(Path())

        assert data.train.features.tolist() == [[1, 2], [4, 2]]
        assert {a.dtype for a in (data.train.features, data.train.labels)} == {np.dtype("f4")}

    def test_the_three_formats_give_the_same(self) -> None:
        rows = [dict(zip("aby", numbers, strict=True)) for numbers in ((1, 2.5, 3), (2, -1e-1, 0))]
        Path("d.csv").write_text("a,b,y\n1,2.5,3\n2,-1e-1,0\n", encoding="utf-8")
        Path("d.tsv").write_text("a\tb\ty\n1\t2.5\t3\n2\t-1e-1\t0\n", encoding="utf-8")
        Path("d.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        digests = {
            task_of(TASK.replace("d.csv", f"d.{kind}")).prepare(Path()).digest
            for kind in ("csv", "tsv", "jsonl")
        }

        assert len(digests) == 1

    def test_loaded_is_what_was_saved(self) -> None:
        Path("d.csv").write_text(GOOD, encoding="utf-8")
        data = task_of(TASK.replace("train:", "eval: d.csv, train:")).prepare(Path())
        data.save(Path("out"))
        loaded = PreparedNumbers.load(Path("out"))

        assert loaded.digest == data.digest
        assert (loaded.names, loaded.means, loaded.deviations) == (
            data.names,
            data.means,
            data.deviations,
        )
        assert loaded.eval is not None and len(loaded.eval) == 3

    def test_names_count_for_the_digest(self) -> None:
        """The same numbers under another name are other data."""
        Path("d.csv").write_text(GOOD, encoding="utf-8")
        before = task_of().prepare(Path()).digest
        Path("d.csv").write_text(GOOD.replace("a,b", "a,c"), encoding="utf-8")

        assert before != task_of(TASK.replace("[a, b]", "[a, c]")).prepare(Path()).digest


class TestModel:
    CONFIG = MlpConfig(inputs=3, hidden=(8, 5), activation="gelu")

    def test_its_tensors(self) -> None:
        assert [(name, shape) for name, shape, _ in self.CONFIG.tensors()] == [
            ("layers.0.weight", (8, 3)),
            ("layers.0.bias", (8,)),
            ("layers.1.weight", (5, 8)),
            ("layers.1.bias", (5,)),
            ("output.weight", (1, 5)),
            ("output.bias", (1,)),
        ]

    def test_without_hidden_layers_it_is_linear(self) -> None:
        assert MlpConfig(inputs=3, hidden=(), activation="gelu").layers == {"output": (3, 1)}

    def test_initial_weights(self) -> None:
        """normal(0, 1 / sqrt(inputs)), biases 0; of the seed and the name alone."""
        config = MlpConfig(inputs=400, hidden=(300,), activation="gelu")
        tensors = list(config.tensors())
        weights = initial_weights(tensors, seed=1)
        again = initial_weights(tensors[::-1], seed=1)
        other = initial_weights(tensors, seed=2)

        assert float(weights["layers.0.weight"].std()) == pytest.approx(400**-0.5, rel=0.01)
        assert not weights["layers.0.bias"].any()
        for name, array in weights.items():
            np.testing.assert_array_equal(array, again[name])
        assert (weights["output.weight"] != other["output.weight"]).any()


class TestScore:
    def score(self, predicted: list[float], wanted: list[float]) -> Any:
        Path("d.csv").write_text("a,b,y\n1,2,0\n2,3,4\n", encoding="utf-8")  # of y: deviation 2
        task = task_of()
        output = np.array(predicted, np.float32)[:, None]
        labels = np.array(wanted, np.float32)
        return task.score([(output, {"labels": labels})], task.prepare(Path()))

    def test_numbers(self) -> None:
        """Errors 1 and -2: MSE 2.5; in the target's unit 2 and 4; variance of the targets 4."""
        score = self.score([2.0, 1.0], [1.0, 3.0])

        assert (score.examples, score.loss, score.correct) == (2, 2.5, None)
        assert score.metrics == {"mae": 3.0, "r2": 1 - 2.5 / 1.0}
        assert str(score) == "2 examples, loss 2.5000, mae 3.0000, r2 -1.5000"

    def test_targets_without_variance_have_no_r2(self) -> None:
        assert self.score([2.0, 1.0], [1.0, 1.0]).metrics == {"mae": 1.0}

    def test_another_shape_is_refused(self) -> None:
        Path("d.csv").write_text(GOOD, encoding="utf-8")
        task = task_of()
        with pytest.raises(DataError) as caught:
            task.score(
                [(np.zeros((2, 3), np.float32), {"labels": np.zeros(2, np.float32)})],
                task.prepare(Path()),
            )

        assert str(caught.value) == (
            "the model's output must have the shape (samples, 1), (2, 1). Received: (2, 3)"
        )


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, with its data."""
    for name in ("make_data.py", "spec.yaml"):
        shutil.copy(EXAMPLE / name, tmp_path)
    subprocess.run([sys.executable, "-S", "make_data.py"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_example_is_what_its_comments_say(example: Path) -> None:
    spec = load_spec(example / "spec.yaml")
    assert isinstance(spec.task, Regression)
    data = spec.task.prepare(example)
    assert data.eval is not None
    plan = Plan.of(spec, micro_batches_per_epoch=25)
    assert (len(data.train), len(data.eval), -(-len(data.train) // 32)) == (800, 200, 25)
    assert (plan.warmup_updates, plan.total_updates) == (25, 250)


def test_the_example_has_the_same_numbers_with_every_python(example: Path) -> None:
    """The stream of `random.Random` is promised; the last digit is rounded away."""
    line = (example / "data" / "eval.csv").read_text(encoding="utf-8").splitlines()[1]
    assert line.startswith("0.844422,0.757954,0.420572,0.258917,0.511275,")


def test_explain_says_its_loss(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["explain", str(example / "spec.yaml")])
    told = capsys.readouterr().out
    assert end.value.code == 0
    assert "Loss: squared error." in told
    assert "Task regression: data/train.csv; model hidden [64, 32], activation gelu." in told
    assert "dropout" not in told


def test_explain_says_that_a_model_is_linear(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (example / "spec.yaml").read_text(encoding="utf-8").replace("[64, 32]", "[]")
    (example / "linear.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["explain", str(example / "linear.yaml")])
    assert "model hidden [], activation gelu." in capsys.readouterr().out


def test_no_framework_is_imported(example: Path) -> None:
    path = str(example / "spec.yaml")
    code = (
        "from dualtrain.cli import main\n"
        f"try: main(['plan', {path!r}])\n"
        "except SystemExit as end: assert end.code == 0, end.code"
    )
    found = modules_after(code, path=Path(__file__).parents[2])
    assert found & FRAMEWORKS == set()
