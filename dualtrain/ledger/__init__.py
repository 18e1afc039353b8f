"""The ledger: one row per parameter, with the rules that decided how it trains.

A backend lists its `Parameter`s; the decisions are made here, once for both frameworks.
`_kind.py` and `_behaviour.py` say what holds a parameter, `_parameter.py` what it is, `_facts.py`
what its model says of it, `_rules.py` which rule names it, `_stacks.py`, `_beside.py` and
`_layers.py` how many layers are above it; `_decide.py` puts the rows together, `_tell.py` warns of
what a caller may not expect of them, `_live.py` finds out what a live optimizer does with them, and
`_recorded.py` holds rows that were recorded against their spec.
"""

from dualtrain.ledger._behaviour import normalises as normalises
from dualtrain.ledger._behaviour import undisturbed as undisturbed
from dualtrain.ledger._decide import DEFAULT as DEFAULT
from dualtrain.ledger._decide import Ledger as Ledger
from dualtrain.ledger._decide import LedgerRow as LedgerRow
from dualtrain.ledger._decide import decide as decide
from dualtrain.ledger._facts import THE_MODEL as THE_MODEL
from dualtrain.ledger._facts import Facts as Facts
from dualtrain.ledger._kind import Kind as Kind
from dualtrain.ledger._kind import NativeLayers as NativeLayers
from dualtrain.ledger._kind import Owner as Owner
from dualtrain.ledger._kind import attribute_of as attribute_of
from dualtrain.ledger._kind import kind_of as kind_of
from dualtrain.ledger._layers import Place as Place
from dualtrain.ledger._layers import places as places
from dualtrain.ledger._live import Trial as Trial
from dualtrain.ledger._live import Wiring as Wiring
from dualtrain.ledger._live import live_decay as live_decay
from dualtrain.ledger._live import live_multiplier as live_multiplier
from dualtrain.ledger._parameter import Parameter as Parameter
from dualtrain.ledger._parameter import keeps_precision as keeps_precision
from dualtrain.ledger._parameter import roles_of as roles_of
from dualtrain.ledger._recorded import disputed as disputed
from dualtrain.ledger._tell import tell as tell
