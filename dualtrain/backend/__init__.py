"""The core's side of a backend: what it asks of one, how one is found, and all that they share.

A backend is a package of verbs, `_verbs.py` and `_protocol.py`, over native objects, `_native.py`;
it has only what differs between frameworks. What is the same is said here once, over those verbs:
`_shared.py`, with `_averages.py`, `_masters.py`, `_clip.py`, `_batch_norm.py`, `_freeze.py`,
`_notes.py`, `_match.py`, `_state.py`, `_spread.py`, and `targets.py`, which has what a loss counts
and refuses. For the walk through a live model: `_named.py`, `_kinds.py`, `_marks.py`; around it:
`_call.py`, `_modes.py`, `_refusals.py`. `_find.py` finds a backend by its entry point.
"""

from dualtrain.backend._averages import Averages as Averages
from dualtrain.backend._batch_norm import BatchNorms as BatchNorms
from dualtrain.backend._call import logits_of as logits_of
from dualtrain.backend._clip import Clipper as Clipper
from dualtrain.backend._find import backend_names as backend_names
from dualtrain.backend._find import backend_of as backend_of
from dualtrain.backend._find import installed as installed
from dualtrain.backend._find import load_backend as load_backend
from dualtrain.backend._kinds import Kinds as Kinds
from dualtrain.backend._marks import marked_undecayed as marked_undecayed
from dualtrain.backend._masters import Masters as Masters
from dualtrain.backend._masters import master_of as master_of
from dualtrain.backend._masters import read_masters as read_masters
from dualtrain.backend._match import check_weights as check_weights
from dualtrain.backend._modes import kept_modes as kept_modes
from dualtrain.backend._modes import train_as_chosen as train_as_chosen
from dualtrain.backend._named import NamedTensor as NamedTensor
from dualtrain.backend._named import each_once as each_once
from dualtrain.backend._named import gradients_by_type as gradients_by_type
from dualtrain.backend._named import type_of as type_of
from dualtrain.backend._named import unwrapped as unwrapped
from dualtrain.backend._named import wrapped_at as wrapped_at
from dualtrain.backend._notes import dropping as dropping
from dualtrain.backend._protocol import Backend as Backend
from dualtrain.backend._refusals import NO_SPARSE_TABLE as NO_SPARSE_TABLE
from dualtrain.backend._refusals import WHOLE_TENSORS as WHOLE_TENSORS
from dualtrain.backend._refusals import another_autocast as another_autocast
from dualtrain.backend._refusals import check_real as check_real
from dualtrain.backend._refusals import no_such_device as no_such_device
from dualtrain.backend._refusals import real_numbers as real_numbers
from dualtrain.backend._shared import SharedVerbs as SharedVerbs
from dualtrain.backend._spread import Spread as Spread
from dualtrain.backend._state import copied as copied
from dualtrain.backend._verbs import Verbs as Verbs
