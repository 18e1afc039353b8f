"""What functions of libraries give: every model that a reading has."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.reading import (
    _absl,
    _argparse,
    _argparse_fields,
    _classes,
    _click,
    _config_nodes,
    _configurations,
    _dataclasses,
    _engines,
    _executed,
    _files,
    _functions,
    _hparams,
    _hydra,
    _ini,
    _library_loops,
    _loaders,
    _methods,
    _omegaconf,
    _rates,
    _timm,
)
from dualtrain.reading._machine import Model

__all__ = ["ALL_MODELS"]

ALL_MODELS: Mapping[str, Model] = {
    name: model
    for module in (
        _methods,
        _classes,
        _loaders,
        _files,
        _argparse,
        _dataclasses,
        _engines,
        _argparse_fields,
        _configurations,
        _config_nodes,
        _executed,
        _click,
        _functions,
        _absl,
        _hydra,
        _ini,
        _hparams,
        _omegaconf,
        _rates,
        _timm,
        _library_loops,
    )
    for name, model in module.MODELS.items()
}
