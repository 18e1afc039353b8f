"""The torch side on a device, with the conformance suite: `make test-gpu`.

    export DUALTRAIN_BACKENDS=torch
    python -m pytest tests/gpu tests/conformance --device cuda --json gpu.json

Both folders run on the device: it is that of every spec of `tests/builders.py`. TF32 is off, which
rounds products of float32 to 10 bits. `make test` does not collect this folder. A process that has
used CUDA cannot be forked, so tests that fork are left to the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dualtrain.backend import Backend, load_backend
from tests import builders
from tests.gpu.device import NoDevice, name_of
from tests.gpu.report import Report

CONFORMANCE = Path(__file__).parents[1] / "conformance"
FORKING = re.compile(r"\bos\.fork\b|\btests\.forked\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dualtrain")
    group.addoption("--device", default="cuda", help="cuda, cuda:1; cpu is a dry run")
    group.addoption("--json", type=Path, metavar="FILE", help="write what ran, for docs/gpu.md")


def pytest_configure(config: pytest.Config) -> None:
    device = str(config.getoption("--device"))
    try:
        name = name_of(device)
    except NoDevice as refusal:
        raise pytest.UsageError(str(refusal)) from refusal
    builders.BASE["device"] = device
    if torch.device(device).type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    forking = [
        str(path)
        for path in CONFORMANCE.glob("test_*.py")
        if FORKING.search(path.read_text(encoding="utf-8"))
    ]
    config.option.ignore = [*(config.option.ignore or []), *forking]
    if (file := config.getoption("--json")) is not None:
        config.pluginmanager.register(Report(name, file, config.rootpath))


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The device's name, as a spec has it."""
    return str(request.config.getoption("--device"))


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    """The torch side."""
    yield load_backend("torch")
