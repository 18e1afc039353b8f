"""The rates of a written script, as the script itself prints them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from dualtrain.porting._stated import NotStated
from dualtrain.porting._templates import template
from dualtrain.scripts import write_script
from dualtrain.spec import Spec

__all__ = ["written_rates"]

LONGEST = 200_000
"""Updates that are run, at most."""

OF_THE_MODEL = ("weight_decay", "lr_multipliers", "own_betas", "layer_decay", "freeze")
"""Words by which the model's parameters differ."""

LINE = re.compile(r"^update (\d+) lr (\S+) loss ")


def written_rates(spec: Spec, backend: str, micro_batches: int, updates: int) -> list[float]:
    """The rate of each update of a run of the written script, on a model of two numbers.

    What the model decides (decay, multipliers, frozen parameters) is left out: it moves no rate.
    Raises NotStated: the script does not come to its end.
    """
    if updates > LONGEST:
        raise NotStated(f"the run has {updates} updates; up to {LONGEST} are run here")
    said = spec.model_dump(exclude_unset=True)
    kept = {n: part for n, part in said.items() if n not in OF_THE_MODEL}
    kept |= {"device": "cpu", "task": None}
    text = write_script(Spec.model_validate(kept), backend, model="port_twin")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(text, encoding="utf-8")
        twin = template(f"{backend}_twin.py.jinja").render(count=micro_batches)
        (Path(folder) / "port_twin.py").write_text(twin, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "train.py"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    rates = [float(found[2]) for line in done.stdout.splitlines() if (found := LINE.match(line))]
    if done.returncode or not rates:
        last = (done.stderr.strip().splitlines() or ["no update"])[-1]
        raise NotStated(f"the written script does not run here: {last}")
    return rates
