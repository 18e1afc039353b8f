"""Data files: what is read from good ones, and what a user reads when one is bad."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from dualtrain.errors import DataError
from dualtrain.tasks.text_classification._texts import Texts, read_texts


def read(name: str, content: str | bytes) -> Texts:
    """The table of a file `name` in the current folder, with columns `text` and `label`."""
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_texts(Path(name), text="text", label="label")


def message_of(name: str, content: str | bytes) -> str:
    """The whole error that reading such a file gives."""
    with pytest.raises(DataError) as caught:
        read(name, content)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


ROWS = [("a, b", "pos"), ('say "no"', "neg"), ("中文 café", "pos")]

GOOD = {
    "comma and quotes": ("d.csv", 'text,label\n"a, b",pos\n"say ""no""",neg\n中文 café,pos\n'),
    "columns in another order, and more": (
        "d.csv",
        'id,label,text\n1,pos,"a, b"\n2,neg,"say ""no"""\n3,pos,中文 café\n',
    ),
    "no line end after the last row": (
        "d.csv",
        'text,label\n"a, b",pos\n"say ""no""",neg\n中文 café,pos',
    ),
    "Windows line ends": (
        "d.csv",
        'text,label\r\n"a, b",pos\r\n"say ""no""",neg\r\n中文 café,pos\r\n',
    ),
    "lines with nothing in them": (
        "d.csv",
        '\ntext,label\n"a, b",pos\n\n"say ""no""",neg\n中文 café,pos\n\n',
    ),
    "extension in capitals": ("d.CSV", 'text,label\n"a, b",pos\n"say ""no""",neg\n中文 café,pos\n'),
    "quotes within a cell that begins without one": (
        "d.csv",
        'text,label\n"a, b",pos\nsay "no",neg\n中文 café,pos\n',
    ),
    "quotes in TSV are characters": (
        "d.tsv",
        'text\tlabel\na, b\tpos\nsay "no"\tneg\n中文 café\tpos\n',
    ),
    "JSON Lines": (
        "d.jsonl",
        '{"text": "a, b", "label": "pos"}\n'
        '{"label": "neg", "text": "say \\"no\\"", "id": 2}\n\n'
        '{"text": "\\u4e2d文 café", "label": "pos"}',
    ),
}


@pytest.mark.parametrize(("name", "content"), GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["plain", "with BOM"])
def test_good_files_give_the_same_table(name: str, content: str, mark: bytes) -> None:
    """Format, column order, line ends and a byte order mark change nothing in what is read."""
    table = read(name, mark + content.encode())

    assert list(zip(table.texts, table.labels, strict=True)) == ROWS


def test_a_columns_name_is_a_text_or_a_class_like_any_other() -> None:
    """Alone it makes no header."""
    table = read("d.csv", "text,label\ntext,a\nx,label\nlabel,text2\n")

    assert (table.texts, table.labels) == (["text", "x", "label"], ["a", "label", "text2"])


def test_the_column_that_pandas_writes_first_is_left() -> None:
    """It has no name."""
    table = read("d.csv", ",text,label\n0,x,a\n1,y,b\n")

    assert table.labels == ["a", "b"]


def test_texts_are_taken_as_they_stand() -> None:
    """White space around and line ends inside a quoted text stay."""
    table = read("d.csv", 'text,label\n"  two\r\nlines ",a\nx,b\n')

    assert table.texts == ["  two\r\nlines ", "x"]


def test_each_row_knows_the_line_it_starts_on() -> None:
    """Counted from 1, blank lines and lines inside a cell included."""
    table = read("d.csv", 'text,label\n"one\ntwo",a\n\nx,b\n')

    assert table.lines == [2, 5]


@pytest.mark.parametrize(
    ("written", "label"), [('"1"', "1"), ("1", "1"), ("-7", "-7"), ("true", "true")]
)
def test_whole_numbers_and_booleans_become_labels(written: str, label: str) -> None:
    """In JSON Lines a label may be a whole number or a boolean: what JSON writes for it."""
    table = read("d.jsonl", f'{{"text": "x", "label": {written}}}')

    assert table.labels == [label]


def test_a_line_separator_inside_json_text_ends_no_line() -> None:
    """U+2028 may stand in a JSON string."""
    table = read("d.jsonl", '{"text": "one\u2028two", "label": "a"}\n')

    assert table.texts == ["one\u2028two"]


LONG = "x" * 131_073
HEADER = (
    "must not have the header again as a row: of files that are joined only the first keeps it. "
    "Take this line away."
)

