"""Two models that are the same: which tensor of the one is which of the other, and their weights.

`_term.py` is a tensor as a line of a map has it, `_twins.py` the lines and what they carry,
`_map.py` the map as a user gives it, `_tensors.py` a live model; `_pair.py` puts them together,
`_copy.py` takes weights across, `_state.py` the state of a run.

`_propose.py` writes a map: `_tree.py` has a model's layers, `_words.py` what their names say,
`_match.py` which is which, `_orient.py` the lines of each pair.
"""

from dualtrain.twins._copy import copy_weights as copy_weights
from dualtrain.twins._copy import twins_of as twins_of
from dualtrain.twins._map import Given as Given
from dualtrain.twins._propose import Proposal as Proposal
from dualtrain.twins._propose import propose as propose
from dualtrain.twins._state import state_to_target as state_to_target
from dualtrain.twins._term import Term as Term
from dualtrain.twins._twins import Line as Line
from dualtrain.twins._twins import Side as Side
from dualtrain.twins._twins import Twins as Twins
