"""Causal language modelling: each token from those before it, with a GPT-2 from random weights.

`_task.py` is the task, `_config.py` what its model is built from, `_prepared.py` its data,
`_tokenizer.py` how that is cut into tokens; `_saved.py` writes and reads a trained model's folder,
`_predictor.py` predicts by it.
"""

from dualtrain.tasks.causal_lm._config import DecoderConfig as DecoderConfig
from dualtrain.tasks.causal_lm._task import CausalLm as CausalLm
