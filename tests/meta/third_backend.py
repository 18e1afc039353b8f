"""A backend from outside, written into a folder: a package and its entry point, nothing else.

Its framework, `thirdframe`, has a model, an optimizer and a schedule of its own. They hold torch's
inside, which nobody sees: no class of theirs is torch's. Of dualtrain the backend knows the
entry-point group and the verbs of `dualtrain.backend`; what is the same everywhere it gets there.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["NAME", "write_backend"]

NAME = "thirdframe"

FRAMEWORK = '''
"""A framework: everything it makes holds something of torch's."""

class Held:
    def __init__(self, inner):
        self.__dict__["inner"] = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __setattr__(self, name, value):
        setattr(self.inner, name, value)

class Model(Held):
    def __call__(self, *arguments, **named):
        return self.inner(*arguments, **named)

class Optimizer(Held):
    pass

class Schedule(Held):
    pass

def opened(value):
    return value.inner if isinstance(value, Held) else value
'''

BACKEND = '''
"""The verbs, each done by torch's backend with what the framework's objects hold."""

import sys

from dualtrain.backend import Backend, SharedVerbs, Verbs
from thirdframe import Held, Model, Optimizer, Schedule, opened

import dualtrain_torch

NAME = "thirdframe"
AMP_DEVICES = dualtrain_torch.AMP_DEVICES
batch_norms = dualtrain_torch.batch_norms

MADE = {
    "build_model": Model,
    "build_linear": Model,
    "build_optimizer": Optimizer,
    "build_schedule": Schedule,
    "widened": Model,
}

def verb(name):
    theirs = getattr(dualtrain_torch, name)

    def ours(*arguments, **named):
        made = theirs(*map(opened, arguments), **{k: opened(v) for k, v in named.items()})
        return MADE[name](made) if name in MADE else made

    return ours

for name, declared in {**vars(Backend), **vars(Verbs)}.items():
    if callable(declared) and not name.startswith("_"):
        globals()[name] = verb(name)

def place(model, device):
    opened(model).to(device)
    return model

shared = SharedVerbs(sys.modules[__name__])
globals().update((n, getattr(shared, n)) for n in vars(SharedVerbs) if not n.startswith("_"))
'''

ENTRY_POINTS = """\
[dualtrain.backends]
thirdframe = thirdframe_backend
"""

METADATA = """\
Metadata-Version: 2.1
Name: thirdframe
Version: 1.0
"""


def write_backend(folder: Path, *, without: str | None = None) -> None:
    """Install it into a folder that is to be on the path; without one of its verbs, if named."""
    backend = BACKEND + (f"\ndel {without}\n" if without else "")
    (folder / "thirdframe.py").write_text(FRAMEWORK, encoding="utf-8")
    (folder / "thirdframe_backend.py").write_text(backend, encoding="utf-8")
    installed = folder / "thirdframe-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(METADATA, encoding="utf-8")
    (installed / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
