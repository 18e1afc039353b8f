"""The main job on users' own data and checkpoints, in process: both sides train, and agree."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from dualtrain import Spec
from dualtrain.data import held_out_batches
from dualtrain.parity import compare_files
from dualtrain.tasks import Score
from dualtrain.training import train
from tests.tasks import prepare, small_spec, text_task, write_task

HANZI = {"水果": "苹梨桃李杏梅橘柚", "金属": "铁铜锡锌银铅金铝", "河流": "江河湖海溪川渠泽"}
OTHERS = "的一是在不了有和人这中大为上个国我以要他"


def write_chinese(folder: Path) -> None:
    """JSON Lines; no spaces, so that only splitting by character can learn it."""
    draw = random.Random(3)
    for name, count in (("train", 76), ("eval", 24)):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for _ in range(count):
                kind = draw.choice(sorted(HANZI))
                letters = draw.choices(HANZI[kind], k=3) + draw.choices(OTHERS, k=6)
                draw.shuffle(letters)
                row = {"文本": "".join(letters), "类别": kind}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def chinese_spec(folder: Path) -> Spec:
    task = text_task(small_spec(folder))
    columns = {"train": "train.jsonl", "eval": "eval.jsonl", "text": "文本", "label": "类别"}
    return small_spec(folder, task=task.model_dump() | columns)


def write_tab_separated(folder: Path) -> None:
    write_task(folder)
    for name in ("train", "eval"):
        text = (folder / f"{name}.csv").read_text(encoding="utf-8")
        (folder / f"{name}.tsv").write_text(text.replace(",", "\t"), encoding="utf-8")


def tab_separated_spec(folder: Path) -> Spec:
    task = text_task(small_spec(folder))
    return small_spec(folder, task=task.model_dump() | {"train": "train.tsv", "eval": "eval.tsv"})


def assert_both_sides_agree(spec: Spec, folder: Path) -> None:
    """Every stage, but that twelve updates move some tensors too little for the bar of 1e-5."""
    traces = []
    for backend in ("torch", "paddle"):
        traces.append(folder / f"{backend}.trace.jsonl")
        train(spec, backend, trace=traces[-1], output=folder / backend)
    comparison = compare_files(*traces)
    found = {finding.stage: finding for finding in comparison.findings}
    assert found["initial weights"].parity == "exact"
    assert found["learning rate"].parity == "exact"
    assert found.pop("update").largest < 1e-4  # the smallest mistake makes 1.2e-3
    assert [f.stage for f in found.values() if not f.agrees] == []


@pytest.mark.parametrize(
    ("write", "spec_of"),
    [(write_chinese, chinese_spec), (write_tab_separated, tab_separated_spec)],
    ids=["Chinese JSON Lines", "TSV"],
)
def test_users_files(write: Any, spec_of: Any, tmp_path: Path) -> None:
    write(tmp_path)
    assert_both_sides_agree(spec_of(tmp_path), tmp_path)


def test_chinese_is_split_by_character(tmp_path: Path) -> None:
    write_chinese(tmp_path)
    data = prepare(chinese_spec(tmp_path))
    vocabulary = json.loads(data.tokenizer)["model"]["vocab"]
    assert set("苹铁江的") <= vocabulary.keys()
    assert (np.diff(data.train.offsets) == 9 + 2).all()  # [CLS], nine characters, [SEP]


@dataclass(frozen=True)
class Checkpoint:
    """What `train --output` wrote for a family, trained a little, and how it did."""

    folder: Path
    score: Score


@pytest.fixture(scope="module", params=["bert", "ernie", "roberta"])
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Checkpoint:
    folder = tmp_path_factory.mktemp(request.param)
    write_task(folder)
    score = train(of_family(folder, request.param), "torch", output=folder / "checkpoint")
    assert score is not None
    return Checkpoint(folder, score)


def of_family(folder: Path, family: str) -> Spec:
    task = text_task(small_spec(folder))
    model = task.model.model_dump() | {"family": family}
    return small_spec(folder, task=task.model_dump() | {"model": model})


def from_checkpoint(folder: Path) -> Spec:
    task = text_task(small_spec(folder))
    model = {"path": "checkpoint", "max_length": 16, "dropout": 0.0}
    return small_spec(folder, task=task.model_dump() | {"model": model})


def test_a_local_checkpoint_goes_on_in_both_frameworks(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    assert_both_sides_agree(from_checkpoint(checkpoint.folder), tmp_path)


def test_transformers_itself_reads_what_was_written(checkpoint: Checkpoint) -> None:
    """Model, tokenizer and labels: the same token ids, the same loss on the held-out split."""
    folder = checkpoint.folder / "checkpoint"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    data = prepare(from_checkpoint(checkpoint.folder))
    assert data.eval is not None
    assert sorted(model.config.label2id) == list(data.classes)
    text = (
        (checkpoint.folder / "eval.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[0]
    )
    assert tokenizer(text)["input_ids"] == data.eval.ids[: data.eval.offsets[1]].tolist()
    batches = held_out_batches(data, size=24)
    assert batches is not None
    (batch,) = batches
    with torch.no_grad():
        output = model(**{name: torch.from_numpy(array) for name, array in batch.items()})
    assert (output.logits.argmax(-1).numpy() == batch["labels"]).sum() == checkpoint.score.correct
    assert float(output.loss) == pytest.approx(checkpoint.score.loss, rel=1e-5)
