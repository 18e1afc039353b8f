"""What a native call means in the words of a spec, and the other way round.

`_call.py` has a row of the table and how it is read in both directions. Backends build their
objects from the table, the tests measure each row against the live native object, the pages of
`docs/` print it. It imports no framework.
"""

from dualtrain.native._call import REQUIRED as REQUIRED
from dualtrain.native._call import Argument as Argument
from dualtrain.native._call import Call as Call
from dualtrain.native._call import Equality as Equality
from dualtrain.native._call import Fixed as Fixed
from dualtrain.native._call import Refusal as Refusal
from dualtrain.native._call import Row as Row
from dualtrain.native._call import Words as Words
from dualtrain.native._call import at_default as at_default
from dualtrain.native._call import flat as flat
from dualtrain.native._call import item as item
from dualtrain.native._call import nested as nested
from dualtrain.native._call import word as word
from dualtrain.native._table import Meaning as Meaning
from dualtrain.native._table import Table as Table
from dualtrain.native._table import Writing as Writing
