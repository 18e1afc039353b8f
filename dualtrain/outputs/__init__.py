"""What a run writes: refused before it begins, put together aside, and whole or not there.

`_check.py` looks at a place, `_lock.py` keeps it for one run, `_draft.py` puts a folder together.
"""

from dualtrain.outputs._check import check_apart as check_apart
from dualtrain.outputs._check import check_file as check_file
from dualtrain.outputs._check import check_folder as check_folder
from dualtrain.outputs._check import check_room as check_room
from dualtrain.outputs._draft import DRAFT as DRAFT
from dualtrain.outputs._draft import MANIFEST as MANIFEST
from dualtrain.outputs._draft import clear_abandoned as clear_abandoned
from dualtrain.outputs._draft import drafted as drafted
from dualtrain.outputs._draft import publish as publish
from dualtrain.outputs._lock import lock as lock
from dualtrain.outputs._lock import locked as locked
