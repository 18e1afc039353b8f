"""Which native optimizer a script makes, and with which arguments."""

from __future__ import annotations

from typing import Any

from dualtrain.native.optimizers import driving_row, words_of
from dualtrain.optimizers import UpdateRule
from dualtrain.scripts._source import source

__all__ = ["native_optimizer"]

_SAID_ELSEWHERE = ("optimizer.lr", "weight_decay.value", "weight_decay.kind")


def native_optimizer(rule: UpdateRule, library: str) -> dict[str, Any]:
    """`name` and `module` of the class and `arguments` as source text, rate and decay left out.

    A rule of which the library has no class has its name alone: the script has the rule itself.
    """
    row = driving_row(library, rule)
    if row is None:
        return {"name": type(rule).__name__, "module": "", "native": False, "arguments": []}
    written = row.write(words_of(rule))
    told = {
        name: written[name]
        for name, argument in row.arguments.items()
        if name in written and not set(argument.words) & set(_SAID_ELSEWHERE)
    }
    told |= {name: one.value for name, one in row.fixed.items() if one.value != one.default}
    arguments = [f"{name}={source(value)}" for name, value in told.items() if value is not False]
    module, _, name = row.name.rpartition(".")
    return {"name": name, "module": module, "native": True, "arguments": arguments}
