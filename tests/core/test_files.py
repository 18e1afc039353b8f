"""What is read is a regular file, and JSON says each thing once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dualtrain.files import irregular, parse_json, read_bytes, read_header


def test_a_regular_file_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert irregular(tmp_path / "file") is None
    assert irregular(tmp_path / "nothing") is None
    assert read_bytes(tmp_path / "file") == b"content"
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "nothing")


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        assert irregular(tmp_path / name) == "a named pipe"
        with pytest.raises(OSError, match="a named pipe, not a regular file"):
            read_bytes(tmp_path / name)


def test_a_device_without_an_end() -> None:
    assert irregular("/dev/zero") == "a device"
    with pytest.raises(OSError, match="a device, not a regular file"):
        read_bytes("/dev/zero")


def test_a_folder_and_a_socket(tmp_path: Path) -> None:
    assert irregular(tmp_path) == "a folder"
    with pytest.raises(OSError, match="a folder"):
        read_bytes(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert irregular(tmp_path / "socket") == "a socket"
        with pytest.raises(OSError):
            read_bytes(tmp_path / "socket")


def test_no_file_is_called_so() -> None:
    assert irregular("a\0b") is None
    with pytest.raises(OSError, match="null byte"):
        read_bytes("a\0b")


def test_json_says_each_thing_once() -> None:
    assert parse_json('{"a": {"b": [1]}, "c": 2}') == {"a": {"b": [1]}, "c": 2}
    with pytest.raises(ValueError, match="key 'b' twice in one object"):
        parse_json('{"a": {"b": 1, "b": 1}}')
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 100_000)
    with pytest.raises(ValueError, match="Exceeds the limit"):
        parse_json("1" * 10_000)


def test_a_header_is_that_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": np.zeros((2, 3), np.float16), "b": np.zeros((), np.float32)}, path)
    assert read_header(path) == {"a": ("F16", (2, 3)), "b": ("F32", ())}
    one = b'"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    header = b"{" + one + b", " + one + b"}"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match="key 'a' twice in one object"):
        read_header(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="header"):
        read_header(path)
    with pytest.raises(OSError, match="No such file"):
        read_header(tmp_path / "nothing")
