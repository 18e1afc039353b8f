"""Read, write, and say what was taken across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from dualtrain.aside import write_aside
from dualtrain.errors import DualtrainError, SpecError
from dualtrain.outputs import check_folder
from dualtrain.plan import Plan
from dualtrain.porting._ported import Ported
from dualtrain.porting._report import report
from dualtrain.porting._stated import NotStated, stated_rates
from dualtrain.porting._written import written_rates
from dualtrain.recipes import Recipe, read_recipe, recipe_yaml
from dualtrain.scripts import write_script
from dualtrain.spec import load_spec

__all__ = ["port"]


FILES = ("spec.yaml", "train.py", "report.md", "lr.png")
"""What a port writes; none of it is written over."""


def port(
    paths: str | Path | Sequence[str | Path],
    to: Literal["torch", "paddle"],
    folder: str | Path,
    *,
    run: str | None = None,
    config: str | Path | None = None,
    root: str | Path | None = None,
    told: Mapping[str, Any] | None = None,
    micro_batches: int = 100,
) -> Ported:
    """Port a training recipe, into a folder: spec.yaml, train.py, report.md and lr.png.

    told: fields of the spec by dotted name, where the recipe leaves them unknown or otherwise.
    micro_batches: in an epoch, for which the curves are compared.

    Raises RecipeError and SourceError as `read_recipe`; OutputError: the folder cannot be used.
    """
    out = Path(folder)
    check_folder(out, "a port", FILES)
    recipe = read_recipe(paths, run=run, config=config, root=root)
    out.mkdir(parents=True, exist_ok=True)
    text = recipe_yaml(recipe, told=told)
    _write(out / "spec.yaml", text)
    ported = _ported(recipe, to, out, dict(told or {}), micro_batches)
    if ported.written or ported.stated:
        from dualtrain.porting._picture import draw

        draw(ported, out / "lr.png")
    _write(out / "report.md", report(ported, recipe.root))
    return ported


def _ported(recipe: Recipe, to: str, out: Path, told: dict[str, Any], micro_batches: int) -> Ported:
    asked = Ported(recipe, to, told=told).asked
    if asked:
        missing = f"{', '.join(asked)}: the recipe decides it, and its text does not tell what"
        return Ported(recipe, to, missing=missing, told=told, no_proof="there is no spec yet")
    try:
        spec = load_spec(out / "spec.yaml")
    except SpecError as fault:
        return Ported(recipe, to, missing=str(fault), told=told, no_proof="there is no spec yet")
    try:
        _write(out / "train.py", write_script(spec, to))
    except DualtrainError as fault:
        return Ported(recipe, to, spec, str(fault), told, no_proof="there is no script")
    try:
        updates = Plan.of(spec, micro_batches_per_epoch=micro_batches).total_updates
        written = written_rates(spec, to, micro_batches, updates)
        stated = stated_rates(recipe, micro_batches, len(written), spec.batch.accumulate)
    except (NotStated, DualtrainError) as fault:
        return Ported(recipe, to, spec, "", told, no_proof=str(fault))
    except ModuleNotFoundError as fault:
        return Ported(recipe, to, spec, "", told, no_proof=f"{fault.name} is not installed here")
    return Ported(recipe, to, spec, "", told, stated, written, micro_batches)


def _write(path: Path, text: str) -> None:
    with write_aside(path) as file:
        file.write_text(text, encoding="utf-8")
