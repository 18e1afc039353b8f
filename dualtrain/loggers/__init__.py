"""Loggers: callbacks that write a run's numbers down where people look at them.

`_logger.py` is the hook and what is logged, `_json_lines.py` needs nothing; the others each need a
package of their own, looked for when it is made. `_named.py` makes one of `KIND[:PLACE]`.
"""

from dualtrain.loggers._json_lines import JsonLines as JsonLines
from dualtrain.loggers._logger import Logger as Logger
from dualtrain.loggers._named import LOGGERS as LOGGERS
from dualtrain.loggers._named import logger_of as logger_of
from dualtrain.loggers._projects import SwanLab as SwanLab
from dualtrain.loggers._projects import WandB as WandB
from dualtrain.loggers._tensorboard import TensorBoard as TensorBoard
from dualtrain.loggers._visualdl import VisualDL as VisualDL
