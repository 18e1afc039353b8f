"""Image classification on every backend: its models as known, its files, its score, predictions."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.errors import CheckpointError, DataError, SpecError
from dualtrain.ledger import roles_of
from dualtrain.spec import Spec
from dualtrain.tasks.image_classification import CnnConfig, VitConfig
from dualtrain.trace import read_trace
from dualtrain.training import check_before, parameters_of, predict, train
from tests.tasks import prepare, small_spec

CNN = {"name": "cnn", "channels": [6, 8]}
VIT = {"name": "vit", "patch_size": 2, "hidden_size": 8, "layers": 2, "heads": 2}
CONFIGS: dict[str, CnnConfig | VitConfig] = {
    "cnn": CnnConfig(inputs=3, channels=(4, 5), classes=7),
    "vit": VitConfig(
        inputs=3,
        patches=6,
        patch_size=2,
        hidden_size=8,
        layers=2,
        heads=4,
        intermediate_size=11,
        classes=7,
    ),
}
KINDS = ("low", "middle", "top")


def write_images(folder: Path, *, train: int = 76) -> None:
    """train.npz and eval.npz: 6 x 4 pixels, two channels; a label says which rows are bright."""
    draw = np.random.RandomState(4)
    for name, count in (("train", train), ("eval", 24)):
        labels = draw.randint(0, 3, count)
        images = draw.randint(0, 90, (count, 6, 4, 2)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 2] += 90
        np.savez(folder / f"{name}.npz", images=images, labels=np.array(KINDS)[labels])


def spec_of(folder: Path, model: Any = CNN, **changes: Any) -> Spec:
    task = {
        "name": "image_classification",
        "train": "train.npz",
        "eval": "eval.npz",
        "model": model,
    }
    return small_spec(folder, task=task | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path)
    return tmp_path


@pytest.mark.parametrize("family", CONFIGS)
def test_names_shapes_and_roles(backend: Backend, family: str) -> None:
    """Sizes that are all different."""
    live = backend.parameters(backend.build_model(CONFIGS[family]))
    known = parameters_of(CONFIGS[family])
    assert {p.name: (p.shape, roles_of(p)) for p in live} == {
        p.name: (p.shape, roles_of(p)) for p in known
    }


def test_data_are_standardised_by_the_train_split(folder: Path) -> None:
    """Per channel, and channels first; by numpy's formula."""
    data = prepare(spec_of(folder))
    train, held_out = (np.load(folder / f"{name}.npz") for name in ("train", "eval"))
    pixels = train["images"] / 255
    mean, deviation = pixels.mean(axis=(0, 1, 2)), pixels.std(axis=(0, 1, 2))
    for split, file in ((data.train, train), (data.eval, held_out)):
        expected = (file["images"] / 255 - mean) / deviation
        np.testing.assert_allclose(split.images, expected.transpose(0, 3, 1, 2), atol=1e-5)
        assert [data.classes[i] for i in split.labels] == file["labels"].tolist()
    plain = prepare(spec_of(folder, standardise=False))
    np.testing.assert_array_equal(
        plain.train.images, (train["images"].astype("f4") / 255).transpose(0, 3, 1, 2)
    )


@pytest.mark.parametrize("model", [CNN, VIT])
def test_predictions_are_those_of_the_score(backend: Backend, folder: Path, model: Any) -> None:
    """Right ones counted from the answers, which `predict` has not seen."""
    spec = spec_of(folder, model).model_copy(
        update={"duration": small_spec(folder, duration={"epochs": 30}).duration}
    )
    score = train(spec, backend.NAME, output=folder / "out")
    held_out = np.load(folder / "eval.npz")
    np.savez(folder / "new.npz", images=held_out["images"])
    found = predict(folder / "out", folder / "new.npz")
    assert score is not None
    assert [row["image"] for row in found] == list(range(24))
    right = sum(
        row["prediction"] == label for row, label in zip(found, held_out["labels"], strict=True)
    )
    assert score.correct == right
    assert right > 16
    assert all(1 / 3 <= row["probability"] <= 1 for row in found)


