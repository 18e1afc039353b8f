"""Our `LinearDecayWithWarmup` beside paddlenlp's."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain_paddle import LinearDecayWithWarmup, _compat

NATIVE = _compat.native_schedules().LinearDecayWithWarmup


def curve(schedule: Any, updates: int) -> list[float]:
    rates = []
    for _ in range(updates):
        rates.append(schedule())
        schedule.step()
    return rates


def test_the_signature_is_paddlenlps() -> None:
    def shape(cls: type) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(cls).parameters.values()]

    assert shape(LinearDecayWithWarmup) == shape(NATIVE)


@given(
    lr=st.floats(1e-6, 1.0),
    total=st.integers(1, 300),
    warmup=st.integers(0, 400) | st.floats(0.0, 1.0),
)
def test_the_numbers_are_paddlenlps(lr: float, total: int, warmup: float) -> None:
    """Also where warmup is as long as training, or longer."""
    updates = total + 20
    ours = curve(LinearDecayWithWarmup(lr, total, warmup), updates)
    assert ours == curve(NATIVE(lr, total, warmup), updates)


def test_a_numpy_integer_is_a_number_of_updates() -> None:
    """paddlenlp takes it for a proportion: 1,000 updates of warmup in a run of 100."""
    ours = curve(LinearDecayWithWarmup(0.1, 100, np.int64(10)), 100)
    assert ours == curve(NATIVE(0.1, 100, 10), 100)
    assert ours != curve(NATIVE(0.1, 100, np.int64(10)), 100)


def test_it_pickles_and_resumes() -> None:
    """paddlenlp's cannot be pickled: its lambda is local."""
    whole = curve(LinearDecayWithWarmup(0.1, 40, 0.25), 40)
    schedule = LinearDecayWithWarmup(0.1, 40, 0.25)
    assert curve(schedule, 15) == whole[:15]
    assert curve(pickle.loads(pickle.dumps(schedule)), 25) == whole[15:]
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(NATIVE(0.1, 40, 0.25))


def test_it_restores_by_state() -> None:
    schedule = LinearDecayWithWarmup(0.1, 40, 0.25)
    whole = curve(schedule, 25)
    fresh = LinearDecayWithWarmup(0.1, 40, 0.25)
    fresh.set_state_dict(schedule.state_dict())
    assert fresh() == LinearDecayWithWarmup(0.1, 40, 0.25, last_epoch=24)()
    assert whole[24] > fresh() > 0


def test_it_drives_an_optimizer() -> None:
    model = paddle.nn.Linear(1, 1)
    schedule = LinearDecayWithWarmup(0.1, 4, 2)
    optimizer = paddle.optimizer.AdamW(schedule, parameters=model.parameters())
    rates = []
    for _ in range(5):
        rates.append(optimizer.get_lr())
        model(paddle.ones([1, 1])).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
    assert rates == [0.0, 0.05, 0.1, 0.05, 0.0]
