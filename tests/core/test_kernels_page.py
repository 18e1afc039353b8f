"""docs/kernels.md is what its command writes, and everything off has its remedy."""

from __future__ import annotations

from benchmarks.kernels.families import FAMILIES
from benchmarks.kernels.remedies import REMEDIES
from benchmarks.kernels.table import OFF, PAGE, page, stated

VERSIONS, TABLES = stated()


def test_the_text_is_that_of_the_command() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(VERSIONS, TABLES)


def test_every_case_is_told() -> None:
    for family, cases in FAMILIES.items():
        assert [case.name for case in cases] == [row[0] for row in TABLES[family][1:]]


def test_what_is_off_has_a_remedy_and_every_remedy_is_needed() -> None:
    told = {row[0]: row[-1] for row in TABLES[OFF][1:]}
    assert told == {case: REMEDIES.get(case) for case in told}
    assert told.keys() == REMEDIES.keys()
    for rows in (TABLES[family][1:] for family in FAMILIES):
        assert {row[0] for row in rows if any("off" in cell for cell in row[1:])} <= told.keys()


def test_what_dualtrain_does_itself_is_right() -> None:
    """But for the GRU, whose gradients Paddle makes NaN of."""
    ours = [row for rows in TABLES.values() for row in rows if "dualtrain" in row[0]]
    ours += [row for rows in TABLES.values() for row in rows if "cross_entropy_sum" in row[0]]
    assert len(ours) >= 10
    for case, *cells in ours:
        assert case == "GRU, dualtrain" or not any("**off" in cell for cell in cells)
