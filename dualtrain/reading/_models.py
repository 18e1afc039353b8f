"""What functions of libraries give: every model that a reading has."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.reading import _argparse, _methods
from dualtrain.reading._machine import Model

__all__ = ["ALL_MODELS"]

ALL_MODELS: Mapping[str, Model] = {**_methods.MODELS, **_argparse.MODELS}