BAD_FILES: dict[str, tuple[str, str | bytes, str]] = {
    "an unknown extension": (
        "d.txt",
        "text,label\nx,a\n",
        "d.txt: must end in .csv, .tsv or .jsonl. Received: '.txt'",
    ),
    "no extension": ("d", "x", "d: must end in .csv, .tsv or .jsonl. Received: ''"),
    "an empty file": ("d.csv", "", "d.csv: is empty"),
    "an empty file with a byte order mark": ("d.csv", codecs.BOM_UTF8, "d.csv: is empty"),
    "a blank file": ("d.jsonl", " \n\n", "d.jsonl: is empty"),
    "header only": (
        "d.csv",
        "text,label\n",
        "d.csv: must have rows below the header. Received: none",
    ),
    "a missing column, with one like it": (
        "d.csv",
        "texts,label\nx,a\n",
        "d.csv:1: must have a column 'text'. Received: 'texts', 'label'; did you mean 'texts'?",
    ),
    "a missing column, with none like it": (
        "d.csv",
        "text,y\nx,a\n",
        "d.csv:1: must have a column 'label'. Received: 'text', 'y'",
    ),
    "commas in TSV": (
        "d.tsv",
        "text,label\nx,a\n",
        "d.tsv:1: must have tabs between its cells, as .tsv says: name the file .csv. "
        "Received: commas, 'text,label'",
    ),
    "tabs in CSV": (
        "d.csv",
        "\ntext\tlabel\nx\ta\n",
        "d.csv:2: must have commas between its cells, as .csv says: name the file .tsv. "
        "Received: tabs, 'text\\tlabel'",
    ),
    "semicolons, as where the comma is a decimal mark": (
        "d.csv",
        "id;text;label\n1;x, y;a\n",
        "d.csv:1: must have commas between its cells, as .csv says: write it anew with commas. "
        "Received: semicolons, 'id;text;label'",
    ),
    "semicolons between quotes": (
        "d.csv",
        codecs.BOM_UTF8 + b'"text";"label"\r\n"x";"a"\r\n',
        "d.csv:1: must have commas between its cells, as .csv says: write it anew with commas. "
        'Received: semicolons, \'"text";"label"\'',
    ),
    "bars": (
        "d.tsv",
        "text|label\nx|a\n",
        "d.tsv:1: must have tabs between its cells, as .tsv says: write it anew with tabs. "
        "Received: bars, 'text|label'",
    ),
    "another character, which is none of the usual": (
        "d.csv",
        "text:label\nx:a\n",
        "d.csv:1: must have a column 'text'. Received: 'text:label'",
    ),
    "a huge header": (
        "d.csv",
        f"{LONG},label\nx,a\n",
        "d.csv:1: must be well formed, each cell at most 131072 characters. "
        "Received: field larger than field limit (131072)",
    ),
    "the header again": (
        "d.csv",
        "text,label\nx,a\ntext,label\ny,b\n",
        f"d.csv:3: {HEADER} Received: 'text', 'label'",
    ),
    "the header again, in another order": (
        "d.csv",
        "id,text,label\n1,x,a\nlabel,id,text\n",
        f"d.csv:3: {HEADER} Received: 'label', 'id', 'text'",
    ),
    "the header again, with a byte order mark of its own": (
        "d.csv",
        codecs.BOM_UTF8 + b"text,label\nx,a\n" + codecs.BOM_UTF8 + b"Text,Label\ny,b\n",
        f"d.csv:3: {HEADER} Received: '\\ufeffText', 'Label'",
    ),
    "the header of a file with another column besides": (
        "d.tsv",
        "id\ttext\tlabel\n1\tx\ta\nnumber\ttext\tlabel\n",
        f"d.tsv:3: {HEADER} Received: 'number', 'text', 'label'",
    ),
    "a header that became an object": (
        "d.jsonl",
        '{"text": "x", "label": "a"}\n{"text": "text", "label": "label", "id": "id"}\n',
        f"d.jsonl:2: {HEADER} Received: 'text', 'label'",
    ),
    "column names are case-sensitive": (
        "d.csv",
        "Text,label\nx,a\n",
        "d.csv:1: must have a column 'text'. Received: 'Text', 'label'; did you mean 'Text'?",
    ),
    "two columns of one name": (
        "d.csv",
        "text,label,text\nx,a,y\n",
        "d.csv:1: must give every column a name of its own. Received: 'text' twice or more",
    ),
    "Latin-1": (
        "d.csv",
        b"text,label\nx,a\ncaf\xe9,b\n",
        "d.csv:3: must be text in UTF-8; save it as UTF-8. Received: byte 0xe9 at offset 18",
    ),
    "Latin-1 after a byte order mark": (
        "d.csv",
        codecs.BOM_UTF8 + b"text,label\r\ncaf\xe9,b\r\n",
        "d.csv:2: must be text in UTF-8; save it as UTF-8. Received: byte 0xe9 at offset 18",
    ),
    "UTF-16": (
        "d.csv",
        "text,label\nx,a\n".encode("utf-16"),
        "d.csv:1: must be text in UTF-8; save it as UTF-8. Received: byte 0xff at offset 0",
    ),
    "NUL": (
        "d.csv",
        b"text,label\nx\0y,a\n",
        "d.csv:2: must not contain NUL. Received: byte 0x00 at offset 12",
    ),
    "an empty text": (
        "d.csv",
        "text,label\nx,a\n,b\n",
        "d.csv:3: column 'text': must not be empty. Received: ''",
    ),
    "a blank text": (
        "d.tsv",
        "text\tlabel\n \ta\n",
        "d.tsv:2: column 'text': must not be empty. Received: ' '",
    ),
    "an empty label": (
        "d.csv",
        "text,label\nx,\n",
        "d.csv:2: column 'label': must not be empty. Received: ''",
    ),
    "white space around a label": (
        "d.csv",
        "text,label\nx, a\n",
        "d.csv:2: column 'label': must not begin or end with white space. Received: ' a'",
    ),
    "too few cells": (
        "d.csv",
        "text,label\nx,a\nonly\n",
        "d.csv:3: must have as many cells as the header, 2. Received: 1, the first being 'only'",
    ),
    "too many cells: a comma without quotes": (
        "d.csv",
        'text,label\n"one\ntwo",a\nx, y,b\n',
        "d.csv:4: must have as many cells as the header, 2. Received: 3, the first being 'x'",
    ),
    "an open quote": (
        "d.csv",
        'text,label\nx,a\n"y,b\nz,a\n',
        "d.csv:3: must be well formed, each cell at most 131072 characters. "
        "Received: unexpected end of data",
    ),
    "text after a quote": (
        "d.csv",
        'text,label\n"x"y,a\n',
        "d.csv:2: must be well formed, each cell at most 131072 characters. "
        "Received: ',' expected after '\"'",
    ),
    "a huge cell": (
        "d.csv",
        f"text,label\nx,a\n{LONG},b\n",
        "d.csv:3: must be well formed, each cell at most 131072 characters. "
        "Received: field larger than field limit (131072)",
    ),
    "a long name of a column is cut in the message": (
        "d.csv",
        f"{'y' * 70},label\nx,a\n",
        f"d.csv:1: must have a column 'text'. Received: '{'y' * 59}..., 'label'",
    ),
    "of many columns the first are in the message": (
        "d.csv",
        f"{','.join(map(str, range(100)))}\n{','.join('x' * 100)}\n",
        "d.csv:1: must have a column 'text'. "
        f"Received: {', '.join(map(repr, map(str, range(20))))}, and 80 more",
    ),
    "a long value is cut in the message": (
        "d.csv",
        f"text,label\nx,{' ' + 'y' * 70}\n",
        "d.csv:2: column 'label': must not begin or end with white space. "
        f"Received: ' {'y' * 58}...",
    ),
    "a line that is not JSON": (
        "d.jsonl",
        '{"text": "x", "label": "a"}\n{"text": "y" "label": "b"}\n',
        "d.jsonl:2: must be valid JSON. Received: Expecting ',' delimiter, at character 14",
    ),
    "a whole JSON array": (
        "d.jsonl",
        '[{"text": "x", "label": "a"}]\n',
        "d.jsonl:1: must be a JSON object. Received: [{'text': 'x', 'label': 'a'}]",
    ),
    "JSON nested too deeply": (
        "d.jsonl",
        "[" * 100_000,
        "d.jsonl:1: must be valid JSON. Received: nested too deeply",
    ),
    "a key twice": (
        "d.jsonl",
        '{"text": "x", "label": "a", "text": "y"}',
        "d.jsonl:1: must be valid JSON. Received: key 'text' twice in one object",
    ),
    "a missing key": (
        "d.jsonl",
        '{"text": "x", "label": "a"}\n{"text": "y", "lable": "b"}\n',
        "d.jsonl:2: must have a column 'label'. Received: 'text', 'lable'; did you mean 'lable'?",
    ),
    "an empty object": ("d.jsonl", "{}", "d.jsonl:1: must have a column 'text'. Received: none"),
    "a text that is a number": (
        "d.jsonl",
        '{"text": 5, "label": "a"}',
        "d.jsonl:1: column 'text': must be a JSON string. Received: 5",
    ),
    "a label with a fraction": (
        "d.jsonl",
        '{"text": "x", "label": 1.0}',
        "d.jsonl:1: column 'label': must be a JSON string, a whole number or a boolean. "
        "Received: 1.0",
    ),
    "a label that is null": (
        "d.jsonl",
        '{"text": "x", "label": null}',
        "d.jsonl:1: column 'label': must be a JSON string, a whole number or a boolean. "
        "Received: None",
    ),
    "an escaped NUL": (
        "d.jsonl",
        '{"text": "x\\u0000y", "label": "a"}',
        "d.jsonl:1: column 'text': must not contain NUL. Received: 'x\\x00y'",
    ),
    "half a surrogate pair": (
        "d.jsonl",
        '{"text": "x\\ud83d", "label": "a"}',
        "d.jsonl:1: column 'text': must be Unicode text, without lone surrogates. "
        "Received: 'x\\ud83d'",
    ),
}


@pytest.mark.parametrize(("name", "content", "expected"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(name: str, content: str | bytes, expected: str) -> None:
    """A bad file is refused with file, line and column, the rule and what was received."""
    assert expected == message_of(name, content)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent.csv", "No such file or directory"), ("folder.csv", "a folder, not a regular file")],
)
def test_a_file_that_cannot_be_read(name: str, reason: str) -> None:
    """The system's reason is in the message."""
    Path("folder.csv").mkdir()
    expected = f"{name}: must be a file that can be read. Received: {reason}"

    with pytest.raises(DataError) as caught:
        read_texts(Path(name), text="text", label="label")

    assert expected == str(caught.value)
