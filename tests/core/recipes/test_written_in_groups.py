"""Numbers of the optimizer's groups that the loop writes."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import torch
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=8)
groups = [{{"params": model.parameters(){own}}}]
optimizer = torch.optim.AdamW(groups)
table = rates()
for epoch in range(10):
    for batch in loader:
        for group in optimizer.param_groups:
            {written}
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
DECAY, RATE = "group['weight_decay'] = table[epoch]", "group['lr'] = table[epoch]"


@pytest.mark.parametrize(
    ("own", "written", "wanted"),
    [
        ("", "pass", (0.001, 0.01)),
        ("", DECAY, (0.001, None)),
        (", 'weight_decay': 0.04", DECAY, (0.001, None)),
        ("", RATE, (None, 0.01)),
        (", 'lr': 0.1", "pass", (0.1, 0.01)),
    ],
)
def test_what_the_loop_writes_is_not_what_the_optimizer_was_given(
    reading: Reading, own: str, written: str, wanted: tuple[float | None, float | None]
) -> None:
    recipe = reading(SCRIPT.format(own=own, written=written))

    assert (recipe["lr"].value, recipe["weight_decay"].value) == wanted
    for name, value in zip(("lr", "weight_decay"), wanted, strict=True):
        assert (recipe[name].certainty == "unknown") is (value is None)