@pytest.mark.parametrize("model", [CNN, VIT])
def test_dropout_is_of_training_alone(backend: Backend, folder: Path, model: Any) -> None:
    """It changes what is trained; a score, a prediction and a run without randomness have none."""
    plain, spec = spec_of(folder, model), spec_of(folder, {**model, "dropout": 0.5})
    traces = {}
    for name in ("plain", "dropped", "again", "without"):
        train(
            plain if name == "plain" else spec,
            backend.NAME,
            output=folder / name,
            trace=(file := folder / f"{name}.jsonl"),
            without_randomness=name == "without",
        )
        traces[name] = read_trace(file)
    losses = {name: [u.loss for u in trace.updates] for name, trace in traces.items()}
    assert traces["dropped"].header.probe == traces["plain"].header.probe
    assert losses["dropped"][0] != losses["plain"][0]
    assert losses["again"] == losses["dropped"]
    assert losses["without"] == losses["plain"]
    assert "dropout is 0: masks cannot match across frameworks" in traces["without"].header.notes
    assert "dropout is 0: masks cannot match across frameworks" not in traces["again"].header.notes
    found = predict(folder / "dropped", folder / "eval.npz")
    assert found == predict(folder / "dropped", folder / "eval.npz")
    right = np.load(folder / "eval.npz")["labels"]
    (score,) = traces["dropped"].evaluations
    assert score.correct == sum(
        row["prediction"] == label for row, label in zip(found, right, strict=True)
    )
    said = json.loads((folder / "without" / "images.json").read_text(encoding="utf-8"))
    assert said["model"]["dropout"] == 0.5


def test_numbers_are_classes_by_their_value(folder: Path) -> None:
    labels = np.array([10, 9, 2] * 4)
    np.savez(folder / "train.npz", images=np.random.RandomState(0).rand(12, 6, 4), labels=labels)
    assert prepare(spec_of(folder, eval=None)).classes == ("2", "9", "10")


IMAGES = np.random.RandomState(0).rand(4, 6, 4, 2)
LABELS = np.array(["low", "top"] * 2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, r"must have an array 'labels'.*images"),
        ({"images": IMAGES[0, 0], "labels": LABELS}, r"images.*must have the shape"),
        ({"images": IMAGES.astype(int), "labels": LABELS}, r"must be of uint8.*int64"),
        ({"images": IMAGES * np.inf, "labels": LABELS}, "must be finite"),
        ({"images": IMAGES, "labels": LABELS[:3]}, "one for each of the 4 images"),
        ({"images": IMAGES, "labels": LABELS == "low"}, "must be whole numbers or texts"),
        ({"images": IMAGES, "labels": LABELS.astype(object)}, "of numbers and texts alone"),
        ({"images": IMAGES, "labels": LABELS[[0] * 4]}, "two classes or more.*'low'"),
        ({"images": IMAGES, "labels": np.array(["low", ""] * 2)}, "labels.*must not be empty"),
        ({"images": IMAGES, "labels": np.array(["low", " top"] * 2)}, "end with white space"),
        ({"images": IMAGES * [1, 0], "labels": LABELS}, "channel 2, of one value"),
    ],
)
def test_what_is_refused_of_a_file(folder: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(folder / "train.npz", **arrays)
    with pytest.raises(DataError, match=message):
        prepare(spec_of(folder, eval=None))
    with pytest.raises(DataError, match=message):
        check_before(spec_of(folder, eval=None))


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("text", "a file of another kind"),
        ("one array, by numpy.save", "a file of another kind"),
        ("a header that ends nowhere", "a damaged file"),
        ("more numbers than any memory holds", "a damaged file"),
        ("packed bytes that do not unpack", "a damaged file"),
        ("a member that is no array", "a damaged file"),
    ],
)
def test_a_file_that_numpy_does_not_read(folder: Path, name: str, received: str) -> None:
    plain, packed, one = BytesIO(), BytesIO(), BytesIO()
    np.savez(plain, images=IMAGES, labels=LABELS)
    np.savez_compressed(packed, images=IMAGES, labels=LABELS)
    np.save(one, IMAGES)
    cut = packed.getvalue()
    at = cut.index(b"images.npy") + 60
    data = {
        "text": b"no archive",
        "one array, by numpy.save": one.getvalue(),
        "a header that ends nowhere": repacked(plain, b"(4, 6, 4, 2)", b"(4, 6, 4, 2'"),
        "more numbers than any memory holds": repacked(plain, b"(4, ", b"(9999999999999, "),
        "a member that is no array": repacked(plain, b"NUMPY", b"LUMPY"),
        "packed bytes that do not unpack": cut[:at] + bytes(40) + cut[at + 40 :],
    }[name]
    (folder / "train.npz").write_bytes(data)
    with pytest.raises(DataError, match=rf"train\.npz: must be .* Received: {received}$"):
        prepare(spec_of(folder, eval=None))


