"""What is decided parameter by parameter: who decays, how fast each learns, which stand still."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from dualtrain.fields import Count, Part, Positive, distinct
from dualtrain.optimizers import Betas, DecayKind

__all__ = [
    "BatchStats",
    "DecayValue",
    "Freeze",
    "LayerDecay",
    "LayerDecayOrRate",
    "LrMultiplier",
    "LrMultipliers",
    "OwnBetas",
    "Role",
    "WeightDecay",
]

Role = Literal["bias", "norm", "embedding", "one_dimensional"]
Pattern = Annotated[str, Field(min_length=1)]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False), AfterValidator(distinct)]


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"must be a regular expression of Python's: {error}") from error
    return pattern


Expressions = Annotated[
    tuple[Annotated[Pattern, AfterValidator(_regular)], ...],
    Field(strict=False),
    AfterValidator(distinct),
]


class DecayValue(Part):
    """The parameters of a role or of a pattern decay by a value of their own."""

    role: Role | None = None
    """A role, e.g. `norm`; likewise:"""
    pattern: Pattern | None = None
    """Glob (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `embeddings.*`."""
    value: Annotated[float, Field(ge=0)]
    """wd for them."""

    @model_validator(mode="after")
    def _exactly_one(self) -> DecayValue:
        if (self.role is None) == (self.pattern is None):
            raise ValueError("give either role or pattern")
        return self


def _distinct_values(rules: tuple[DecayValue, ...]) -> tuple[DecayValue, ...]:
    distinct(tuple(str(rule.role or rule.pattern) for rule in rules))
    return rules


class WeightDecay(Part):
    """How much the weights shrink at each update, and which parameters do not.

    A parameter decays unless one of the exclusions names it, by `value` or by the first of `values`
    that names it; the ledger shows which rule did. One that names no parameter of the model is an
    error.
    """

    value: Annotated[float, Field(ge=0)]
    """wd in the optimizer's update rule, for the parameters that decay."""
    kind: DecayKind = "decoupled"
    """`coupled` is added to the gradient after clipping: g + value x w. `decoupled` shrinks the
    weight by lr x value of itself before the step, as AdamW does; in adamw, adamw_transformers,
    lamb and lars it is part of the rule and the only kind. Adam has the coupled one alone, for with
    the other it is adamw. Beside the others it must be said: `coupled` is what both frameworks'
    own classes do."""
    exclude: Annotated[tuple[Role, ...], Field(strict=False), AfterValidator(distinct)] = ()
    """Roles that do not decay, found from what the module that owns the parameter is, not from
    what it is called. A vector that is a norm's or a layer scale's, and nothing tells which, counts
    as a norm's: the ledger says `role norm (assumed)`."""
    exclude_patterns: Patterns = ()
    """Globs (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `*.pooler.*`. As
    everywhere, a tied weight has all its names."""
    exclude_substrings: Patterns = ()
    """The rule of old recipes, `any(s in name for s in [...])`: case-sensitive, over the
    framework's own structured names. On Hugging Face names "norm" misses every `LayerNorm`."""
    exclude_regex: Expressions = ()
    """Regular expressions of Python's, found anywhere in a canonical name (`re.search`): `^` holds
    one at its start, as `re.match` does, e.g. `(bias|norm\\d*\\.weight)$`."""
    exclude_below_ndim: Count | None = None
    """Parameters with fewer dimensions do not decay; 2 is the rule of timm: biases and the
    scales of norms, by their shape alone. Absent means none."""
    values: Annotated[
        tuple[DecayValue, ...], Field(strict=False), AfterValidator(_distinct_values)
    ] = ()
    """Decay of its own for a role or a pattern: PaddleDetection's `norm_decay` is `[{role: norm,
    value: 0.0}]`. The first that fits counts, after the exclusions."""

    @model_validator(mode="after")
    def _values_are_reached(self) -> WeightDecay:
        for rule in self.values:
            if rule.role in self.exclude or rule.pattern in self.exclude_patterns:
                raise ValueError(
                    f"values must not name what is excluded: leave {rule.role or rule.pattern} out "
                    "of one of the two"
                )
        return self


class LrMultiplier(Part):
    """The parameters of a pattern learn at a multiple of the schedule's rate, or a rate of their
    own that the schedule's factor multiplies: one of the two."""

    pattern: Pattern
    """Glob (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `classifier.*`."""
    multiplier: Positive | None = None
    """Times the rate of every update, decay included. To keep a parameter still, freeze it."""
    lr: Positive | None = None
    """In its place a base rate of their own, as parameter groups have: `lr` / `optimizer.lr`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> LrMultiplier:
        if (self.multiplier is None) == (self.lr is None):
            raise ValueError("give either multiplier or lr")
        return self

    def over(self, base: float) -> float:
        """The multiplier, with this base rate.

        >>> LrMultiplier(pattern="head.*", lr=0.5).over(0.125)
        4.0
        """
        if self.multiplier is not None:
            return self.multiplier
        assert self.lr is not None, "a rule has one of the two"
        return self.lr / base


def _distinct_patterns(rules: tuple[LrMultiplier, ...]) -> tuple[LrMultiplier, ...]:
    distinct(tuple(rule.pattern for rule in rules))
    return rules


LrMultipliers = Annotated[
    tuple[LrMultiplier, ...], Field(strict=False), AfterValidator(_distinct_patterns)
]


class OwnBeta(Part):
    """The parameters of a pattern have betas of their own, as parameter groups have."""

    pattern: Pattern
    """Glob (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `discriminator.*`."""
    betas: Betas
    """In place of `optimizer.betas`."""


def _distinct_owners(rules: tuple[OwnBeta, ...]) -> tuple[OwnBeta, ...]:
    distinct(tuple(rule.pattern for rule in rules))
    return rules


OwnBetas = Annotated[tuple[OwnBeta, ...], Field(strict=False), AfterValidator(_distinct_owners)]


class LayerDecay(Part):
    """The rate of a layer falls with the number of layers above it: rate^n. A plain number is the
    rate: `layer_decay: 0.65`.

    Of L layers the last has n = 1 and the first n = L; what is below them has L + 1, the head
    above 0. Blocks in stages (Swin, ConvNeXt) are counted over all stages. The place of each
    parameter is found from its name and from the order of the modules; one of which neither tells
    it is an error that names it, and is to be named here. `dualtrain ledger` shows all of them.
    """

    rate: Annotated[float, Field(gt=0, le=1)]
    """r in r^n."""
    below: Patterns = ()
    """Globs over canonical names of what is below the first layer, whatever else its name says."""
    above: Patterns = ()
    """Globs over canonical names of what is above the last, and learns at the head's rate."""

    @model_validator(mode="before")
    @classmethod
    def _a_number_is_the_rate(cls, given: Any) -> Any:
        is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
        return {"rate": given} if is_number else given


class _OrRate:
    """In the JSON Schema, the rate alone too."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        rate = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
        return {"anyOf": [rate, *handler(core)["anyOf"]]}


LayerDecayOrRate = Annotated[LayerDecay | None, _OrRate()]

BatchStats = Literal["keep", "train"]


def _some(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise ValueError("must name at least one pattern")
    return patterns


class Freeze(Part):
    """Parameters that stand still: no gradient, no update, no decay, no part in the clip's norm.

    A pattern that names no parameter of the model is an error. What the model already holds still
    (`requires_grad`, `stop_gradient`) stays so.
    """

    patterns: Annotated[Patterns, AfterValidator(_some)]
    """Globs (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `bert.*`."""
    batch_stats: BatchStats = "train"
    """`train`: running statistics follow the data wherever they do without freezing, as both
    frameworks do natively. `keep`: a layer whose parameters all stand still normalises by its
    running statistics in training too, and leaves them as they are."""
