"""The lines that the three readers give to keys."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dualtrain.fields import Positions
from dualtrain.spec._json import read_json
from dualtrain.spec._toml import _scan, read_toml
from dualtrain.spec._yaml import read_yaml

TOML = '''\
# [not.a.table]
top = 1 # comment = 2
"quoted.key" = 'a # b'
'literal' = "c \\" ] = d"
dotted . "and quoted".x = 0.5
when = 2024-01-01 10:00:00
long = """
[no.table]
key = 1
"""
raw = \'\'\'
x = "
\'\'\'
quotes = """two: """""  # the first two of five are text
list = [ # comment ]
  [1, 2],
  { a = 1, b = [ 3,
    4 ] },
]

[table]
x = 1
[table.inner]
y = {at = 2024-01-01 10:00:00, z = 2}
[outer."in ner"]
[[many]]
x = 1
[[many]]
x = 2
'''

TOML_LINES = {
    (): 1,
    ("top",): 2,
    ("quoted.key",): 3,
    ("literal",): 4,
    ("dotted",): 5,
    ("dotted", "and quoted"): 5,
    ("dotted", "and quoted", "x"): 5,
    ("when",): 6,
    ("long",): 7,
    ("raw",): 11,
    ("quotes",): 14,
    ("list",): 15,
    ("list", 0): 16,
    ("list", 0, 0): 16,
    ("list", 0, 1): 16,
    ("list", 1): 17,
    ("list", 1, "a"): 17,
    ("list", 1, "b"): 17,
    ("list", 1, "b", 0): 17,
    ("list", 1, "b", 1): 18,
    ("table",): 21,
    ("table", "x"): 22,
    ("table", "inner"): 23,
    ("table", "inner", "y"): 24,
    ("table", "inner", "y", "at"): 24,
    ("table", "inner", "y", "z"): 24,
    ("outer",): 25,
    ("outer", "in ner"): 25,
    ("many",): 28,  # of several tables of one name, the last
    ("many", "x"): 29,
}


def test_toml() -> None:
    """Comments, texts over several lines, dates and nested values do not shift a line."""
    assert read_toml(TOML)[1].lines == TOML_LINES


def test_toml_with_windows_line_ends() -> None:
    assert read_toml(TOML.replace("\n", "\r\n"))[1].lines == TOML_LINES


def test_toml_1_1() -> None:
    """An inline table may go over several lines where the parser allows it."""
    assert _scan("a = {\n  b = 1,\n  c = 2,\n}\nd = 3\n").lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("d",): 5,
    }


# PyYAML takes keys of up to 1024 characters, and knows no surrogate pairs.
words = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=50)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(data=values, indent=st.sampled_from([None, 1, 3]))
def test_json_as_yaml(data: Any, indent: int | None) -> None:
    """JSON is YAML, so two independent readers find the same lines in it."""
    text = json.dumps(data, indent=indent)

    assert read_json(text)[1] == read_yaml(text)[1]


@given(data=values, indent=st.sampled_from([None, 1, "\t"]))
def test_json_data(data: Any, indent: int | str | None) -> None:
    """Tabs and any text are allowed; the data is what was written."""
    assert read_json(json.dumps(data, indent=indent))[0] == data


def test_a_repeated_key_forgets_what_stood_under_the_first() -> None:
    positions = Positions()
    for steps, line in [(("a",), 1), (("a", "x"), 2), (("b",), 3), (("a",), 4), (("a", "x"), 5)]:
        positions.add(steps, line)

    assert positions.lines == {(): 1, ("a",): 4, ("a", "x"): 5, ("b",): 3}
    assert positions.repeated == [(("a",), 4, 1)]
