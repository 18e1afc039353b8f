"""What a planted fault is: one text for another in one file, and what that breaks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Area", "Mutant"]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault."""

    name: str
    breaks: str
    """What a run or a verdict does wrong with it, in a few words."""
    file: str
    """Relative to the repository."""
    old: str
    """Stands in the file exactly once."""
    new: str
    survives: str = ""
    """Why no test can find it; empty of all that a test must find."""

    def planted(self, text: str) -> str:
        """The file's text with the fault. Raises `ValueError` unless `old` is there once."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(
                f"{self.name}: the old text must stand once in {self.file}. Received: {count} times"
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True, kw_only=True)
class Area:
    """The faults of one part of the project."""

    name: str
    mutants: tuple[Mutant, ...]
