"""Numbers that stand beside those that apply."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import torch
from other import helper
model = torch.nn.Linear(2, 2)
{lines}
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for batch in loader():
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def decoys(reading: Reading, lines: str, other: str = "helper = 1\n") -> list[str]:
    recipe = reading(SCRIPT.format(lines=lines), {"other.py": other})
    assert (recipe["optimizer"].value, recipe["lr"].value) == ("adam", 0.01)
    return [str(one.place) for one in recipe.hazards if one.code == "decoy_values"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("# optimizer = torch.optim.SGD(model.parameters(), lr=0.1)", True),
        ("    # scheduler = StepLR(optimizer, step_size=20)", True),
        ("## torch.nn.utils.clip_grad_norm_(model.parameters(), 5.)", True),
        ("# get_linear_schedule_with_warmup(optimizer, 100, total)", True),
        ("# optimizer = torch.optim.SGD(model.parameters(), lr=lr, nesterov=True)", False),
        ("# lr = fluid.layers.piecewise_decay([9, 18], [base, base * 0.1])", True),
        ("# optimizer = SGD(model.parameters(),\n#                 lr=0.1)", True),
        ("# if epoch % 5 == 0:\n#     self.lr = lower(self.optimizer, self.lr)", True),
        ("# if epoch % 5 == 0:\n#     save(model)", False),
        ("# optimizer = SGD(model.parameters(),\nsteps = 5", False),
        ("# Adam (lr 0.1) was worse", False),
        ("# loss = CrossEntropyLoss(label_smoothing=0.1)", False),
        ("text = '# SGD(parameters, lr=0.1)'", False),
        ("spare = torch.optim.SGD(model.parameters(), lr=0.1)", True),
        ("spare = torch.optim.SGD(model.parameters(), lr=0.1); spare.step()", False),
        ("if helper: spare = torch.optim.SGD(model.parameters(), lr=helper)", False),
    ],
)
def test_a_call_with_numbers_that_does_not_apply(reading: Reading, lines: str, found: bool) -> None:
    lines = lines.strip()
    assert decoys(reading, lines) == (["train.py:5"] if found else [])


def test_a_comment_of_another_file_is_none(reading: Reading) -> None:
    other = "# optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nhelper = 1\n"
    assert decoys(reading, "pass", other) == []
