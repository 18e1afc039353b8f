"""Numbers, texts and bytes that readers stumble over."""

from __future__ import annotations

__all__ = ["BYTES", "NUMBERS", "TEXTS"]

NUMBERS = (
    *("0", "-0", "-0.0", "1", "-1", "2", "0.5", "1.0", "1e3", "1E+3", "5e-324", "1e-400"),
    *("1e308", "-1e308", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", ".nan", "nan", "inf"),
    *("2147483648", "4294967296", "9223372036854775808", "100000000000000", "-100000000000000"),
    *("10000000", "1000000000", f"1{'0' * 400}", f"-1{'0' * 400}", f"1{'0' * 5000}"),
    *(
        "01",
        "1_000",
        "0x10",
        "0b1",
        "+1",
        ".5",
        "5.",
        "1,5",
        "\u0661",
        "\uff11",
        "1e",
        "--1",
        "1/2",
    ),
)
"""As they are written; not all are numbers in every format."""

TEXTS = (
    *("", " ", "null", "true", "no", "nan", "1e3", "0", "text ", "\ttext", "\ufeff", "\u200b"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x07", "\x9b31m", "\r", "a\rb", "a\nError: b"),
    *("[bold]x[/bold]", "[/]", "[/x]", "[link=x]", "\\[x", ":smile:", "|`x`|", "%s{0}{x}", "$(id)"),
    *(
        "\u202egnp.exe",
        "\u2066x",
        "\u2028",
        "\u0085",
        "e\u0301",
        "\u00e9",
        "\U0001f468\u200d\U0001f469",
    ),
    *("\u4e2d\u6587", "\uff0c", "\U00020000", "\ufdd0", "\ue000", "\x00", "\ud800", "a" * 300),
    *("a" * 5_000, "../" * 20, "/", ".", "..", "/dev/zero", "/dev/null", "~", "a/b", "C:\\a"),
)

BYTES = (
    *(b"", b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"\x1b[2J"),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\t", b" ", b"\x0b", b"\x0c", b"\x1a", b"\xe2\x80\xa8"),
    *(b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"#", b"&a ", b"*a", b"!!python/x "),
    *(b"-", b"=", b"0", b"9" * 30, b"[" * 5_000, b"{" * 100_000, b"a" * 100_000),
)
