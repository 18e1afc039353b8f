"""Whether torch sees the device that `make test-gpu` is to run on; imports nothing but torch.

    python tests/gpu/device.py cuda

Prints what it is called. The exit status is 2 where it is not there, with what to do.
"""

from __future__ import annotations

import sys

__all__ = ["NoDevice", "name_of"]


class NoDevice(Exception):
    """The device is not there; the message says what to do."""


def name_of(device: str) -> str:
    """What a device is called: the GPU's own name, or `cpu`. Raises `NoDevice`."""
    try:
        import torch
    except ImportError as error:
        raise NoDevice(
            "make test-gpu needs a Python that has torch already: name it, as in "
            f"`make test-gpu PYTHON=/opt/torch/bin/python3`. Received: {sys.executable}, {error}"
        ) from error
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return "cpu"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind != "cuda" or int(number or 0) >= count:
        raise NoDevice(
            "make test-gpu needs a CUDA device that torch sees: run it on a machine with a GPU and "
            "torch's build for CUDA; DEVICE=cpu is a dry run, and proves nothing of a GPU. "
            f"Received: {device!r}, torch {torch.__version__} with {count} CUDA devices"
        )
    return str(torch.cuda.get_device_name(int(number or 0)))


if __name__ == "__main__":
    try:
        print(name_of(sys.argv[1]))
    except NoDevice as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        sys.exit(2)
