"""A loop as it is read, against the same loop as it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualtrain.reading import read_program
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import see
from dualtrain.recipes.loops._amp import amp_part
from dualtrain.recipes.loops._batches import batches_part
from dualtrain.recipes.loops._loop import loop_part
from tests.core.recipes.conftest import Reading
from tests.core.recipes.recorder import BATCHES, Run, run_script

HEAD = """
import argparse
import torch
from tqdm import tqdm
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default={epochs})
parser.add_argument("--accum", type=int, default={accum})
parser.add_argument("--batch_size", type=int, default={batch})
parser.add_argument("--max_steps", type=int, default={max_steps})
parser.add_argument("--seed", type=int, default=7)
args = parser.parse_args()
torch.manual_seed(args.seed)
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
scheduler = StepLR(optimizer, step_size=3)
loader = DataLoader(range(70), batch_size=args.batch_size, shuffle=True)
"""

EPOCHS = {
    "range": "for epoch in range(args.epochs):",
    "from one": "for epoch in range(1, args.epochs + 1):",
    "while": "epoch = 0\nwhile epoch < args.epochs:\n    epoch += 1",
}
COUNTS = {
    "zero": ("", "for step, batch in enumerate(loader):", "", "step"),
    "one": ("", "for step, batch in enumerate(loader, start=1):", "", "step"),
    "own": ("    seen = 0", "for batch in loader:", "        seen += 1", "seen"),
    "own late": ("    seen = 0", "for batch in loader:", "", "seen"),
}
GATES = {
    "none": None,
    "plain": "{count} % args.accum == 0",
    "plus": "({count} + 1) % args.accum == 0",
    "not": "not ({count} + 1) % args.accum",
    "minus": "{count} % args.accum == args.accum - 1",
    "last": "({count} + 1) % args.accum == 0 or {count} + 1 == len(loader)",
}


def _indented(body: str, by: str = "    ") -> str:
    return "\n".join(by + line for line in body.splitlines())


AROUND: dict[str, Callable[[str], str]] = {
    "module": lambda body: body,
    "tqdm": lambda body: body,
    "function": lambda body: f"def train():\n{_indented(body)}\n\n\ntrain()",
    "guard": lambda body: (
        f"def main(args):\n{_indented(body)}\n\n\nif __name__ == '__main__':\n    main(args)"
    ),
    "method": lambda body: (
        f"class Trainer:\n    def run(self):\n{_indented(body, '        ')}\n\n\nTrainer().run()"
    ),
}
LOADERS = {"tqdm": "in tqdm(loader):"}


@dataclass(frozen=True)
class Choice:
    """A loop, word by word."""

    epochs: str
    count: str
    gate: str
    schedule: str
    clip: str
    divides: bool
    clears: bool
    accum: int
    number: int
    batch: int
    around: str
    limit: int

    @property
    def text(self) -> str:
        """The script."""
        before, loop, after, count = COUNTS[self.count]
        lines = [EPOCHS[self.epochs], *([before] if before else [])]
        if self.clears:
            lines.append("    optimizer.zero_grad()")
        lines += [f"    {loop}", *([after] if after else []), "        loss = model(batch).mean()"]
        if self.divides:
            lines.append("        loss = loss / args.accum")
        lines.append("        loss.backward()")
        clip = "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"
        if self.clip == "each":
            lines.append(f"        {clip}")
        gate, deep = GATES[self.gate], "        "
        if gate is not None:
            lines.append(f"        if {gate.format(count=count)}:")
            deep = "            "
        if self.clip == "update":
            lines.append(deep + clip)
        if self.schedule == "before":
            lines.append(f"{deep}scheduler.step()")
        lines += [f"{deep}optimizer.step()", f"{deep}optimizer.zero_grad()"]
        if self.schedule == "update":
            lines.append(f"{deep}scheduler.step()")
        if self.schedule == "batch":
            lines.append("        scheduler.step()")
        if self.count == "own late":
            lines.append("        seen += 1")
        if self.stops:
            lines += ["        total += 1", "        if total >= args.max_steps > 0:"]
            lines.append("            done = True")
            lines.append("            break")
        if self.schedule == "epoch":
            lines.append("    scheduler.step()")
        if self.stops:
            lines = ["total = 0", "done = False", *lines, "    if done:", "        break"]
        head = HEAD.format(
            epochs=self.number, accum=self.accum, batch=self.batch, max_steps=self.limit
        )
        body = "\n".join(lines).replace("in loader:", LOADERS.get(self.around, "in loader:"))
        return head + AROUND[self.around](body) + "\n"

    @property
    def stops(self) -> bool:
        """Whether a limit of steps ends it."""
        return self.limit != -1


CHOICES = st.builds(
    Choice,
    st.sampled_from(list(EPOCHS)),
    st.sampled_from(list(COUNTS)),
    st.sampled_from(list(GATES)),
    st.sampled_from(["never", "before", "update", "batch", "epoch"]),
    st.sampled_from(["none", "each", "update"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 2, 3]),
    st.integers(2, 4),
    st.integers(1, 9),
    st.sampled_from(list(AROUND)),
    st.sampled_from([-1, 4, 1000]),
)


def read(text: str, folder: Path) -> tuple[dict[str, Found], set[str]]:
    """Fields and hazards of a script's loop."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "train.py"
    script.write_text(text)
    seen = see(read_program(script, folder))
    fields: dict[str, Found] = {}
    codes: set[str] = set()
    for part in (loop_part(seen), batches_part(seen), amp_part(seen)):
        fields |= part.fields
        codes |= {one.code for one in part.hazards}
    return fields, codes


