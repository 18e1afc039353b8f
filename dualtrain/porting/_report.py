"""What was taken across and what was not, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualtrain.files import read_bytes
from dualtrain.porting._ported import Ported
from dualtrain.porting._templates import template
from dualtrain.reading import Place
from dualtrain.recipes import MICRO_BATCHES, effect

__all__ = ["report"]

CONVERTERS: Mapping[str, str] = {
    "paddle": "For a model's code others offer converters from torch: PaConvert, X2Paddle. Weights "
    "go across by `dualtrain.copy_weights`, names by `dualtrain twins`.",
    "torch": "For a model's code nobody keeps a converter from Paddle; by way of ONNX, paddle2onnx "
    "and onnx2torch take a graph across. Weights go across by `dualtrain.copy_weights`, names by "
    "`dualtrain twins`.",
}
"""By the framework that is ported to."""


def report(ported: Ported, root: Path | None) -> str:
    """The page. root: the folder from which the recipe's places count; None: no lines are shown."""
    return template("report.md.jinja").render(
        source=ported.source,
        to=ported.to,
        missing=ported.missing,
        largest=ported.largest,
        no_proof=ported.no_proof,
        heir=ported.heir,
        updates=len(ported.written),
        micro_batches=ported.micro_batches,
        converters=CONVERTERS[ported.to],
        ported=[
            {
                "name": ".".join(one.path),
                "value": one.value,
                "place": (one.found.place if one.found else None) or "",
                "how": _how(one.found),
            }
            for one in ported.entries
        ],
        untold=[
            {
                "name": ".".join(one.path),
                "place": one.found.place if one.found else None,
                "why": one.why,
                "line": _line(root, one.found.place if one.found else None),
            }
            for one in ported.untold
        ],
        hazards=[
            {
                "code": one.code,
                "place": one.place,
                "text": one.text,
                "mends": one.mends,
                "effect": effect(ported.recipe, one, ported.micro_batches or MICRO_BATCHES),
            }
            for one in ported.recipe.hazards
        ],
        notes=ported.recipe.notes,
    )


def _how(found: Any) -> str:
    if found is None:
        return "follows"
    return " ".join(one for one in (found.how, found.flag) if one) or found.certainty


def _line(root: Path | None, place: Place | None) -> str:
    """The line of the recipe's file."""
    if root is None or place is None or not place.line:
        return ""
    try:
        text = read_bytes(root / place.file).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = text.splitlines()
    return lines[place.line - 1].strip() if place.line <= len(lines) else ""
