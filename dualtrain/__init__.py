"""dualtrain: one spec, two frameworks, the same training run, proved.

Importing this package imports no framework: a name loads its room when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dualtrain.version import __version__ as __version__

if TYPE_CHECKING:
    from dualtrain.errors import DualtrainError as DualtrainError
    from dualtrain.errors import SpecError as SpecError
    from dualtrain.plan import Plan as Plan
    from dualtrain.porting import port as port
    from dualtrain.recipes import read_recipe as read_recipe
    from dualtrain.scripts import write_script as write_script
    from dualtrain.spec import Spec as Spec
    from dualtrain.spec import load_spec as load_spec
    from dualtrain.training import Callback as Callback
    from dualtrain.training import build_optimizer as build_optimizer
    from dualtrain.training import build_schedule as build_schedule
    from dualtrain.training import fit as fit
    from dualtrain.training import resume as resume
    from dualtrain.training import start as start
    from dualtrain.twins import copy_weights as copy_weights


_ROOMS = {
    "Callback": "dualtrain.training",
    "DualtrainError": "dualtrain.errors",
    "Plan": "dualtrain.plan",
    "Spec": "dualtrain.spec",
    "SpecError": "dualtrain.errors",
    "build_optimizer": "dualtrain.training",
    "build_schedule": "dualtrain.training",
    "copy_weights": "dualtrain.twins",
    "fit": "dualtrain.training",
    "load_spec": "dualtrain.spec",
    "port": "dualtrain.porting",
    "read_recipe": "dualtrain.recipes",
    "resume": "dualtrain.training",
    "start": "dualtrain.training",
    "write_script": "dualtrain.scripts",
}

__all__ = [
    "Callback",
    "DualtrainError",
    "Plan",
    "Spec",
    "SpecError",
    "build_optimizer",
    "build_schedule",
    "copy_weights",
    "fit",
    "load_spec",
    "port",
    "read_recipe",
    "resume",
    "start",
    "write_script",
]


def __getattr__(name: str) -> Any:
    try:
        room = _ROOMS[name]
    except KeyError:
        raise AttributeError(f"module 'dualtrain' has no attribute {name!r}") from None
    return getattr(import_module(room), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
