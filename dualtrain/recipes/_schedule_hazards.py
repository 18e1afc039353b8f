"""What a program does with its schedule that its author may not have meant."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.reading import Value
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Seen

__all__ = ["schedule_hazards"]


def schedule_hazards(seen: Seen, held: Value | None, fields: Mapping[str, Found]) -> list[Hazard]:
    """Hazards of the schedule that drives the rate, or does not."""
    return []
