"""What reading knows of libraries' schedules, against the libraries themselves."""

from __future__ import annotations

import ast
import inspect
import warnings
from pathlib import Path
from typing import Any

import paddle.optimizer.lr
import pytest
import torch.optim.lr_scheduler
import transformers.optimization as transformers

from dualtrain.recipes import read_recipe
from dualtrain.recipes.schedules._names import PADDLE, PADDLENLP, TORCH, TRANSFORMERS

with warnings.catch_warnings():  # its dependencies', on import
    warnings.simplefilter("ignore")
    import paddlenlp.transformers.optimization as paddlenlp

NATIVE: dict[str, tuple[Any, Any]] = {
    f"{library.__name__}.{name}": (table[name], getattr(library, name))
    for library, table in (
        (paddle.optimizer.lr, PADDLE),
        (paddlenlp, PADDLENLP),
        (torch.optim.lr_scheduler, TORCH),
        (transformers, TRANSFORMERS),
    )
    for name in table
    if hasattr(library, name)
}


def test_every_installed_library_is_compared() -> None:
    compared = {name.partition(".")[0] for name in NATIVE}
    assert compared == {"paddle", "paddlenlp", "torch", "transformers"}
    assert set(PADDLE) <= {name.rpartition(".")[2] for name in NATIVE}


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_parameters_and_defaults(name: str) -> None:
    known, native = NATIVE[name]
    made = native.__init__ if inspect.isclass(native) else native
    parameters = {
        one.name: one.default
        for one in inspect.signature(made).parameters.values()
        if one.name != "self" and one.kind is one.POSITIONAL_OR_KEYWORD
    }
    shared = list(parameters)[: len(known.parameters)]
    wanted = [one for one in known.parameters if one != "verbose" or one in parameters]
    assert shared == wanted
    for one in shared:
        default = parameters[one]
        assert (default is inspect.Parameter.empty) == (one not in known.defaults), one
        if one in known.defaults:
            assert known.defaults[one] == default, one


# A library's own code, read as if it were a script's

TORCH_LOOP = """
model, epochs = torch.nn.Linear(2, 2), 3
loader = torch.utils.data.DataLoader(data())
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
total = len(loader) * epochs
schedule = {schedule}
for epoch in range(epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        schedule.step()
"""

PADDLE_LOOP = """
model, epochs = paddle.nn.Linear(2, 2), 3
loader = paddle.io.DataLoader(data())
total = len(loader) * epochs
schedule = {schedule}
optimizer = paddle.optimizer.AdamW(schedule, parameters=model.parameters())
for epoch in range(epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        schedule.step()
"""

HEADS = {
    "transformers": "import math, torch\nfrom functools import partial\n"
    "from torch.optim.lr_scheduler import LambdaLR\n",
    "paddlenlp": "import math, paddle\nfrom paddle.optimizer.lr import LambdaDecay, LRScheduler\n",
}


def copied(library: Any) -> str:
    """A library's functions and classes of schedules, without what they import."""
    path = inspect.getsourcefile(library)
    assert path is not None
    source = Path(path).read_text(encoding="utf-8")
    kept = [
        ast.unparse(one)
        for one in ast.parse(source).body
        if isinstance(one, (ast.FunctionDef, ast.ClassDef))
    ]
    return "\n\n".join(kept)


FIELDS = ("schedule", "warmup", "warmup_unit", "num_cycles", "power", "end_lr", "length", "lr")


@pytest.mark.parametrize(
    "schedule",
    [
        "get_constant_schedule(optimizer)",
        "get_constant_schedule_with_warmup(optimizer, 100)",
        "get_linear_schedule_with_warmup(optimizer, 100, total)",
        "get_linear_schedule_with_warmup(optimizer, int(total * 0.1), total)",
        "get_cosine_schedule_with_warmup(optimizer, 0.1 * total, total)",
        "get_cosine_schedule_with_warmup(optimizer, 10, total, num_cycles=1.5)",
        "get_inverse_sqrt_schedule(optimizer, 1000)",
        "LinearDecayWithWarmup(1e-4, total, 0.1)",
        "LinearDecayWithWarmup(1e-4, total, 100)",
        "ConstScheduleWithWarmup(1e-4, 100)",
        "CosineDecayWithWarmup(1e-4, total, 0.1)",
        "CosineDecayWithWarmup(1e-4, total, 100, num_cycles=0.5)",
        "PolyDecayWithWarmup(1e-4, total, 100, power=2.0)",
        "CosineAnnealingWithWarmupDecay(1e-4, 1e-5, 100, 5000)",
        "LinearAnnealingWithWarmupDecay(1e-4, 1e-5, 100, 5000)",
    ],
)
def test_the_code_says_what_the_name_says(schedule: str, tmp_path: Path) -> None:
    name = schedule.partition("(")[0]
    library = transformers if name.startswith("get_") else paddlenlp
    package = library.__name__.partition(".")[0]
    loop = (TORCH_LOOP if package == "transformers" else PADDLE_LOOP).format(schedule=schedule)
    script = tmp_path / "train.py"
    script.write_text(HEADS[package] + copied(library) + loop, encoding="utf-8")
    by_code = read_recipe([script], root=tmp_path)
    by_name = tmp_path / "named.py"
    head = f"import paddle, torch\nfrom {package} import {name}\n".replace(
        "from paddlenlp", "from paddlenlp.transformers"
    )
    by_name.write_text(head + loop, encoding="utf-8")
    wanted = read_recipe([by_name], root=tmp_path)
    told = {one: by_code[one].value for one in FIELDS}
    assert told == {one: wanted[one].value for one in FIELDS}
