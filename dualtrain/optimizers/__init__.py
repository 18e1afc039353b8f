"""The optimizers: one record a rule, with its words, what it excludes, and the rule in float64.

`_rule.py` has what all are asked, `_words.py` what their fields hold, `_verbs.py` what a rule asks
of arrays: numpy here, or a framework that lacks the rule. Each rule is a class in a file of its
own, its docstring the formula. A new one is that file and its place in `Optimizer`, the order in
which a spec offers them; `dualtrain/native/` has a row for each class of a framework.
"""

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from dualtrain.optimizers._adagrad import Adadelta as Adadelta
from dualtrain.optimizers._adagrad import Adagrad as Adagrad
from dualtrain.optimizers._adam import Adam as Adam
from dualtrain.optimizers._adam import AdamW as AdamW
from dualtrain.optimizers._adamax import Adamax as Adamax
from dualtrain.optimizers._adamw_transformers import AdamWTransformers as AdamWTransformers
from dualtrain.optimizers._lamb import Lamb as Lamb
from dualtrain.optimizers._lars import Lars as Lars
from dualtrain.optimizers._nadam import NAdam as NAdam
from dualtrain.optimizers._radam import RAdam as RAdam
from dualtrain.optimizers._rmsprop import RMSProp as RMSProp
from dualtrain.optimizers._rmsprop import TorchRMSProp as TorchRMSProp
from dualtrain.optimizers._rprop import Rprop as Rprop
from dualtrain.optimizers._rule import DecayKind as DecayKind
from dualtrain.optimizers._rule import UpdateRule as UpdateRule
from dualtrain.optimizers._sgd import SGD as SGD
from dualtrain.optimizers._sgd import Momentum as Momentum
from dualtrain.optimizers._verbs import NUMPY as NUMPY
from dualtrain.optimizers._verbs import Arithmetic as Arithmetic
from dualtrain.optimizers._words import Betas as Betas


def _not_asgd(value: Any) -> Any:
    if isinstance(value, dict) and value.get("name") == "asgd":
        raise ValueError(
            "asgd is not one algorithm: torch averages weights (Polyak), Paddle averages "
            "gradients over batches. Paddle's with batch_num 1 is sgd. Received: 'asgd'"
        )
    return value


Optimizer = Annotated[
    SGD
    | Momentum
    | Adam
    | AdamW
    | AdamWTransformers
    | Lamb
    | Lars
    | Adagrad
    | Adadelta
    | Adamax
    | NAdam
    | RAdam
    | RMSProp
    | TorchRMSProp
    | Rprop,
    Field(discriminator="name"),
    BeforeValidator(_not_asgd),
]
"""Any of them, told apart by its name."""

RULES: tuple[type[UpdateRule], ...] = get_args(get_args(Optimizer)[0])
"""All of them, in this order."""
