"""Which of several processes this one is, as launchers tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.errors import BackendError
from dualtrain.training.processes import device_of
from dualtrain.world import ALONE, World, check_shard
from tests.builders import spec_of
from tests.command import TASK, Run
from tests.command import run as run

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "first",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "none",
}
PADDLE = {
    "PADDLE_TRAINER_ID": "1",
    "PADDLE_TRAINERS_NUM": "2",
    "PADDLE_LOCAL_RANK": "1",
    "PADDLE_LOCAL_SIZE": "2",
    "PADDLE_TRAINER_ENDPOINTS": "10.0.0.1:6170,10.0.0.1:6171",
}


def test_launchers_are_heard() -> None:
    known = {"is_launched": True}
    assert World.of(TORCHRUN) == World(
        rank=5, size=8, local_rank=1, address="first", port=29500, **known
    )
    assert World.of(PADDLE) == World(
        rank=1, size=2, local_rank=1, address="10.0.0.1", port=6170, **known
    )


@pytest.mark.parametrize(
    "environment", [{}, {"RANK": "3"}, {"RANK": "0", "WORLD_SIZE": "1"}, {"WORLD_SIZE": "4"}]
)
def test_one_process_is_alone(environment: dict[str, str]) -> None:
    assert World.of(environment) == ALONE


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"RANK": "8"}, "Received: '8' and '8'"),
        ({"WORLD_SIZE": "many"}, "Received: '5' and 'many'"),
        ({"MASTER_ADDR": ""}, "MASTER_ADDR and MASTER_PORT must say where"),
        ({"MASTER_PORT": "a port"}, "Received: 'first' and 'a port'"),
    ],
)
def test_what_is_no_place_is_refused(changes: dict[str, str], told: str) -> None:
    with pytest.raises(BackendError, match=told):
        World.of(TORCHRUN | changes)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 7, 30])
def test_every_row_is_one_process_s(size: int, count: int) -> None:
    shares = [list(range(count))[World(rank=r, size=size).rows(count)] for r in range(size)]
    assert [row for share in shares for row in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_shard_is_one_of_three_words() -> None:
    with pytest.raises(BackendError, match="Received: 'zero'"):
        check_shard("zero")


def test_a_device_is_counted_on_its_machine() -> None:
    """`cuda` alone: the sixth process of eight is the second of its machine."""
    sixth = World(rank=5, size=8, local_rank=1)
    assert device_of(spec_of(device="cuda"), sixth) == "cuda:1"
    assert device_of(spec_of(device="cuda:3"), sixth) == "cuda:3"
    assert device_of(spec_of(device="cuda"), World()) == "cuda"
    assert device_of(spec_of(), sixth) == "cpu"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("parity", ["spec.yaml"]),
        ("lockstep", ["spec.yaml", "--backend", "torch", "--states", "states"]),
        ("predict", ["run", "data.csv", "-o", "predictions.csv"]),
    ],
)
def test_what_one_process_does_is_refused_under_a_launcher(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, arguments: list[str]
) -> None:
    """Before any work: there is not even what it would read."""
    (tmp_path / "spec.yaml").write_text(TASK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    told = (
        f"process 5 of 8: {command} is the work of one process: start it without a launcher, which "
        "is for train. Received: process 5 of 8\n"
    )
    assert run(command, *arguments) == (2, "", told)
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]
