"""What is decided parameter by parameter: which of them decay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dualtrain.spec._base import Part, distinct

__all__ = ["Role", "WeightDecay"]

Role = Literal["bias", "norm", "embedding", "one_dimensional"]
Pattern = Annotated[str, Field(min_length=1)]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False), AfterValidator(distinct)]


class WeightDecay(Part):
    """How much the weights shrink at each update, and which parameters do not.

    A parameter decays unless one of the exclusions names it; the ledger shows which one did. An
    exclusion that names no parameter of the model is an error.
    """

    value: Annotated[float, Field(ge=0)]
    """Decoupled decay: each update multiplies a decaying weight by 1 - lr x value."""
    kind: Literal["decoupled"] = "decoupled"
    """`decoupled`: AdamW's own; never added to the gradient."""
    exclude: Annotated[tuple[Role, ...], Field(strict=False), AfterValidator(distinct)] = ()
    """Roles that do not decay, found from the module that owns the parameter."""
    exclude_patterns: Patterns = ()
    """Globs (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `*.pooler.*`."""
    exclude_substrings: Patterns = ()
    """The rule of old recipes, `any(s in name for s in [...])`: case-sensitive, over the
    framework's own structured names. On Hugging Face names "norm" misses every `LayerNorm`."""
