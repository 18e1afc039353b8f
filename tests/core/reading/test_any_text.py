"""Whatever a shell script, a page or a configuration says, reading it ends and runs none of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dualtrain.errors import SourceError
from dualtrain.reading import choose, commands, json_node, yaml_node

SHELL = (
    "python run.py", "--lr", "$lr", "${x:-1}", '"$@"', "lr=5e-5", "a=(1 2)", "for i in 1 2; do",
    "done", "if [ $a = b ]; then", "elif", "else", "fi", "case $x in", "a)", ";;", "esac", "f() {",
    "}", "f", "(", ")", "<<E", "E", "\\\n", "\n", "`", "'", '"', "$(", "$((", "))", "${", "&&",
    "|", ">", "2>&1", "# c", "while read l; do", "{1..3}", "<path>", "```", "    ", "export",
    "\x00", "exit", "shift", "unset lr", "((i++))", "\u00a0", "é",
)  # fmt: skip
YAML = (
    "a:", "b: 1", "- ", "&x", "*x", "!T", "<<:", "{", "}", "[", "]", ",", "|", ">", "'", '"', "# c",
    "\n", "  ", "\t", "1e-4", "null", "? ", "---", "...", "%YAML", "2020-01-01", ":", "!!int", "=",
)  # fmt: skip


def texts(words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words), max_size=40).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(texts(SHELL), st.sampled_from(["run.sh", "README.md"]))
def test_any_shell_text_gives_commands_with_a_place_for_every_word(text: str, file: str) -> None:
    found = commands(text, file)

    for command in found:
        assert len(command.words) == len(command.places)
        assert all(number < len(command.words) for number in command.unresolved)
        assert all(1 <= place.line <= text.count("\n") + 1 for place in command.places)
        command.flags()
    choose(found, "run.py")


@settings(max_examples=300, deadline=None)
@given(texts(YAML))
def test_any_yaml_and_json_is_a_tree_or_refused(text: str) -> None:
    for read in (yaml_node, json_node):
        try:
            read(text, "a.yml").plain()
        except SourceError as fault:
            assert str(fault).startswith("a.yml:")


PLANTED = """
import sys
from dualtrain.reading import commands, yaml_node
ran = []
sys.addaudithook(lambda event, _: ran.append(event) if event in WATCHED else None)
WATCHED = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "exec", "open")
commands("x=$(touch a)\\n`touch b`\\ntouch c; python -c 'open(1)' $((1+1)) < d > e\\n. f", "g.sh")
yaml_node("!!python/object/apply:os.system ['touch h']", "i.yml")
yaml_node("- !!python/name:os.system\\n- !Open {file: j}", "k.yml")
print(ran)
"""


def test_nothing_that_is_read_is_run(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PLANTED],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert (ran.stdout, ran.stderr) == ("[]\n", "")
    assert list(tmp_path.iterdir()) == []
