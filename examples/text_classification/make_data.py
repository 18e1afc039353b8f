"""Make the example's data: paragraphs of Python's documentation, and the subject each is about.

The text comes with Python itself (`pydoc_data.topics`, what `help("with")` prints), so this needs
neither a download nor a package. A paragraph's class is the subject of the chapter its topic is
from. The same Python version makes the same files; versions differ by some paragraphs.

    python make_data.py        writes data/train.csv and data/eval.csv next to this file
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydoc_data.topics import topics

SUBJECTS = {
    "statements": """
        assert assignment augassign break class compound continue del else for function global if
        import nonlocal pass raise return try while with""",
    "special methods": """
        attribute-access callable-types customization numeric-types sequence-types specialnames""",
    "strings": "formatstrings string-methods strings",
    "containers": "dict typesmapping typesseq typesseq-mutable",
    "debugger": "debugger",
}
"""Subject -> its topics. Topics that are about several subjects are left out."""

SHORTEST = 60
"""Characters; a shorter paragraph is a heading or a signature and goes with the one after it."""

SEED = "0"
EVAL_PERCENT = 18


def paragraphs(topic: str) -> Iterator[tuple[str, str]]:
    """(heading or "", paragraph) of each paragraph of prose, white space collapsed."""
    heading = ""
    for block in topics[topic].split("\n\n"):
        lines = [line for line in block.splitlines() if any(map(str.isalnum, line))]
        paragraph = " ".join(" ".join(lines).split())
        if len(paragraph) < SHORTEST:
            heading = paragraph
            continue
        if sum(map(str.isalpha, paragraph)) > len(paragraph) / 2:  # not code
            yield heading, paragraph
        heading = ""


def collect() -> dict[str, tuple[str, str]]:
    """Paragraph -> (text, subject), each paragraph once; without those that two subjects share."""
    found: dict[str, tuple[str, str]] = {}
    shared = set()
    for subject, names in SUBJECTS.items():
        for topic in names.split():
            for heading, paragraph in paragraphs(topic):
                text = f"{heading} {paragraph}".strip()
                if found.setdefault(paragraph, (text, subject))[1] != subject:
                    shared.add(paragraph)
    return {paragraph: row for paragraph, row in found.items() if paragraph not in shared}


def is_held_out(paragraph: str) -> bool:
    """A coin thrown by the paragraph itself, so that other paragraphs cannot change it."""
    return int(hashlib.sha256(f"{SEED} {paragraph}".encode()).hexdigest(), 16) % 100 < EVAL_PERCENT


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    """Write a split and print what is in it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    counts = Counter(subject for _, subject in rows)
    print(f"{path.name}: {len(rows)} paragraphs")
    for subject in SUBJECTS:
        print(f"    {counts[subject]:4}  {subject}")
    print(f"    largest class: {max(counts.values()) / len(rows):.1%}")


def main() -> None:
    """Write both splits."""
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    rows = collect()
    for name, held_out in (("train.csv", False), ("eval.csv", True)):
        write(folder / name, [row for p, row in rows.items() if is_held_out(p) == held_out])


if __name__ == "__main__":
    main()
