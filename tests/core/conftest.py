"""What needs more than the wheel and its hard dependencies: `make test-wheel` sets DUALTRAIN_BARE.

Elsewhere nothing is left out: where an extra is not installed, its tests fail.
"""

from __future__ import annotations

import os

import pytest

BARE = "DUALTRAIN_BARE" in os.environ

NEEDS = {
    "test_cli.py::test_a_file_that_cannot_be_written_is_named": "plot",
    "test_cli.py::test_diff_writes_a_report": "plot",
    "test_cli.py::test_framework_free_commands_import_no_framework": "plot",
    "test_cli_plan.py::test_plot_writes_files": "plot",
    "test_demo_data.py::TestSpec": "text",
    "test_names_in_docs.py": "the sources",
    "test_prepared.py": "text",
    "test_report.py": "plot",
    "test_without_plan.py::test_a_report_of_two_scripts_can_be_written": "plot",
}
"""A test, the class or the file it is in -> the extra that it needs."""

collect_ignore = (
    [
        "test_docstrings.py",
        "test_tokenizer.py",
        "test_tokenizer_json.py",
        "test_tokenizer_settings.py",
        "test_vocabularies.py",
    ]
    if BARE
    else []
)
"""They import tokenizers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave them out, and say so."""
    for item in items if BARE else ():
        for named, extra in NEEDS.items():
            if f"tests/core/{named}" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=f"needs {extra}"))
