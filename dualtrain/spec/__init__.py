"""Room 1, the spec: what the user wrote. Frozen, validated, holds no code.

`_spec.py` is the whole; `_warmup.py`, `_parameters.py`, `_update.py`, `_loss.py`, `_amp.py` and
`_evaluation.py` are its parts, beside the records of `dualtrain.optimizers`,
`dualtrain.schedules` and `dualtrain.tasks`. `_load.py` reads files: `_yaml.py`, `_toml.py` and
`_json.py` give the data and the line of each key; `dualtrain.fields` says what is wrong with them.
"""

from dualtrain.fields import LARGEST_COUNT as LARGEST_COUNT
from dualtrain.fields import RampShape as RampShape
from dualtrain.fields import Source as Source
from dualtrain.optimizers import Optimizer as Optimizer
from dualtrain.schedules import Schedule as Schedule
from dualtrain.spec._amp import Amp as Amp
from dualtrain.spec._amp import Float32Operator as Float32Operator
from dualtrain.spec._amp import LossScale as LossScale
from dualtrain.spec._evaluation import Best as Best
from dualtrain.spec._evaluation import Checkpointing as Checkpointing
from dualtrain.spec._evaluation import EarlyStopping as EarlyStopping
from dualtrain.spec._evaluation import Evaluation as Evaluation
from dualtrain.spec._evaluation import Every as Every
from dualtrain.spec._evaluation import Measured as Measured
from dualtrain.spec._horizon import Horizon as Horizon
from dualtrain.spec._load import load_spec as load_spec
from dualtrain.spec._load import read_document as read_document
from dualtrain.spec._loss import Loss as Loss
from dualtrain.spec._parameters import BatchStats as BatchStats
from dualtrain.spec._parameters import DecayValue as DecayValue
from dualtrain.spec._parameters import Freeze as Freeze
from dualtrain.spec._parameters import LayerDecay as LayerDecay
from dualtrain.spec._parameters import LrMultiplier as LrMultiplier
from dualtrain.spec._parameters import OwnBeta as OwnBeta
from dualtrain.spec._parameters import Role as Role
from dualtrain.spec._parameters import WeightDecay as WeightDecay
from dualtrain.spec._schema import spec_schema as spec_schema
from dualtrain.spec._spec import Spec as Spec
from dualtrain.spec._update import Batch as Batch
from dualtrain.spec._update import BatchNormRule as BatchNormRule
from dualtrain.spec._update import Clip as Clip
from dualtrain.spec._update import Duration as Duration
from dualtrain.spec._update import Ema as Ema
from dualtrain.spec._warmup import Counted as Counted
from dualtrain.spec._warmup import Rounding as Rounding
from dualtrain.spec._warmup import Warmup as Warmup