def value(fields: dict[str, Found], name: str) -> object:
    found = fields.get(name)
    return None if found is None else found.value


@given(CHOICES)
@settings(max_examples=150, deadline=None)
def test_loops_are_read_as_they_run(tmp_path_factory: pytest.TempPathFactory, one: Choice) -> None:
    run = run_script(one.text)
    fields, codes = read(one.text, tmp_path_factory.mktemp("loop"))
    gated = one.gate != "none"
    if one.limit != 4:
        assert value(fields, "epochs") == run.count("epoch")
    assert value(fields, "max_steps") == (one.limit if one.stops else None)
    assert value(fields, "batch_size") == dict(e for e in run.events if len(e) == 2)["batch_size"]
    assert value(fields, "seed") == 7
    sizes = [len(group) for group in run.groups]
    assert value(fields, "accumulate") == (one.accum if gated else 1)
    _check_schedule(one, run, value(fields, "scheduler_step"), gated)
    assert ("sched_before_optimizer" in codes) is (one.schedule == "before")
    assert ("sched_never_stepped" in codes) is (one.schedule == "never")
    if not gated:
        assert not codes & {"accum_off_by_one", "accum_tail_leaks", "accum_loss_not_divided"}
        return
    if one.accum > 1:
        assert ("accum_off_by_one" in codes) is (sizes[0] != one.accum)
        second = next((g for g in run.groups if any(epoch == 2 for epoch, _ in g)), [])
        mixed = len({epoch for epoch, _ in second}) > 1
        if one.limit == 4:
            return
        left = BATCHES % one.accum
        if mixed:
            assert "accum_tail_leaks" in codes
        elif left and "accum_off_by_one" not in codes:
            assert "accum_tail_leaks" not in codes
    assert ("accum_loss_not_divided" in codes) is not one.divides
    assert ("accum_clip_each_micro_batch" in codes) is (one.clip == "each")


def _check_schedule(one: Choice, run: Run, said: object, gated: bool) -> None:
    moved, updates = run.count("schedule"), run.count("step")
    if one.schedule == "never":
        assert said == "never" and moved == 0
    elif one.schedule == "epoch":
        assert said == "per_epoch" and moved == run.count("epoch")
    elif one.schedule == "batch":
        assert said == "per_batch" and moved == run.count("backward")
    else:
        assert said == ("per_update" if gated else "per_batch") and moved == updates


UNSEEN = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 100)
loader = torch.utils.data.DataLoader(data(), batch_size=8)
every = number()
for step, batch in enumerate(loader):
    model(batch).backward()
    {test}:
        scheduler.step()
        update()
"""


@pytest.mark.parametrize(
    ("test", "wanted"), [("if (step + 1) % every == 0", None), ("if True", "per_batch")]
)
def test_a_schedule_that_a_count_holds_back_beside_no_update_seen(
    reading: Reading, test: str, wanted: str | None
) -> None:
    stepped = reading(UNSEEN.format(test=test))["scheduler_step"]

    assert stepped.value == wanted
    assert (stepped.certainty == "unknown") is (wanted is None)
