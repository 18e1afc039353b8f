"""The learning-rate schedules: one record each, which says all that is to be known of it.

`_record.py` has what a schedule is asked; `_decays.py` and `_stable_decay.py` have those that end,
`_steps.py` those that count on, `_one_cycle.py` and `_cycles.py` those that rise again,
`_table.py` the one that is written down, `_plateau.py` the one that looks at a metric,
`_sequence.py` and `_product.py` those that are made of others; `_registry.py` lists them. Formulas
are in float64, in the libraries' own arithmetic, operation by operation, so that equal means equal
to the last bit; the closed form is the definition, where their classes multiply rate by rate.
Nothing whose default differs between the frameworks has a default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

# By `*`, so that a new schedule is a class in one of these files and its line in `_registry.py`.
from dualtrain.schedules._cycles import *  # noqa: F403
from dualtrain.schedules._decays import *  # noqa: F403
from dualtrain.schedules._floats import Floats as Floats
from dualtrain.schedules._floats import cos as cos
from dualtrain.schedules._momentum import CycledMomentum as CycledMomentum
from dualtrain.schedules._one_cycle import *  # noqa: F403
from dualtrain.schedules._plateau import ReduceOnPlateau as ReduceOnPlateau
from dualtrain.schedules._product import Product as Product
from dualtrain.schedules._record import Bounds as Bounds
from dualtrain.schedules._record import Misfit as Misfit
from dualtrain.schedules._record import ScheduleRecord as ScheduleRecord
from dualtrain.schedules._record import Turn as Turn
from dualtrain.schedules._record import Window as Window
from dualtrain.schedules._registry import PHASES as PHASES
from dualtrain.schedules._sequence import Phase as Phase
from dualtrain.schedules._sequence import PhaseSchedule as PhaseSchedule
from dualtrain.schedules._sequence import Sequential as Sequential
from dualtrain.schedules._stable_decay import *  # noqa: F403
from dualtrain.schedules._steps import *  # noqa: F403
from dualtrain.schedules._table import Table as Table

SCHEDULES: tuple[type[ScheduleRecord], ...] = (*PHASES, ReduceOnPlateau, Sequential, Product)
"""Every schedule."""

if TYPE_CHECKING:
    Schedule = ScheduleRecord
else:
    Schedule = Annotated[Union[SCHEDULES], Field(discriminator="name")]  # noqa: UP007
"""Any of them, chosen by its `name`."""
