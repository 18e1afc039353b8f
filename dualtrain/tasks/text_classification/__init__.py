"""Text classification: a text, or a pair of texts, in, one of several classes out.

`_task.py` is the task; `_texts.py` and `_classes.py` read the rows, `_prepare.py` makes data of
them, `_predictor.py` predicts by a saved folder. Model, tokenizer and checkpoints are those of
`encoders/`.
"""

from dualtrain.tasks.text_classification._task import TextClassification as TextClassification
