"""Flags of a training that have no effect, and words of a command that a script refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dualtrain.reading import Known, Unknown
from dualtrain.recipes._clock import deep
from dualtrain.recipes._decides import decides
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes.loops._replaced import replaced
from dualtrain.recipes.schedules._driving import driving, rate, writes

__all__ = ["flags_part"]

SEED = re.compile(r"(^|_)seed$")


def flags_part(seen: Seen) -> Part:
    """Hazards of flags; they decide no field."""
    part = Part()
    for flag in seen.program.flags.declared.values():
        name = flag.name.strip("-").replace("-", "_").lower()
        if flag.reads or not decides(flag.name):
            continue
        given = ", and the command gives it" if flag.given else ""
        does = (
            f"handed on at {flag.passes[0]}, and nothing uses" if flag.passes else "nothing reads"
        )
        text = f"{flag.name} is declared, {does} it{given}"
        part.hazards.append(Hazard("dead_flag", flag.place, text))
        if SEED.search(name):
            part.hazards.append(
                Hazard("seed_unused", flag.place, f"{text}: no seed is set", "seed")
            )
    part.hazards += _overwritten(seen)
    for word in seen.program.flags.strangers:
        text = f"the command gives {word.value!r}, which the script's parser refuses"
        part.hazards.append(Hazard("cli_flag_unknown", word.origin.place, text))
    for one in seen.program.flags.text_numbers:
        if decides(one.origin.name):
            text = f"{one.origin.name}: {one.value} is text to a reader of YAML 1.1"
            part.hazards.append(Hazard("text_number_in_yaml", one.origin.place, text))
    part.hazards += replaced(seen)
    return part


def _overwritten(seen: Seen) -> Iterator[Hazard]:
    """A rate that the optimizer is given and that the loop replaces before anything uses it."""
    given = rate(seen)
    flag = given.origin.name if isinstance(given, Known) else ""
    written = [one for one in writes(seen) if one.context.loops and one.args]
    if not flag or not written or driving(seen) is not None:
        return
    for one in written:
        for value in deep(one.args[0]):
            kept = isinstance(value, Unknown) and value.op in ("item", "attr", "element", "carried")
            if kept or (isinstance(value, Known) and value.origin.name == flag):
                return
    text = f"{flag} reaches the optimizer, and the loop writes another rate before the first update"
    yield Hazard("dead_flag", written[0].place, text)