def repacked(archive: BytesIO, old: bytes, new: bytes) -> bytes:
    """With another text in the heads of its arrays."""
    written = BytesIO()
    with ZipFile(archive) as opened, ZipFile(written, "w") as to:
        for name in opened.namelist():
            array = opened.read(name)
            head, header = array[:8].replace(old, new), array[10:128].replace(old, new)
            to.writestr(name, head + len(header).to_bytes(2, "little") + header + array[128:])
    return written.getvalue()


def test_what_else_is_refused(folder: Path) -> None:
    (folder / "text.npz").write_text("no archive", encoding="utf-8")
    with pytest.raises(DataError, match=r"text\.npz: must be what numpy\.savez writes"):
        prepare(spec_of(folder, train="text.npz"))
    with pytest.raises(DataError, match=r"must end in \.npz"):
        prepare(spec_of(folder, train="train.csv"))
    with pytest.raises(DataError, match=r"patch_size divides, 4\. Received: 6 x 4"):
        prepare(spec_of(folder, {**VIT, "patch_size": 4}))
    with pytest.raises(SpecError, match="heads: must divide hidden_size"):
        spec_of(folder, {**VIT, "heads": 3})
    with pytest.raises(SpecError, match=r"model\.name: must be one of .cnn., .vit."):
        spec_of(folder, {"name": "resnet"})
    np.savez(folder / "eval.npz", images=IMAGES[:, :4], labels=LABELS)
    with pytest.raises(DataError, match=r"\(2, 6, 4\)\. Received: \(2, 4, 4\)"):
        prepare(spec_of(folder))
    np.savez(folder / "eval.npz", images=IMAGES, labels=np.array(["low", "left"] * 2))
    with pytest.raises(DataError, match=r"one of the train split's classes.*Received: 'left'"):
        prepare(spec_of(folder))


def test_a_folder_of_other_images(backend: Backend, folder: Path) -> None:
    train(spec_of(folder), backend.NAME, output=folder / "out")
    np.savez(folder / "new.npz", images=IMAGES[:, :4])
    with pytest.raises(DataError, match=r"of training, \(2, 6, 4\)\. Received: \(2, 4, 4\)"):
        predict(folder / "out", folder / "new.npz")
    (folder / "out" / "images.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"images\.json: model: is required"):
        predict(folder / "out", folder / "eval.npz")


def test_an_output_of_another_shape_is_refused(folder: Path) -> None:
    spec = spec_of(folder)
    task, data = spec.task, prepare(spec)
    assert task is not None
    batch = data.batch(data.eval, np.arange(3))
    with pytest.raises(DataError, match=r"\(images, classes\), \(3, 3\)\. Received: \(3, 4\)"):
        task.score([(np.zeros((3, 4), np.float32), batch)], data)
