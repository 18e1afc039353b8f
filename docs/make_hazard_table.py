"""Write the table of hazards into docs/port.md, from `dualtrain.recipes.HAZARDS`.

python -m docs.make_hazard_table
"""

from __future__ import annotations

from pathlib import Path

from dualtrain.recipes import HAZARDS

PAGE = Path(__file__).with_name("port.md")
BEGIN = "<!-- Written by python -m docs.make_hazard_table; do not edit the table. -->\n"
END = "<!-- End of the table. -->\n"


def table() -> str:
    """A row for each code."""
    rows = [
        f"| `{code}` | {one.what} | {one.effect} | {f'`{one.mends}`' if one.mends else ''} |\n"
        for code, one in HAZARDS.items()
    ]
    return "| code | what it is | what it does | mended by |\n|---|---|---|---|\n" + "".join(rows)


def page() -> str:
    """The page with its table as it should be."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
