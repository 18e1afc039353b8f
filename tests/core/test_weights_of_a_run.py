"""Weights beside a trace: those of its run, or refused before they are read."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dualtrain.errors import TraceError
from dualtrain.parity import WeightSet, compare_files, read_weights
from dualtrain.trace import read_trace, weight_digest, weights_digest
from dualtrain.training.observers._save import save_weights
from tests.traces import make_trace, make_weights, write_run

FILES = ("initial", "final", "ema")
NO_FILE = "weights are a safetensors file. Received: "


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "a.jsonl", make_trace(), make_weights(averages=0.0))


def of(run: Path, name: str) -> Path:
    return run.with_name(f"a.{name}.safetensors")


def refusal(run: Path) -> str:
    with pytest.raises(TraceError) as caught:
        compare_files(run, run)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 600
    return text


def test_those_of_the_run_are_read(run: Path) -> None:
    weights = read_weights(run, read_trace(run))
    assert weights is not None
    assert weights.averages is not None
    assert weights.final.keys() == weights.averages.keys() == {"dense.bias", "dense.weight"}


Arrays = dict[str, Any]


def without_bias(arrays: Arrays) -> Arrays:
    return {"dense.weight": arrays["dense.weight"]}


def with_more(arrays: Arrays) -> Arrays:
    return {**arrays, "dense.scale\x1b[2J": np.zeros(2, np.float32)}


def flattened(arrays: Arrays) -> Arrays:
    return {**arrays, "dense.weight": arrays["dense.weight"].reshape(2, 8)}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            without_bias,
            "must hold the tensors that the first line names. Received: one without 'dense.bias'",
        ),
        (
            with_more,
            "must hold the tensors that the first line names. Received: one with "
            r"'dense.scale\x1b[2J'",
        ),
        (flattened, "must hold 'dense.weight' with the shape [4, 4]. Received: [2, 8]"),
    ],
)
def test_a_file_fits_the_first_line(
    run: Path, file: str, change: Callable[[Arrays], Arrays], message: str
) -> None:
    save_file(change(load_file(of(run, file))), of(run, file))
    assert refusal(run) == f"{run}: a.{file}.safetensors {message}"


def test_tensors_that_are_no_parameters_fit_each_other(run: Path, tmp_path: Path) -> None:
    """Running statistics are not listed, but for their digests."""
    weights = make_weights()
    statistics = {"norm.running_mean": np.zeros(4, np.float32)}
    other = {"norm.running_mean": np.zeros(5, np.float32)}
    path = write_run(
        tmp_path / "b.jsonl",
        make_trace(),
        WeightSet({**weights.initial, **statistics}, {**weights.final, **other}),
    )
    assert refusal(path) == (
        f"{path}: all weights of a run have the same names and shapes. Received: "
        "b.final.safetensors, which has 'norm.running_mean' as [5], and not as [4] as in "
        "b.initial.safetensors"
    )


@pytest.mark.parametrize("file", FILES)
def test_the_other_sides_file_is_not_ours(run: Path, file: str) -> None:
    """Of the same names and shapes; only the digest tells."""
    arrays = load_file(of(run, file))
    arrays["dense.bias"] = np.nextafter(arrays["dense.bias"], np.float32(9))
    save_file(arrays, of(run, file))
    verb = "began" if file == "initial" else "ended"
    assert refusal(run) == (
        f"{run}: a.{file}.safetensors must hold the weights that this run {verb} with. "
        "Received: those of another run"
    )


def test_one_file_in_two_places_is_still_told_apart(run: Path) -> None:
    """The final weights in the place of the initial ones: a run that did not move."""
    of(run, "initial").write_bytes(of(run, "final").read_bytes())
    assert "must hold the weights that this run began with" in refusal(run)


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def put_header(path: Path, header: str, body: bytes, size: int | None = None) -> None:
    text = header.encode()
    path.write_bytes(struct.pack("<Q", len(text) if size is None else size) + text + body)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("value", [10**400, 10**14, -1, 0, 1.5, None, "4"])
@pytest.mark.parametrize("field", ["shape", "data_offsets"])
def test_a_header_that_lies_about_sizes_costs_nothing(
    run: Path, file: str, field: str, value: Any
) -> None:
    header, body = header_of(of(run, file))
    header["dense.weight"][field][-1] = value
    put_header(of(run, file), json.dumps(header), body)
    assert refusal(run).startswith(f"{of(run, file)}: {NO_FILE}")


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F64", "F8_E4M3", "I64", "BOOL"])
def test_weights_are_float32(run: Path, dtype: str) -> None:
    header, _ = header_of(of(run, "final"))
    at, width = 0, {"F64": 8, "I64": 8, "BF16": 2, "F16": 2}.get(dtype, 1)
    for name, size in (("dense.bias", 4), ("dense.weight", 16)):
        header[name] |= {"dtype": dtype, "data_offsets": [at, at + size * width]}
        at += size * width
    put_header(of(run, "final"), json.dumps(header), bytes(at))
    assert refusal(run) == (
        f"{of(run, 'final')}: the weights of a run are written in float32 (F32), whatever type "
        f"trained. Received: 'dense.bias' in {dtype}"
    )


def test_overlapping_tensors_are_refused(run: Path) -> None:
    header, body = header_of(of(run, "final"))
    header["dense.weight"]["data_offsets"] = [0, 64]
    put_header(of(run, "final"), json.dumps(header), body)
    assert refusal(run).startswith(f"{of(run, 'final')}: {NO_FILE}")


def test_a_tensor_twice_is_refused(run: Path) -> None:
    header, body = header_of(of(run, "final"))
    again = f'{{"dense.bias": {json.dumps(header["dense.bias"])}, {json.dumps(header)[1:]}'
    put_header(of(run, "final"), again, body)
    assert refusal(run) == (f"{of(run, 'final')}: {NO_FILE}key 'dense.bias' twice in one object")


@pytest.mark.parametrize("size", [0, 7, 8, 40, -1])
def test_a_truncated_file_is_refused(run: Path, size: int) -> None:
    of(run, "final").write_bytes(of(run, "final").read_bytes()[:size])
    assert refusal(run).startswith(f"{of(run, 'final')}: {NO_FILE}")


@pytest.mark.parametrize("size", [10**9, 2**63, 2**64 - 1])
def test_a_header_longer_than_its_file_is_refused(run: Path, size: int) -> None:
    header, body = header_of(of(run, "final"))
    put_header(of(run, "final"), json.dumps(header), body, size)
    assert refusal(run).startswith(f"{of(run, 'final')}: {NO_FILE}")


def test_weights_of_no_dimension_are_written_as_such(tmp_path: Path) -> None:
    """CLIP's `logit_scale`: with a dimension more they would be another run's, by their digest."""
    weights = {"logit_scale": np.array(2.5, np.float32), "turned": np.ones((2, 3), np.float32).T}
    save_weights(tmp_path / "a.safetensors", weights)
    read = load_file(tmp_path / "a.safetensors")
    assert {name: array.shape for name, array in read.items()} == {
        "logit_scale": (),
        "turned": (3, 2),
    }
    assert weights_digest(read) == weights_digest(weights)


def test_a_note_of_the_writer_changes_nothing(run: Path) -> None:
    save_file(load_file(of(run, "final")), of(run, "final"), metadata={"format": "pt"})
    assert compare_files(run, run).weights is not None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize(
    ("kind", "received"),
    [("pipe", "a named pipe"), ("folder", "a folder"), ("zero", "a device"), ("loop", None)],
)
@pytest.mark.parametrize("file", FILES)
def test_only_a_file_is_opened(run: Path, file: str, kind: str, received: str | None) -> None:
    path = of(run, file)
    path.unlink()
    make: dict[str, Callable[[], None]] = {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "zero": lambda: path.symlink_to("/dev/zero"),
        "loop": lambda: path.symlink_to(path),
    }
    make[kind]()
    assert refusal(run).startswith(f"{path}: {NO_FILE}{received or ''}")


def test_digests_that_are_there_count_in_version_2(tmp_path: Path) -> None:
    """Its first traces had none; initial weights always had theirs."""
    old = Path(__file__).parent / "traces_of_version_2"
    for name in ("plain.jsonl", "plain.initial.safetensors", "plain.ema.safetensors"):
        (tmp_path / name).write_bytes((old / name).read_bytes())
    path = tmp_path / "plain.jsonl"
    arrays = load_file(old / "plain.final.safetensors")
    save_file(
        {**arrays, "dense.bias": arrays["dense.bias"] + 1}, tmp_path / "plain.final.safetensors"
    )
    trace = read_trace(path)
    with pytest.raises(TraceError, match="must hold the weights that this run ended with"):
        read_weights(path, trace)
    assert trace.end is not None
    undigested = replace(trace, end=replace(trace.end, weights_digest=None))
    weights = read_weights(path, undigested)
    assert weights is not None
    assert weight_digest(weights.final["dense.bias"]) == weight_digest(arrays["dense.bias"] + 1)
