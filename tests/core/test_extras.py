"""What an extra installs is missed where it is needed, at once, and nowhere else."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dualtrain.cli import main
from dualtrain.errors import ExtraError
from dualtrain.extras import EXTRAS, needed_for
from dualtrain.workers import _process, run_parity
from tests.tasks import prepare, small_spec, write_task
from tests.traces import make_trace, make_weights, write_run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NO_PLOT = (
    "drawing curves needs the package 'matplotlib', which the extra 'plot' brings: "
    "pip install 'dualtrain[plot]'. Received: no module named 'matplotlib'"
)
NO_TEXT = (
    "a task on texts needs the package 'tokenizers', which the extra 'text' brings: "
    "pip install 'dualtrain[text]'. Received: no module named 'tokenizers'"
)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter without them."""
    loaded = [name for name in sys.modules if name.partition(".")[0] in EXTRAS]
    for name in {*loaded, *EXTRAS}:
        monkeypatch.setitem(sys.modules, name, None)


def status_and_error(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.usefixtures("bare")
def test_a_plot_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_task(tmp_path)
    spec = tmp_path / "spec.json"
    spec.write_text(small_spec(tmp_path).model_dump_json())
    assert status_and_error(capsys, "plot", spec, "-o", tmp_path / "lr.png") == (2, NO_PLOT + "\n")
    assert status_and_error(capsys, "plot", spec) == (0, "")
    assert not (tmp_path / "lr.png").exists()


@pytest.mark.usefixtures("bare")
def test_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused before anything is written; a comparison without one needs no plot."""
    trace = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    report = tmp_path / "report"
    told = status_and_error(capsys, "diff", trace, trace, "--report", report)
    assert told == (2, NO_PLOT + "\n")
    assert not report.exists()
    assert status_and_error(capsys, "diff", trace, trace) == (0, "")


@pytest.mark.usefixtures("bare")
def test_a_parity_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is trained."""
    write_task(tmp_path)

    def started(*arguments: Any) -> None:
        raise AssertionError("a side was started")

    monkeypatch.setattr(_process, "_Worker", started)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExtraError) as error:
        run_parity(small_spec(tmp_path), report=tmp_path / "report")
    assert str(error.value) == NO_PLOT
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("bare")
def test_a_task_on_texts(tmp_path: Path) -> None:
    write_task(tmp_path)
    with pytest.raises(ExtraError) as error:
        prepare(small_spec(tmp_path))
    assert str(error.value) == NO_TEXT


def test_a_fault_of_another_kind_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), needed_for("this needs"):
        import_module("no_such_module")


def test_the_extras_are_those_of_the_project() -> None:
    path = Path(__file__).parents[2] / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    hard = {_name(requirement) for requirement in project["dependencies"]}
    for package, extra in EXTRAS.items():
        assert [_name(requirement) for requirement in extras[extra]] == [package]
        assert package not in hard
    (everything,) = extras["all"]
    assert set(EXTRAS.values()) < set(re.split(r"[\[\],]", everything))


def _name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0]
