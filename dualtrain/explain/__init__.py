"""Explanations: what a spec will do, and what in it is probably not meant. Computed here, put into
words by `dualtrain.report`.

`_spans.py` says where each phase of the rate begins. A concern is a named rule with its reason:
`_warmup_rules.py`, `_rate_rules.py`, `_update_rules.py` and `_parameter_rules.py` have them.
"""

from dualtrain.explain._concern import AdviceRule as AdviceRule
from dualtrain.explain._concern import Concern as Concern
from dualtrain.explain._explanation import ADVICE_RULES as ADVICE_RULES
from dualtrain.explain._explanation import Explanation as Explanation
from dualtrain.explain._explanation import explain as explain
from dualtrain.explain._explanation import whole_numbers as whole_numbers
from dualtrain.explain._spans import MOST_SPANS as MOST_SPANS
from dualtrain.explain._spans import Span as Span
from dualtrain.explain._spans import spans as spans
