"""The example's data and its spec: what `make_data.py` writes, and what training makes of it."""

from __future__ import annotations

import csv
import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from dualtrain.plan import Plan
from dualtrain.spec import Spec, load_spec
from dualtrain.tasks.encoders._prepared import PreparedTexts
from tests.tasks import epochs, prepare

EXAMPLE = Path(__file__).parents[2] / "examples" / "text_classification"


class Made(NamedTuple):
    """A copy of the example, with its data."""

    folder: Path
    printed: str


def make(folder: Path, hash_seed: str = "0") -> Made:
    """Run a copy of make_data.py as a user without any package installed would."""
    for name in ("make_data.py", "spec.yaml"):
        shutil.copy(EXAMPLE / name, folder)
    done = subprocess.run(
        [sys.executable, "-S", str(folder / "make_data.py")],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=folder.parent,
        capture_output=True,
        check=True,
        text=True,
    )
    return Made(folder, done.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("example"))


def rows(made: Made, split: str) -> list[tuple[str, str]]:
    with (made.folder / "data" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


class TestData:
    def test_the_same_files_each_time(self, made: Made, tmp_path: Path) -> None:
        """Another process, another hash seed, the same bytes."""
        again = make(tmp_path, hash_seed="1")

        for name in ("train.csv", "eval.csv"):
            assert (made.folder / "data" / name).read_bytes() == (
                again.folder / "data" / name
            ).read_bytes()
        assert made.printed == again.printed

    def test_nothing_is_held_out_and_trained_on(self, made: Made) -> None:
        """No paragraph is in both splits, not even under another heading (which comes first)."""
        train = {text for text, _ in rows(made, "train")}
        held_out = {text for text, _ in rows(made, "eval")}

        assert [(a, b) for a in train for b in held_out if a.endswith(b) or b.endswith(a)] == []

    def test_each_text_once(self, made: Made) -> None:
        """Python's topics repeat one another; the data does not."""
        texts = [text for split in ("train", "eval") for text, _ in rows(made, split)]

        assert len(texts) == len(set(texts)) == 836 + 180

    def test_texts_carry_meaning(self, made: Made) -> None:
        """At least a line of prose, white space collapsed."""
        texts = [text for split in ("train", "eval") for text, _ in rows(made, split)]

        assert min(map(len, texts)) >= 40
        assert [text for text in texts if text != " ".join(text.split())] == []

    @pytest.mark.parametrize("split", ["train", "eval"])
    def test_no_class_rules(self, made: Made, split: str) -> None:
        """Five classes, none above 45% and none below 5%, so accuracy says something."""
        labels = [label for _, label in rows(made, split)]
        shares = [count / len(labels) for count in Counter(labels).values()]

        assert len(shares) == 5
        assert 0.05 < min(shares) < max(shares) < 0.45

    @pytest.mark.parametrize("split", ["train", "eval"])
    def test_what_was_made_is_printed(self, made: Made, split: str) -> None:
        """Paragraphs in all and by class, and how far always giving one answer gets."""
        counts = Counter(label for _, label in rows(made, split))
        (most, count), *_ = counts.most_common()
        title = f"{split}.csv: {counts.total()} paragraphs"
        start = made.printed.splitlines().index(title)
        block = made.printed.splitlines()[start + 1 : start + 1 + len(counts) + 1]

        assert sorted(block[:-1]) == sorted(f"    {n:3}  {label}" for label, n in counts.items())
        assert block[-1] == (
            f"    always answering {most!r} is right in {count / counts.total():.1%}"
        )

    def test_too_few_paragraphs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Python with less documentation is refused before anything is written."""
        module = load_module()
        monkeypatch.setattr(module, "topics", dict.fromkeys(module.topics, "x" * 50))

        with pytest.raises(SystemExit) as caught:
            module.main()

        assert str(caught.value) == "there must be 1016 paragraphs. Received: 0"


def load_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_data", EXAMPLE / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def spec(made: Made) -> Spec:
    return load_spec(made.folder / "spec.yaml")


@pytest.fixture(scope="module")
def data(spec: Spec) -> PreparedTexts:
    made: PreparedTexts = prepare(spec)
    return made


class TestSpec:
    def test_what_the_comments_say_is_true(self, spec: Spec, data: PreparedTexts) -> None:
        """Every number in spec.yaml's comments comes from its plan and its data."""
        text = (EXAMPLE / "spec.yaml").read_text("utf-8")
        assert data.eval is not None
        batches = epochs(spec, data)(0)
        plan = Plan.of(spec, micro_batches_per_epoch=len(batches))

        assert f"train.csv            # {len(data.train)} paragraphs" in text
        assert f"eval.csv              # {len(data.eval)} others" in text
        assert f"# {plan.warmup_updates} of {plan.total_updates} updates" in text
        assert f"# {len(batches)} micro-batches an epoch" in text
        assert f"the last update has one, of {len(batches[-1]['labels'])} samples" in text

    def test_the_tail_is_short_twice_over(self, spec: Spec, data: PreparedTexts) -> None:
        """An epoch's last group lacks a micro-batch, and its last micro-batch lacks samples."""
        batches = epochs(spec, data)(0)
        groups = Plan.of(spec, micro_batches_per_epoch=len(batches)).epoch_groups()

        assert len(groups[-1]) == 1 < spec.batch.accumulate
        assert len(batches[-1]["labels"]) < len(batches[0]["labels"])

    def test_the_vocabulary_fits(self, data: PreparedTexts) -> None:
        """Learnt from the train split: far below the limit, with few unknown words held out."""
        assert data.eval is not None
        unknown = int((data.eval.ids == 1).sum())

        assert 2000 < data.vocab_size < 8000
        assert unknown / len(data.eval.ids) < 0.01
