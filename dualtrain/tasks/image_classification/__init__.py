"""Image classification: an image in, one of several classes out.

`_task.py` is the task, `_words.py` the words for its model, `_config.py` what that is built from.
`_images.py` reads the files, `_prepared.py` makes data of them; `_saved.py` has what a trained
model's folder says beside its weights, and predicts by it.
"""

from dualtrain.tasks.image_classification._config import CnnConfig as CnnConfig
from dualtrain.tasks.image_classification._config import VitConfig as VitConfig
from dualtrain.tasks.image_classification._task import ImageClassification as ImageClassification
