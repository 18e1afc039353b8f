"""A configuration of a Trainer, pasted as a spec: each of its fields is told where it belongs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from dualtrain import load_spec
from dualtrain.errors import SpecError
from dualtrain.spec import Spec


def arguments_of(library: str) -> type[Any]:
    module = pytest.importorskip(library)
    found: type[Any] = module.TrainingArguments
    return found


@pytest.mark.parametrize("library", ["transformers", "paddlenlp.trainer"])
def test_every_field_of_training_arguments_has_a_way_out(library: str, tmp_path: Path) -> None:
    """Those that the library's own class has; what a spec has under the same name is its own."""
    names = [field.name for field in dataclasses.fields(arguments_of(library)) if field.init]
    unknown = [n for n in names if n not in Spec.model_fields and not n.startswith("_")]
    path = tmp_path / "arguments.yaml"
    path.write_text("".join(f"{name}: 7\n" for name in unknown))

    with pytest.raises(SpecError) as caught:
        load_spec(path)
    cures = {p.rule: p.cure or "" for p in caught.value.problems}

    assert len(unknown) > 60
    assert [
        name
        for name in unknown
        if not cures[f"unknown key {name!r}"].startswith(("write ", "leave it out"))
    ] == []
