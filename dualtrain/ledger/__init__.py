"""The ledger: one row per parameter, with the rules that decided how it trains.

A backend lists its `Parameter`s; the decisions are made here, once for both frameworks.
`_parameter.py` says what a parameter is, `_facts.py` what its model says of it, `_rules.py` which
rule names it, `_layers.py` how many layers are above it; `_decide.py` puts the rows together, and
`_tell.py` warns of what a caller may not expect of them.
"""

from dualtrain.ledger._decide import Ledger as Ledger
from dualtrain.ledger._decide import Row as Row
from dualtrain.ledger._decide import decide as decide
from dualtrain.ledger._facts import Facts as Facts
from dualtrain.ledger._layers import Place as Place
from dualtrain.ledger._layers import places as places
from dualtrain.ledger._parameter import Kind as Kind
from dualtrain.ledger._parameter import Parameter as Parameter
from dualtrain.ledger._parameter import kind_of as kind_of
from dualtrain.ledger._parameter import roles_of as roles_of
from dualtrain.ledger._tell import tell as tell
