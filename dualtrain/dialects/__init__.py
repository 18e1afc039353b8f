"""Dialects: how libraries read the numbers of a recipe, as data, beside how a spec reads them.

`_dialect.py` says what a dialect is, `_native.py` what it takes from the table of native schedules
(`dualtrain.native`); `_paddlenlp.py` and `_transformers.py` are the dialects.
`_read.py` translates a spec into one, `_remarks.py` names what has no number, and `_contrast.py`
puts the result beside dualtrain's own plan.
"""

from dualtrain.dialects._contrast import Contrast as Contrast
from dualtrain.dialects._contrast import Distance as Distance
from dualtrain.dialects._contrast import contrast as contrast
from dualtrain.dialects._contrast import rate_distance as rate_distance
from dualtrain.dialects._dialect import Convention as Convention
from dualtrain.dialects._dialect import Dialect as Dialect
from dualtrain.dialects._native import LibrarySchedule as LibrarySchedule
from dualtrain.dialects._native import Limit as Limit
from dualtrain.dialects._paddlenlp import PADDLENLP as PADDLENLP
from dualtrain.dialects._paddlenlp import PADDLENLP_TRAINER as PADDLENLP_TRAINER
from dualtrain.dialects._read import Reading as Reading
from dualtrain.dialects._read import read as read
from dualtrain.dialects._transformers import HF4 as HF4
from dualtrain.dialects._transformers import HF5 as HF5

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (PADDLENLP, PADDLENLP_TRAINER, HF4, HF5)
}
"""All dialects, by name."""
