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
    """wd in the optimizer's update rule, for the parameters that decay."""
    kind: Literal["decoupled", "coupled"] = "decoupled"
    """What the optimizer can do: `decoupled` (adamw, lamb) acts on the weight itself, `coupled`
    (all others) is added to the gradient after clipping: g + value x w."""
    exclude: Annotated[tuple[Role, ...], Field(strict=False), AfterValidator(distinct)] = ()
    """Roles that do not decay, found from the module that owns the parameter."""
    exclude_patterns: Patterns = ()
    """Globs (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `*.pooler.*`."""
    exclude_substrings: Patterns = ()
    """The rule of old recipes, `any(s in name for s in [...])`: case-sensitive, over the
    framework's own structured names. On Hugging Face names "norm" misses every `LayerNorm`."""
