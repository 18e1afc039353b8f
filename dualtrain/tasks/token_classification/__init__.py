"""Token classification: a tag for each word of a sentence, as in named entity recognition.

`_task.py` is the task, `_sentences.py` reads the rows, `_prepared.py` makes data of them,
`_predictor.py` predicts by a saved folder. Model, tokenizer and checkpoints are those of
`encoders/`, with a head on each token.
"""

from dualtrain.tasks.token_classification._task import TokenClassification as TokenClassification
