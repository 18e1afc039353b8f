"""The texts of a port: the report's page, and the model of two numbers that a script is run on."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

__all__ = ["template"]


def template(name: str) -> Template:
    """The template of a file in `templates/`."""
    environment = Environment(
        loader=PackageLoader("dualtrain.porting"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown and Python
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
