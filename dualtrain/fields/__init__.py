"""What a field may hold, and what is said of one that is wrong: the floor beneath the spec.

`_part.py` is the base of every part of a spec, with the types of its numbers; `_problems.py` says
what is wrong in the words of the file, `_positions.py` where it stands, `_cures.py` with
`_cure_table.py` and `_trainer_words.py` what to write instead, `_beyond.py` what no spec says,
`_by_name.py` how such tables are written.
"""

from dualtrain.fields._beyond import BEYOND as BEYOND
from dualtrain.fields._by_name import by_name as by_name
from dualtrain.fields._part import LARGEST_COUNT as LARGEST_COUNT
from dualtrain.fields._part import Count as Count
from dualtrain.fields._part import Part as Part
from dualtrain.fields._part import Per as Per
from dualtrain.fields._part import Positive as Positive
from dualtrain.fields._part import Proportion as Proportion
from dualtrain.fields._part import RampShape as RampShape
from dualtrain.fields._part import Rate as Rate
from dualtrain.fields._part import ascending as ascending
from dualtrain.fields._part import distinct as distinct
from dualtrain.fields._positions import Malformed as Malformed
from dualtrain.fields._positions import Positions as Positions
from dualtrain.fields._positions import Source as Source
from dualtrain.fields._positions import Steps as Steps
from dualtrain.fields._positions import dotted as dotted
from dualtrain.fields._problems import problems_of as problems_of
from dualtrain.fields._problems import shown as shown
