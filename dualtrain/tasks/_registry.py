"""All tasks: one row each. A spec finds its own by `task.name`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator

from dualtrain.tasks._task import Task
from dualtrain.tasks.causal_lm import CausalLm
from dualtrain.tasks.image_classification import ImageClassification
from dualtrain.tasks.module import ModuleTask
from dualtrain.tasks.regression import Regression
from dualtrain.tasks.text_classification import TextClassification
from dualtrain.tasks.token_classification import TokenClassification

__all__ = ["TASKS", "AnyTask"]

TASKS: tuple[type[Task], ...] = (
    TextClassification,
    TokenClassification,
    CausalLm,
    ImageClassification,
    ModuleTask,
    Regression,
)

if TYPE_CHECKING:
    AnyTask = Task
else:
    AnyTask = Annotated[Union[TASKS], Discriminator("name")]  # noqa: UP007 (of a tuple)
    """The words of any of them, told apart by `name`."""
