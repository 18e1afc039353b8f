"""The JSON Schema of a spec, for editors and other tools."""

from __future__ import annotations

from typing import Any

from dualtrain.spec._spec import Spec

__all__ = ["spec_schema"]


def spec_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a spec; descriptions are the fields' own texts.

    It states the form of each value. Rules between values, such as "give either steps or
    proportion", are `load_spec`'s.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Spec.model_json_schema(),
        "title": "dualtrain spec",
    }
