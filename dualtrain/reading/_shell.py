"""The commands that a shell script would run, in order; none is run.

Loops over words are gone through word by word, both sides of a condition are read, and a variable
that they set differently is unknown after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dualtrain.reading._launchers import started
from dualtrain.reading._shell_tests import known, matches, truth
from dualtrain.reading._shell_text import PLACEHOLDER, Token, tokens
from dualtrain.reading._shell_words import Scope, Word, expand

__all__ = ["Opens", "Shell", "Simple", "run"]

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_CHANGED = re.compile(r"\b([A-Za-z_]\w*)\s*(?:[-+*/%]?=(?!=)|\+\+|--)|(?:\+\+|--)\s*([A-Za-z_]\w*)")
_DECLARING = frozenset({"export", "local", "declare", "typeset", "readonly"})
_REDIRECTION = re.compile(r"\d*[<>][<>&|]*|&>>?")
_BRANCHES = ("elif", "else", "fi")
_MOST = 2000
_DEEPEST = 40
_LONGEST = 30_000
_NESTED = 5
_EXPANSION = re.compile(r"\$\{[^}]*\}")
_SPREAD = re.compile(r"(?<!\\)[*?]|\{.*(?:,|\.\.).*\}|\[.+\]")


@dataclass(frozen=True, slots=True)
class Simple:
    """One command with what stands before it."""

    words: tuple[Word, ...]
    line: int
    environment: dict[str, Word]
    folder: str
    """Where `cd` has led, from where the script begins."""
    when: str
    """The condition that it stands under; empty where it always runs."""
    notes: list[str]
    file: str
    """Where it stands; empty in the first script."""


def run(
    text: str, line: int = 1, arguments: Sequence[str] | None = None, shell: Shell | None = None
) -> Shell:
    """A shell after the script of this text, which begins on `line`; `shell` is what ran before."""
    shell = shell or Shell()
    if arguments is not None:
        shell.scope.arguments = [Word(word, 0) for word in arguments]
    shell.read(list(tokens(text, line)))
    return shell


Opens = Callable[[str], "tuple[str, str] | None"]
"""A script by its path: its text, and its name in places; None where there is none to follow."""


@dataclass(slots=True)
class Shell:
    """What is set, and the commands so far."""

    scope: Scope = field(default_factory=Scope)
    opens: Opens | None = None
    """Gives the scripts that this one starts; None: they are not followed."""
    pasted: bool = False
    """Whether it is a page's block, in which a line of flags belongs to the command before it."""
    files: tuple[str, ...] = ("",)
    """The script, behind those that it was started by."""
    commands: list[Simple] = field(default_factory=list)
    _exported: set[str] = field(default_factory=set)
    _folder: str = ""
    _tokens: list[Token] = field(default_factory=list)
    _at: int = 0
    _live: bool = True
    _when: list[str] = field(default_factory=list)
    _functions: dict[str, int] = field(default_factory=dict)
    _depth: int = 0
    _steps: int = 0

    def read(self, found: list[Token]) -> None:
        """Go through a script."""
        self._tokens, self._at = found, 0
        self._functions.clear()
        while self._at < len(found):
            self._block()
            self._at += 1  # an end that nothing began

    def follow(self, path: str, arguments: list[Word] | None) -> None:
        """The script at a path, started with these arguments; None: sourced."""
        found = self.opens(f"{self._folder}/{path}".lstrip("/")) if self.opens else None
        if found is None or found[1] in self.files or len(self.files) > _NESTED:
            return
        text, file = found
        self.scope.leaves(self.files[-1])
        inner = Shell(self.scope, self.opens, files=(*self.files, file))
        if arguments is not None:
            exported = {name: self.scope.variables.get(name, []) for name in self._exported}
            inner.scope = Scope({name: one for name, one in exported.items() if one}, arguments)
            inner.scope.leaves(self.files[-1])
        inner.commands, inner._steps = self.commands, self._steps
        inner._folder, inner._when, inner._exported = self._folder, self._when, self._exported
        inner.read(list(tokens(text)))
        inner.scope.leaves(file)
        self._steps = inner._steps

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].text if at < len(self._tokens) else ""

    def _block(self, *ends: str) -> str:
        """Go on to one of these ends, or to any where none is given; which it is."""
        stop = ends or ("then", "do", "done", "fi", "elif", "else", "esac", "}", ")", ";;")
        while self._at < len(self._tokens) and self._peek() not in stop:
            self._statement()
        end = self._peek()
        if ends:
            self._at += 1
        return end

    def _statement(self) -> None:
        word = self._peek()
        compound: dict[str, Callable[[], None]] = {
            "if": self._if,
            "for": self._for,
            "select": self._for,
            "while": self._while,
            "until": self._while,
            "case": self._case,
            "function": self._function,
        }
        self._depth += 1
        self._steps += 1
        if self._depth > _DEEPEST or self._steps > _LONGEST or len(self.commands) > _MOST:
            self._stop()
        elif word in ("{", "("):
            self._at += 1
            self._block("}" if word == "{" else ")")
        elif word in compound:
            compound[word]()
        elif self._tokens[self._at].operator and not _REDIRECTION.fullmatch(word):
            if word.startswith("(("):
                self._forget(word)
            self._at += 1
        elif self._peek(1) == "(" and self._peek(2) == ")":
            self._function()
        else:
            self._simple()
        self._depth -= 1

    def _stop(self) -> None:
        """Read no further; the last command says so."""
        note = f"line {self._tokens[self._at].line}: too long or too deep to be read on from here"
        self._at = len(self._tokens)
        if self.commands and note not in self.commands[-1].notes:
            self.commands[-1].notes.append(note)

    def _merge(self, sides: Sequence[dict[str, list[Word]]], why: str) -> None:
        for name in sorted({name for side in sides for name in side}):
            values = [side.get(name) for side in sides]
            if any(_texts(value) != _texts(values[0]) for value in values):
                self._lose(name, why)
            elif values[0] is not None:
                self.scope.variables[name] = values[0]

    def _lose(self, name: str, why: str) -> None:
        line = self._tokens[min(self._at, len(self._tokens) - 1)].line
        self.scope.variables[name] = [Word(f"${name}", line, f"the variable {name} {why}")]

    def _forget(self, arithmetic: str) -> None:
        if self._live:
            for one, other in _CHANGED.findall(arithmetic):
                self._lose(one or other, "is counted with")

    def _condition(self, end: str) -> tuple[bool | None, str]:
        """Whether it holds, where that is known, and its text."""
        start = self._at
        self._block(end)
        found = self._tokens[start : self._at - 1]
        text = " ".join(token.text for token in found).replace("\n", " ").strip(" ;")
        return truth(found, self.scope), text

    def _if(self) -> None:
        self._at += 1
        sides, end, decided, unsure = list[dict[str, list[Word]]](), "", False, ""
        while end != "fi" and self._at < len(self._tokens):
            holds, text = (True, "") if end == "else" else self._condition("then")
            when = text if holds is None else f"not {unsure}" if unsure else ""
            after, end = self._side(when, holds, decided, _BRANCHES)
            if holds is not False and not decided:
                sides.append(after)
            decided = decided or holds is True
            unsure = unsure or (text if holds is None else "")
        if not decided:
            sides.append(dict(self.scope.variables))
        self._merge(sides, f"depends on {unsure}")

    def _side(
        self, condition: str, holds: bool | None, decided: bool, ends: Sequence[str]
    ) -> tuple[dict[str, list[Word]], str]:
        """What a branch sets, and how it ends; one that is not taken is passed over."""
        before, live = dict(self.scope.variables), self._live
        self._live = live and holds is not False and not decided
        if condition:
            self._when.append(condition)
        end = self._block(*ends)
        if condition:
            self._when.pop()
        after, self.scope.variables, self._live = self.scope.variables, before, live
        return after, end

    def _for(self) -> None:
        self._at += 1
        name, line = self._peek(), self._tokens[min(self._at, len(self._tokens) - 1)].line
        self._at += 1
        values = list[Word]()
        listed = self._peek() == "in"
        while self._at < len(self._tokens) and self._peek() != "do":
            token = self._tokens[self._at]
            if listed and not token.operator and token.text != "in":
                values += self._loop_words(token)
            self._at += 1
        self._at += 1
        unknown = Word(f"${name}", line, f"a loop sets {name}")
        if not listed:
            values = [unknown]
        start, live = self._at, self._live
        self._live = live and bool(values)
        for value in values or [unknown]:
            self._at = start
            if re.fullmatch(r"\w+", name) and self._live:
                self.scope.variables[name] = [value]
            self._block("done")
            if len(self.commands) > _MOST:
                break
        self._live = live

    def _loop_words(self, token: Token) -> list[Word]:
        words = expand(token.text, token.line, self.scope)
        bare = _EXPANSION.sub("", token.text)
        spread = not bare.startswith(("'", '"')) and _SPREAD.search(bare)
        why = f"a loop goes over {token.text}"
        return [Word(one.text, one.line, one.unknown or why) if spread else one for one in words]

    def _while(self) -> None:
        start, live = self._at + 1, self._live
        before = dict(self.scope.variables)
        for second in (False, True):  # the first time shows what the body changes
            self._at, count = start, len(self.commands)
            self._condition("do")
            self._block("done")
            if not second:
                del self.commands[count:]
                self._merge([before, dict(self.scope.variables)], "changes in a loop")
        self._live = live

    def _case(self) -> None:
        subject, decided = self._peek(1), False
        text = known(subject, self.scope)
        while self._at < len(self._tokens) and self._peek() != "in":
            self._at += 1
        self._at += 1
        sides, end = list[dict[str, list[Word]]](), ""
        while end != "esac" and self._at < len(self._tokens):
            while self._peek() in ("\n", "("):
                self._at += 1
            start = self._at
            while self._at < len(self._tokens) and self._peek() not in (")", "esac"):
                self._at += 1
            pattern = "".join(token.text for token in self._tokens[start : self._at])
            end = self._peek()
            self._at += 1
            if end == ")":
                holds = None if text is None else matches(text, pattern)
                when = "" if holds else f"{subject} is {pattern}"
                after, end = self._side(when, holds, decided, (";;", ";&", ";;&", "esac"))
                if holds is not False and not decided:
                    sides.append(after)
                decided = decided or holds is True
        if not decided:
            sides.append(dict(self.scope.variables))
        self._merge(sides, f"depends on {subject}")

    def _function(self) -> None:
        self._at += self._peek() == "function"
        name = self._peek()
        self._at += 1
        while self._peek() in ("(", ")", "\n"):
            self._at += 1
        self._functions[name] = self._at
        live, self._live = self._live, False
        if self._at < len(self._tokens):
            self._statement()
        self._live = live

    def _call(self, name: str, words: list[Word]) -> None:
        at, arguments = self._at, self.scope.arguments
        self._at, self.scope.arguments = self._functions[name], words
        self._statement()
        self._at, self.scope.arguments = at, arguments

    def _simple(self) -> None:
        line, words = self._tokens[self._at].line, list[Word]()
        environment, notes = dict[str, Word](), list[str]()
        before = dict(self.scope.variables)
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.operator and token.text == "\\":
                notes.append(f"line {token.line}: a blank after the backslash; read on, as meant")
            elif token.operator and _REDIRECTION.fullmatch(token.text):
                self._at += 1  # the file, or the number, that follows
            elif token.operator:
                break
            elif (found := _ASSIGNMENT.fullmatch(token.text)) and (
                not words or words[0].text in _DECLARING
            ):
                value = self._assigned(found, token.line)
                environment[found[1]] = value[0] if value else Word("", token.line)
                if words and words[0].text == "export":
                    self._exported.add(found[1])
            else:
                if environment and not words:  # what stands before a command is set for it alone
                    self.scope.variables = before
                words += self._words(token, notes)
            self._at += 1
        if self._live:
            self._done(words, line, environment, notes)

    def _words(self, token: Token, notes: list[str]) -> list[Word]:
        passed = token.text.strip("\"'") in ("$@", "$*", "${@}", "${*}", "${@:1}", "${@:2}")
        more = token.text in ("...", "…")
        if more or (passed and (self.scope.arguments is None or ":" in token.text)):
            notes.append(f"line {token.line}: further arguments are passed on: {token.text}")
            return []
        words = expand(token.text, token.line, self.scope)
        if not token.text.startswith(("'", '"')) and (found := PLACEHOLDER.search(token.text)):
            why = f"{found[0]} stands for what a user has"
            return [replace(word, unknown=word.unknown or why) for word in words]
        return words

    def _assigned(self, found: re.Match[str], line: int) -> list[Word]:
        """The value of an assignment, which is set from here on; of an array, its words."""
        name, more, raw = found.groups()
        if raw.startswith("("):
            inner = tokens(raw[1:].removesuffix(")"), line)
            value = [
                word
                for token in inner
                if not token.operator
                for word in expand(token.text, token.line, self.scope)
            ]
        else:
            parts = expand(f'"{raw}"' if _bare(raw) else raw, line, self.scope)
            unknown = next((word.unknown for word in parts if word.unknown), "")
            where = parts[0].line if len(parts) == 1 else line
            value = [Word(" ".join(word.text for word in parts), where, unknown)]
        if more:
            old = self.scope.variables.get(name, [Word("", line)])
            value = (
                [*old, *value]
                if raw.startswith("(")
                else [Word(old[0].text + value[0].text, line, old[0].unknown or value[0].unknown)]
            )
        if self._live:
            self.scope.variables[name] = value
        return value

    def _done(
        self, words: list[Word], line: int, environment: dict[str, Word], notes: list[str]
    ) -> None:
        name = words[0].text if words else ""
        if name == "export":
            self._exported |= {word.text for word in words[1:]}
        if not words or name in _DECLARING:
            return
        if name in self._functions:
            self._call(name, words[1:])
        elif name in ("source", "."):
            if len(words) > 1 and not words[1].unknown:
                self.follow(words[1].text, None)
        elif name in ("read", "unset", "let", "getopts"):
            for word in words[1:]:
                self._forget(word.text)
                if name == "read" and re.fullmatch(r"\w+", word.text):
                    self._lose(word.text, "is read while the script runs")
                if name == "unset":
                    self.scope.variables.pop(word.text, None)
        elif name == "shift":
            self.scope.arguments = self.scope.arguments and self.scope.arguments[1:]
        elif name == "cd" and len(words) > 1:
            self._folder = f"{self._folder}/{words[1].text}".lstrip("/")
        elif name == "exit" and not self._when and self._depth == 1:
            self._at = len(self._tokens)
        elif name.startswith("-") and self.commands and self._goes_on(line):
            last = self.commands[-1]
            last.notes.append(f"line {line}: {name} begins a line; read on, as meant")
            self.commands[-1] = replace(last, words=(*last.words, *words))
        elif name.startswith("-") and self.commands:
            self.commands[-1].notes.append(
                f"line {line}: {name} begins a line; the shell ends the command before it"
            )
        else:
            exported = {
                name: self.scope.variables[name][0]
                for name in sorted(self._exported)
                if self.scope.variables.get(name)
            }
            when = " and ".join(self._when)
            given, file = exported | environment, self.files[-1]
            self.commands.append(Simple(tuple(words), line, given, self._folder, when, notes, file))
            self._start(words, environment)

    def _start(self, words: list[Word], environment: dict[str, Word]) -> None:
        """Follow a script of a shell that a command starts."""
        at, module = started([word.text for word in words]) or (0, True)
        if module or not words[at].text.endswith(".sh") or words[at].unknown:
            return
        before = {name: self.scope.variables.get(name) for name in environment}
        exported = set(self._exported)
        self.scope.variables |= {name: [one] for name, one in environment.items()}
        self._exported |= set(environment)
        self.follow(words[at].text, words[at + 1 :])
        self._exported = exported
        for name, old in before.items():
            self.scope.variables.pop(name)
            if old is not None:
                self.scope.variables[name] = old

    def _goes_on(self, line: int) -> bool:
        """Whether a line that begins with a flag belongs to the command on the one before."""
        return self.pasted and self.commands[-1].words[-1].line == line - 1


def _bare(raw: str) -> bool:
    return not any(one in raw for one in "'\"\\")


def _texts(value: list[Word] | None) -> list[str] | None:
    return None if value is None else [word.text for word in value]
