"""What functions of libraries give: every model that a reading has."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.reading import (
    _argparse,
    _argparse_fields,
    _config_nodes,
    _configurations,
    _dataclasses,
    _executed,
    _files,
    _methods,
)
from dualtrain.reading._machine import Model

__all__ = ["ALL_MODELS"]

ALL_MODELS: Mapping[str, Model] = {
    **_methods.MODELS,
    **_files.MODELS,
    **_argparse.MODELS,
    **_dataclasses.MODELS,
    **_argparse_fields.MODELS,
    **_configurations.MODELS,
    **_config_nodes.MODELS,
    **_executed.MODELS,
}
