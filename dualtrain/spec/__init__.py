"""Room 1, the spec: what the user wrote. Frozen, validated, holds no code.

`_spec.py` is the whole; `_optimizer.py`, `_schedule.py` (with the files that it names),
`_warmup.py`, `_parameters.py`, `_update.py`, `_loss.py`, `_amp.py` and `_task.py` are its parts,
`_agree.py` what they must have in common. `_load.py` reads files: `_yaml.py`, `_toml.py` and
`_json.py` give the data and the line of each key; `dualtrain.fields` says what is wrong with them.
"""

from dualtrain.fields import LARGEST_COUNT as LARGEST_COUNT
from dualtrain.fields import Shape as Shape
from dualtrain.fields import Source as Source
from dualtrain.spec._amp import Amp as Amp
from dualtrain.spec._amp import Float32Operator as Float32Operator
from dualtrain.spec._amp import LossScale as LossScale
from dualtrain.spec._cycles import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from dualtrain.spec._cycles import CycledMomentum as CycledMomentum
from dualtrain.spec._cycles import Cyclic as Cyclic
from dualtrain.spec._cycles import OneCycle as OneCycle
from dualtrain.spec._decays import Constant as Constant
from dualtrain.spec._decays import Cosine as Cosine
from dualtrain.spec._decays import CosineAnnealing as CosineAnnealing
from dualtrain.spec._decays import CosineWithMinLr as CosineWithMinLr
from dualtrain.spec._decays import CosineWithRestarts as CosineWithRestarts
from dualtrain.spec._decays import Linear as Linear
from dualtrain.spec._decays import LinearAnnealing as LinearAnnealing
from dualtrain.spec._decays import Polynomial as Polynomial
from dualtrain.spec._decays import WarmupStableDecay as WarmupStableDecay
from dualtrain.spec._load import load_spec as load_spec
from dualtrain.spec._loss import Loss as Loss
from dualtrain.spec._optimizer import SGD as SGD
from dualtrain.spec._optimizer import Adadelta as Adadelta
from dualtrain.spec._optimizer import Adagrad as Adagrad
from dualtrain.spec._optimizer import Adam as Adam
from dualtrain.spec._optimizer import Adamax as Adamax
from dualtrain.spec._optimizer import AdamW as AdamW
from dualtrain.spec._optimizer import Lamb as Lamb
from dualtrain.spec._optimizer import Momentum as Momentum
from dualtrain.spec._optimizer import NAdam as NAdam
from dualtrain.spec._optimizer import Optimizer as Optimizer
from dualtrain.spec._optimizer import RAdam as RAdam
from dualtrain.spec._optimizer import RMSProp as RMSProp
from dualtrain.spec._optimizer import Rprop as Rprop
from dualtrain.spec._parameters import BatchStats as BatchStats
from dualtrain.spec._parameters import Freeze as Freeze
from dualtrain.spec._parameters import LayerDecay as LayerDecay
from dualtrain.spec._parameters import LrMultiplier as LrMultiplier
from dualtrain.spec._parameters import Role as Role
from dualtrain.spec._parameters import WeightDecay as WeightDecay
from dualtrain.spec._plateau import ReduceOnPlateau as ReduceOnPlateau
from dualtrain.spec._schedule import Phase as Phase
from dualtrain.spec._schedule import PhaseSchedule as PhaseSchedule
from dualtrain.spec._schedule import Schedule as Schedule
from dualtrain.spec._schedule import Sequential as Sequential
from dualtrain.spec._schema import spec_schema as spec_schema
from dualtrain.spec._spec import Spec as Spec
from dualtrain.spec._steps import Exponential as Exponential
from dualtrain.spec._steps import InverseSqrt as InverseSqrt
from dualtrain.spec._steps import InverseTime as InverseTime
from dualtrain.spec._steps import MultiStep as MultiStep
from dualtrain.spec._steps import NaturalExp as NaturalExp
from dualtrain.spec._steps import Noam as Noam
from dualtrain.spec._steps import Piecewise as Piecewise
from dualtrain.spec._steps import Step as Step
from dualtrain.spec._task import CheckpointModel as CheckpointModel
from dualtrain.spec._task import FreshModel as FreshModel
from dualtrain.spec._task import Head as Head
from dualtrain.spec._task import TextClassification as TextClassification
from dualtrain.spec._update import Batch as Batch
from dualtrain.spec._update import BatchNormRule as BatchNormRule
from dualtrain.spec._update import Clip as Clip
from dualtrain.spec._update import Duration as Duration
from dualtrain.spec._update import Ema as Ema
from dualtrain.spec._warmup import Rounding as Rounding
from dualtrain.spec._warmup import Warmup as Warmup
