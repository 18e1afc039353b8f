"""Any spec that is about its schedule, for Hypothesis: as the keywords of `Spec`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["NAMES", "parts"]

Parts = dict[str, Any]

factors = st.floats(0.01, 10)
below_one = st.floats(0.01, 0.99)
counts = st.integers(1, 60)
_epochs = st.fixed_dictionaries({"epochs": st.integers(1, 99)})


def _of(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Parts]:
    return st.fixed_dictionaries({"name": st.just(name), **fields})


_below = st.just(0.0) | below_one
"""A rate, at the base rate 1."""


def _ascending(most: int = 4) -> st.SearchStrategy[list[int]]:
    return st.lists(counts, min_size=1, max_size=most, unique=True).map(sorted)


def _piecewise() -> st.SearchStrategy[Parts]:
    return _ascending().flatmap(
        lambda boundaries: _of(
            "piecewise",
            boundaries=st.just(boundaries),
            values=st.lists(
                st.floats(0, 3), min_size=len(boundaries), max_size=len(boundaries)
            ).map(lambda rest: [1.0, *rest]),
        )
    )


def _stable_decay() -> st.SearchStrategy[Parts]:
    common: Parts = {"stable": st.none() | st.integers(0, 20), "decay": st.integers(1, 20)}
    common["min_lr"] = _below
    name = "warmup_stable_decay"
    return _of(name, **common, shape=st.sampled_from(["linear", "one_minus_sqrt"])) | _of(
        name, **common, shape=st.just("cosine"), half_waves=factors
    )


def _one_cycle() -> st.SearchStrategy[Parts]:
    ends: Parts = {"start_lr": _below, "end_lr": _below}
    ends["shape"] = st.sampled_from(["cosine", "linear"])
    return _of("one_cycle", **ends, rise=st.floats(0.1, 0.9)) | _of(
        "one_cycle", **ends, rise=st.floats(0.1, 0.49), three_phase=st.just(True)
    )


def _cyclic() -> st.SearchStrategy[Parts]:
    common: Parts = {"max_lr": st.floats(1.1, 9)}
    common |= {"up": counts, "down": counts}
    return _of("cyclic", **common, mode=st.sampled_from(["triangular", "triangular2"])) | _of(
        "cyclic",
        **common,
        mode=st.just("exp_range"),
        gamma=below_one,
        scale_per=st.sampled_from(["cycle", "update", None]),
    )


@st.composite
def _written_down(draw: st.DrawFn) -> Parts:
    at = draw(st.none() | _ascending())
    values = st.lists(st.floats(0, 3), min_size=1, max_size=5)
    if at is not None:
        at, values = [0, *at], st.lists(st.floats(0, 3), min_size=len(at) + 1, max_size=len(at) + 1)
    between = draw(st.sampled_from(["hold", "linear"]))
    return {"name": "table", "multipliers": draw(values), "at": at, "between": between}


_table: dict[str, st.SearchStrategy[Parts]] = {
    "constant": _of("constant"),
    "linear": _of("linear"),
    "cosine": _of("cosine", half_waves=factors),
    "cosine_with_restarts": _of("cosine_with_restarts", cycles=factors),
    "polynomial": _of("polynomial", power=factors, end_lr=_below, cycle=st.booleans()),
    "inverse_sqrt": _of("inverse_sqrt", timescale=st.integers(1, 1000)),
    "step": _of("step", every=counts, gamma=below_one),
    "multistep": _of("multistep", milestones=_ascending(), gamma=below_one),
    "piecewise": _piecewise(),
    "exponential": _of("exponential", gamma=below_one),
    "natural_exp": _of("natural_exp", gamma=factors),
    "inverse_time": _of("inverse_time", gamma=factors),
    "noam": _of("noam", d_model=st.integers(1, 4096), warmup_steps=counts),
    "cosine_with_min_lr": _of("cosine_with_min_lr", half_waves=factors, min_lr=_below),
    "linear_annealing": _of("linear_annealing", min_lr=_below),
    "cosine_annealing": _of("cosine_annealing", min_lr=_below),
    "warmup_stable_decay": _stable_decay(),
    "one_cycle": _one_cycle(),
    "cyclic": _cyclic(),
    "cosine_annealing_warm_restarts": _of(
        "cosine_annealing_warm_restarts",
        first=counts,
        multiplier=st.integers(1, 3),
        min_lr=_below,
    ),
    "table": _written_down(),
}
"""Name -> any schedule of that name, at the base rate 1; those that can be a phase."""

_any = st.one_of(*_table.values())
RATES = ("values", "min_lr", "start_lr", "end_lr", "max_lr")


def _at(lr: float, schedule: Parts) -> Parts:
    """The schedule at another base rate."""
    rates = {name: schedule[name] for name in RATES if name in schedule}
    return schedule | {
        name: [lr * one for one in rate] if isinstance(rate, list) else lr * rate
        for name, rate in rates.items()
    }


NAMES = (*_table, "sequential", "product")
"""Every schedule whose rate follows from the clock alone."""


@st.composite
def _sequences(draw: st.DrawFn, lr: float) -> Parts:
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
    phases = [{"schedule": _at(lr, draw(_any)), "updates": length} for length in lengths]
    own = draw(st.none() | st.floats(0.1, 10).map(lambda times: lr * times))
    last = _at(lr if own is None else own, draw(_any))
    return {"name": "sequential", "phases": [*phases, {"schedule": last, "lr": own}]}


@st.composite
def _products(draw: st.DrawFn, lr: float, per: str) -> Parts:
    schedules = draw(st.lists(_any, min_size=2, max_size=3))
    return {"name": "product", "schedules": [{**_at(lr, one), "per": per} for one in schedules]}


_rounding = st.sampled_from(["floor", "ceil", "round"])
_lengths = (
    st.fixed_dictionaries({"steps": st.integers(0, 60)})
    | st.fixed_dictionaries({"updates": st.integers(0, 60)})
    | st.fixed_dictionaries({"epochs": st.integers(0, 9)})
    | st.fixed_dictionaries({"proportion": st.floats(0, 0.99), "rounding": _rounding})
)


@st.composite
def _warmups(draw: st.DrawFn) -> Parts:
    return {
        **draw(_lengths),
        "start": draw(st.just(0.0) | below_one),
        "shape": draw(st.sampled_from(["linear", "cosine", "one_minus_sqrt"])),
        "counted": draw(st.sampled_from(["inside", "before", "over", "times"])),
    }


@st.composite
def parts(draw: st.DrawFn, names: tuple[str, ...] = NAMES, updates: int = 200) -> Parts:
    """The keywords of any spec with a schedule of these names. It need not fit its sizes."""
    lr = draw(st.floats(1e-9, 1e3))
    name = draw(st.sampled_from(names))
    per = draw(st.sampled_from(["update", "epoch"]))
    if name == "sequential":
        schedule = draw(_sequences(lr))
    else:
        schedule = draw(_products(lr, per)) if name == "product" else _at(lr, draw(_table[name]))
    first = [phase["schedule"] for phase in schedule.get("phases", [])[:1]]
    alone = [schedule, *first, *schedule.get("schedules", [])]
    rises_alone = any(one["name"] in ("noam", "one_cycle") for one in alone)
    return {
        "optimizer": {"name": "adamw", "lr": lr},
        "schedule": {**schedule, "per": per},
        "duration": {"updates": draw(st.integers(1, updates))},
        "warmup": None if rises_alone else draw(st.none() | _warmups()),
        "horizon": draw(st.none() | st.integers(1, updates + 100) | _epochs),
        "shift": draw(st.just(0) | st.integers(-9, 9)),
    }
