"""Where a schedule ends, when that is not the end of the run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import model_serializer, model_validator

from dualtrain.fields import Count, Part

__all__ = ["Horizon", "HorizonOrCount"]


class Horizon(Part):
    """Counts of the schedule, or whole epochs. A plain number is counts: `horizon: 90000`."""

    counts: Count | None = None
    """Updates; with `per: epoch` epochs."""
    epochs: Count | None = None
    """Epochs, whatever the schedule counts: a cosine per update that is laid out for 360 epochs."""

    @model_validator(mode="before")
    @classmethod
    def _a_number_is_counts(cls, given: Any) -> Any:
        is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
        return {"counts": given} if is_number else given

    @model_validator(mode="after")
    def _exactly_one(self) -> Horizon:
        if (self.counts is None) == (self.epochs is None):
            raise ValueError("give a number, or epochs")
        return self

    @model_serializer
    def _as_it_is_written(self) -> Any:
        return self.counts if self.epochs is None else {"epochs": self.epochs}

    def __str__(self) -> str:
        return str(self.counts) if self.epochs is None else f"of {self.epochs} epochs"


class _OrCount:
    """In the JSON Schema, the counts alone too."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        counts = {"type": "integer", "minimum": 1}
        return {"anyOf": [counts, *handler(core)["anyOf"]]}


HorizonOrCount = Annotated[Horizon | None, _OrCount()]
