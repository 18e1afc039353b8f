"""What is known of a family's parameters without a framework is what every backend finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dualtrain.backend import Backend
from dualtrain.ledger import roles_of
from dualtrain.tasks.encoders import FreshModel
from dualtrain.tasks.encoders._config import fresh_config
from dualtrain.training import parameters_of

TYPES = {"bert": 0, "ernie": 3, "roberta": 0}


@pytest.mark.parametrize("family", TYPES)
@pytest.mark.parametrize("task_types", [False, True])
def test_names_shapes_and_roles(backend: Backend, family: str, task_types: bool) -> None:
    """Two layers, sizes that are all different; ERNIE with and without its task types."""
    model = FreshModel.model_validate(
        {
            "family": family,
            "hidden_size": 8,
            "intermediate_size": 20,
            "layers": 2,
            "heads": 2,
            "max_length": 11,
        }
    )
    config = fresh_config(model, vocab_size=30, pad_id=0, classes=3)
    if task_types:
        config = replace(config, task_type_vocab_size=TYPES[family])
    live = backend.parameters(backend.build_model(config))
    known = parameters_of(config)
    assert {p.name: (p.shape, roles_of(p)) for p in live} == {
        p.name: (p.shape, roles_of(p)) for p in known
    }
    assert all(p.trainable for p in live)
