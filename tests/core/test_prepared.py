"""PreparedTexts data: what `prepare` makes of a spec, and the folder it is kept in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dualtrain.errors import DataError
from dualtrain.spec import load_spec
from dualtrain.tasks.encoders._prepared import PreparedTexts, TextSplit
from tests.limits import files_of_at_most
from tests.tasks import prepare, text_task

SPEC = """\
task:
  name: text_classification
  train: data/train.csv
  text: text
  label: label
  model: {family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8, vocab_size: 40}
optimizer: {name: adamw, lr: 1e-3}
schedule: {name: linear}
batch: {size: 2}
duration: {epochs: 1}
"""
TRAIN = "text,label\nbad film,2\ngood film,10\ngood good film,10\n"
EVAL = "text,label\ngood,10\nbad,2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spec and its data."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "data" / "eval.csv").write_text(EVAL, encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def prepared(folder: Path, *, with_eval: bool = True) -> PreparedTexts:
    held_out = "  eval: data/eval.csv\n  text:" if with_eval else "  text:"
    (folder / "spec.yaml").write_text(SPEC.replace("  text:", held_out), encoding="utf-8")
    data: PreparedTexts = prepare(load_spec(folder / "spec.yaml"))
    return data


class TestPrepare:
    def test_classes_are_sorted_as_text(self, folder: Path) -> None:
        """By code point, so "10" is class 0; rows keep the order of their file."""
        data = prepared(folder)
        assert data.eval is not None

        assert data.classes == ("10", "2")
        assert data.train.labels.tolist() == [1, 0, 0]
        assert data.eval.labels.tolist() == [0, 1]

    def test_flat_arrays(self, folder: Path) -> None:
        """int32 ids from 0 to below vocab_size, int64 offsets and labels."""
        data = prepared(folder)
        train = data.train

        assert [a.dtype.name for a in (train.ids, train.offsets, train.labels)] == [
            "int32",
            "int64",
            "int64",
        ]
        assert (len(train), len(train.offsets), train.offsets[-1]) == (3, 4, len(train.ids))
        assert 0 < train.ids.max() < data.vocab_size <= 40
        assert data.pad_id == 0

    def test_without_a_held_out_split(self, folder: Path) -> None:
        """`eval` is absent from the spec, and so from the data."""
        assert prepared(folder, with_eval=False).eval is None

    def test_one_class_is_none(self, folder: Path) -> None:
        """There is nothing to tell apart."""
        (folder / "data" / "train.csv").write_text("text,label\nx,a\ny,a\n", encoding="utf-8")

        with pytest.raises(DataError) as caught:
            prepared(folder)

        assert str(caught.value) == (
            f"{folder / 'data' / 'train.csv'}: column 'label': must have two classes or more. "
            "Received: only 'a'"
        )

    def test_a_label_that_only_the_eval_split_has(self, folder: Path) -> None:
        """Found with its line."""
        (folder / "data" / "eval.csv").write_text("text,label\nx,2\ny,3\n", encoding="utf-8")

        with pytest.raises(DataError) as caught:
            prepared(folder)

        assert str(caught.value) == (
            f"{folder / 'data' / 'eval.csv'}:3: column 'label': must be one of the train split's "
            "classes, ('10', '2'). Received: '3'"
        )


class TestDigest:
    def test_equal_data_equal_digest(self, folder: Path) -> None:
        """32 hex digits, the same each time."""
        digest = prepared(folder).digest

        assert len(bytes.fromhex(digest)) == 16
        assert digest == prepared(folder).digest

    @pytest.mark.parametrize(
        ("file", "old", "new"),
        [
            ("train.csv", "bad film", "bad good"),  # an id
            ("train.csv", "good film,10\ngood good", "good film good,10\ngood"),  # a boundary
            ("train.csv", "bad film,2\ngood film,10", "bad film,10\ngood film,2"),  # two labels
            ("train.csv", ",2", ",3"),  # a class's name
            ("eval.csv", "good,10\nbad,2", "bad,10\ngood,2"),  # the held-out split
        ],
    )
    def test_other_data_other_digest(self, folder: Path, file: str, old: str, new: str) -> None:
        """Ids, offsets, labels and classes of both splits count."""
        before = prepared(folder).digest
        path = folder / "data" / file
        path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
        if new == ",3":
            (folder / "data" / "eval.csv").write_text(EVAL.replace(",2", ",3"), encoding="utf-8")

        assert before != prepared(folder).digest

    def test_offsets_alone_count(self) -> None:
        """The same ids and labels, cut elsewhere."""
        one, two = (
            PreparedTexts(
                classes=("a", "b"),
                vocab_size=9,
                pad_id=0,
                tokenizer="{}",
                tokenizer_config="{}",
                train=TextSplit(
                    ids=np.array([1, 2, 3], np.int32),
                    types=np.zeros(3, np.int8),
                    offsets=np.array([0, cut, 3]),
                    labels=np.array([0, 1]),
                ),
                eval=None,
            )
            for cut in (1, 2)
        )

        assert one.digest != two.digest


class TestFolder:
    @pytest.mark.parametrize("with_eval", [True, False])
    def test_loaded_is_what_was_saved(self, folder: Path, with_eval: bool) -> None:
        """Digest, sizes and tokenizer."""
        data = prepared(folder, with_eval=with_eval)
        data.save(folder / "out")
        loaded = PreparedTexts.load(folder / "out")

        assert loaded.digest == data.digest
        assert loaded.tokenizer_config == data.tokenizer_config
        assert (loaded.classes, loaded.vocab_size, loaded.pad_id, loaded.tokenizer) == (
            data.classes,
            data.vocab_size,
            data.pad_id,
            data.tokenizer,
        )
        assert (loaded.eval is None) == (data.eval is None)

    def test_nothing_else_is_left(self, folder: Path) -> None:
        """Two files in the folder, and nothing beside it."""
        before = set(folder.iterdir())
        prepared(folder).save(folder / "out")

        assert set(folder.iterdir()) - before == {folder / "out"}
        assert sorted(p.name for p in (folder / "out").iterdir()) == [
            "prepared.json",
            "prepared.safetensors",
        ]

    def test_an_error_leaves_nothing(self, folder: Path) -> None:
        """The folder is renamed into place only when all of it is written."""
        data = prepared(folder)
        before = set(folder.iterdir())

        with files_of_at_most(10), pytest.raises(OSError, match="File too large"):
            data.save(folder / "out")

        assert before == set(folder.iterdir())

    def test_a_folder_that_is_there_is_not_replaced(self, folder: Path) -> None:
        """Refused, whatever is in it."""
        (folder / "out").mkdir()

        with pytest.raises(DataError) as caught:
            prepared(folder).save(folder / "out")

        assert str(caught.value) == (
            f"prepared data goes into a new folder. Received: {folder / 'out'}"
        )

    def test_loading_needs_no_tokenizers(self, folder: Path) -> None:
        """A worker's interpreter may have its framework, numpy and safetensors, no more."""
        prepared(folder).save(folder / "out")
        code = (
            "import sys; sys.modules['tokenizers'] = None\n"
            "from pathlib import Path\n"
            "from dualtrain.tasks.encoders._prepared import PreparedTexts\n"
            "print(len(PreparedTexts.load(Path(sys.argv[1])).train))"
        )

        done = subprocess.run(
            [sys.executable, "-c", code, str(folder / "out")],
            capture_output=True,
            check=True,
            text=True,
        )

        assert done.stdout == "3\n"

    def test_nothing_there(self, tmp_path: Path) -> None:
        """The files it looks for are named."""
        with pytest.raises(DataError) as caught:
            PreparedTexts.load(tmp_path / "absent")

        assert str(caught.value).startswith(
            f"{tmp_path / 'absent'}: must hold prepared data, prepared.json and "
            "prepared.safetensors. Received: FileNotFoundError: "
        )

    def test_a_file_cut_short(self, folder: Path) -> None:
        """As an interrupted copy leaves it."""
        prepared(folder).save(folder / "out")
        file = folder / "out" / "prepared.safetensors"
        file.write_bytes(file.read_bytes()[:-8])

        with pytest.raises(DataError, match="must hold prepared data"):
            PreparedTexts.load(folder / "out")

    def test_another_format(self, folder: Path) -> None:
        """A later version's folder is refused by its number."""
        prepared(folder).save(folder / "out")
        path = folder / "out" / "prepared.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 3}))

        with pytest.raises(DataError) as caught:
            PreparedTexts.load(folder / "out")

        assert str(caught.value) == (
            f"{folder / 'out'}: prepared data must be of format 2. Received: format 3"
        )

    def test_changed_afterwards(self, folder: Path) -> None:
        """One label changed in the file: the digest objects."""
        data = prepared(folder)
        data.save(folder / "out")
        file = folder / "out" / "prepared.safetensors"
        arrays = load_file(file)
        arrays["train.labels"][0] = 0
        save_file(arrays, file)

        with pytest.raises(DataError) as caught:
            PreparedTexts.load(folder / "out")

        assert str(caught.value).startswith(
            f"{folder / 'out'}: prepared data must have the digest it was written with, "
            f"{data.digest}. Received: "
        )


class TestScore:
    def test_it_is_of_all_samples_however_large_the_logits(self, folder: Path) -> None:
        """-log softmax in float64; exp(1000) is no number."""
        logits = np.array([[1.0, 3.0], [1000.0, -1000.0], [2.0, 2.0]], np.float32)
        labels = np.array([1, 1, 0])
        outputs = [(logits[part], {"labels": labels[part]}) for part in (slice(2), slice(2, 3))]
        score = text_task(load_spec(folder / "spec.yaml")).score(outputs, prepared(folder))
        assert (score.correct, score.examples) == (2, 3)
        expected = (np.log1p(np.exp(-2.0)) + 2000.0 + np.log(2.0)) / 3
        assert score.loss == pytest.approx(expected, rel=1e-15)


def test_without_randomness_there_is_no_dropout_and_all_else_is_as_it_was(folder: Path) -> None:
    text = SPEC.replace("heads: 2,", "heads: 2, dropout: 0.3,")
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    task = text_task(load_spec(folder / "spec.yaml"))
    found = task.without_randomness().model_dump()
    assert (task.model.dropout, found["model"]["dropout"]) == (0.3, 0.0)
    assert found == task.model_dump() | {"model": task.model.model_dump() | {"dropout": 0.0}}
