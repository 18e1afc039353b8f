"""Text from elsewhere shows what it holds, and does nothing."""

from __future__ import annotations

import pytest

from dualtrain.printable import escaped, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("encoder.layer.0.weight", "encoder.layer.0.weight"),
        ("标题 テスト é ½", "标题 テスト é ½"),
        ("全角\u3000空格 and\u00a0more", "全角\u3000空格 and\u00a0more"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("two\r\nlines\u2028\x85", r"two\r\nlines\u2028\x85"),
        ("\u202egnp\u2066\u200f", r"\u202egnp\u2066\u200f"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_what_no_one_sees_is_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown
    assert printable(text) == shown


def test_lines_stay_where_they_are_asked_for() -> None:
    assert escaped("one\ntwo\x1b", but="\n") == "one\ntwo\\x1b"


def test_a_long_word_shows_its_ends_and_a_long_sentence_all_of_it() -> None:
    word = "a" * 100 + "-" * 50_000 + "z" * 100
    assert printable(f"in {word} too") == f"in {'a' * 100}...{'z' * 100} too"
    sentence = "many words " * 1000
    assert printable(sentence) == sentence
