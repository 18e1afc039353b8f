"""The wheel as it was installed, with its hard dependencies alone: `make test-wheel`.

In `make test` the packages are the sources themselves, and this is no test.
"""

from __future__ import annotations

import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import dualtrain
from dualtrain.extras import EXTRAS
from tests.modules import FRAMEWORKS, modules_after

INSTALLED = distribution("dualtrain")
FILES = [file for file in INSTALLED.files or () if file.parts[0] != ".."]  # but for the command
PACKAGES = {"dualtrain", "dualtrain_paddle", "dualtrain_torch"}


def test_it_is_what_is_imported() -> None:
    assert Path(dualtrain.__file__).is_relative_to(sys.prefix)
    assert "site-packages" in Path(dualtrain.__file__).parts


def test_it_holds_three_packages_and_nothing_else() -> None:
    version = dualtrain.__version__
    assert {file.parts[0] for file in FILES} == {*PACKAGES, f"dualtrain-{version}.dist-info"}
    parts = {part for file in FILES for part in file.parts[:-1]}
    assert not parts & {"backends", "benchmarks", "docs", "tests"}


def test_each_package_is_typed() -> None:
    typed = {file.parts[0] for file in FILES if file.name == "py.typed" and len(file.parts) == 2}
    assert typed == PACKAGES


def test_its_version_is_the_packages() -> None:
    assert INSTALLED.version == dualtrain.__version__


def test_the_environment_is_bare() -> None:
    assert [name for name in (*FRAMEWORKS, *EXTRAS) if find_spec(name) is not None] == []


def test_the_doors_open_without_what_is_not_there() -> None:
    code = "from dualtrain import build_optimizer, build_schedule, fit, load_spec, start"
    assert modules_after(code) & {*FRAMEWORKS, *EXTRAS} == set()
