"""Faults of the tasks on texts: pairs, tags and causal language models."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/tasks/"
_TAGS = f"{_AT}token_classification/"
_CAUSAL = f"{_AT}causal_lm/"

MUTANTS = (
    Mutant(
        name="pairs: words of the first texts alone",
        breaks="a fresh tokenizer knows no word that stands in second texts only",
        file=f"{_AT}text_classification/_prepare.py",
        old="reading_of(model, [*rows.train.texts, *(rows.train.pairs or ())], folder)",
        new="reading_of(model, rows.train.texts, folder)",
    ),
    Mutant(
        name="pairs: the second text first",
        breaks="premise and hypothesis change places",
        file=f"{_AT}text_classification/_prepare.py",
        old="list(zip(table.texts, pairs, strict=True))",
        new="list(zip(pairs, table.texts, strict=True))",
    ),
    Mutant(
        name="pairs: the second text is the label",
        breaks="a row's class is what stands in its second column",
        file=f"{_AT}text_classification/_texts.py",
        old="labels=[] if label is None else more[-1],",
        new="labels=[] if label is None else more[0],",
    ),
    Mutant(
        name="pairs: one token type",
        breaks="the model cannot tell which of two texts a token is of",
        file=f"{_AT}encoders/_reading.py",
        old="[kind for one in encoded for kind in one.type_ids]",
        new="[0 for one in encoded for kind in one.type_ids]",
    ),
    Mutant(
        name="pairs: the second text alone is cut",
        breaks="of a pair that is too long a short second text is lost for a long first one",
        file=f"{_AT}encoders/_reading.py",
        old="    tokenizer.enable_truncation(model.max_length)\n    return Reading(\n"
        "        tokenizer=tokenizer,\n        written=written,\n"
        "        config=tokenizer_config(written, special=NAMES",
        new='    tokenizer.enable_truncation(model.max_length, strategy="only_second")\n'
        "    return Reading(\n        tokenizer=tokenizer,\n        written=written,\n"
        "        config=tokenizer_config(written, special=NAMES",
    ),
    Mutant(
        name="pairs: predicted by one text",
        breaks="`predict` gives the model the first text of a pair alone",
        file=f"{_AT}text_classification/_predictor.py",
        old="read_texts(file, text=self._text, pair=self._pair)",
        new="read_texts(file, text=self._text)",
    ),
    Mutant(
        name="texts: padding is looked at",
        breaks="the attention mask is 1 behind the end of a text",
        file=f"{_AT}encoders/_prepared.py",
        old='"attention_mask": there.astype(np.int64),',
        new='"attention_mask": np.ones_like(there, np.int64),',
    ),
    Mutant(
        name="tags: on the last token of a word",
        breaks="a word's tag is that of its last token, not of its first",
        file=f"{_TAGS}_prepared.py",
        old="in zip(words, [None, *words], strict=False)",
        new="in zip(words, [*words[1:], None], strict=False)",
    ),
    Mutant(
        name="tags: padding has one",
        breaks="what fills a batch up counts as the first tag, in loss and score",
        file=f"{_TAGS}_prepared.py",
        old="return np.where(there, self.labels[places], NO_TARGET)",
        new="return np.where(there, self.labels[places], 0)",
    ),
    Mutant(
        name="tags: the mean over all tokens",
        breaks="loss and accuracy are divided by tokens that have no tag, too",
        file=f"{_TAGS}_task.py",
        old="            total += int(counted.sum())\n",
        new="            total += counted.size\n",
    ),
    Mutant(
        name="tags: one long sentence",
        breaks="an entity at a sentence's end and one at the next one's begin are one",
        file=f"{_TAGS}_task.py",
        old='            wanted, given, average="micro"',
        new='            [sum(wanted, [])], [sum(given, [])], average="micro"',
    ),
    Mutant(
        name="tags: each kind of entity counts alike",
        breaks="F1 is a mean over the kinds and not over the entities",
        file=f"{_TAGS}_task.py",
        old='wanted, given, average="micro"',
        new='wanted, given, average="macro"',
    ),
    Mutant(
        name="tags: I of another name",
        breaks="I-LOC after B-PER is taken",
        file=f"{_TAGS}_sentences.py",
        old='before[-1] not in (f"B-{name}", f"I-{name}")',
        new='before[-1] == "O"',
    ),
    Mutant(
        name="tags: the second column",
        breaks="of CoNLL-2003's four columns the part of speech is the tag",
        file=f"{_TAGS}_sentences.py",
        old="        _check(columns[-1], tags, path, number)\n        tags.append(columns[-1])",
        new="        _check(columns[1], tags, path, number)\n        tags.append(columns[1])",
    ),
    Mutant(
        name="tags: a last sentence without an empty line",
        breaks="a file that ends amid a line loses its last sentence",
        file=f"{_TAGS}_sentences.py",
        old='enumerate([*content.split("\\n"), ""], start=1)',
        new='enumerate(content.split("\\n"), start=1)',
    ),
    Mutant(
        name="tags: between documents",
        breaks="CoNLL-2003's -DOCSTART- is a sentence",
        file=f"{_TAGS}_sentences.py",
        old="if words and words != [BETWEEN_DOCUMENTS]:",
        new="if words:",
    ),
    Mutant(
        name="tags: predicted from [CLS] on",
        breaks="each word is given the tag of the token before it",
        file=f"{_TAGS}_predictor.py",
        old="class_predictions(logits[list(begins.values())], self.classes)",
        new="class_predictions(logits[: len(begins)], self.classes)",
    ),
    Mutant(
        name="causal: a token is its own label",
        breaks="the shift is forgotten: the model is asked for the token that it reads",
        file=f"{_CAUSAL}_prepared.py",
        old="labels[:, :-1] = ids[:, 1:]",
        new="labels[:, :-1] = ids[:, :-1]",
    ),
    Mutant(
        name="causal: texts without an end",
        breaks="no token stands between two texts of the row",
        file=f"{_CAUSAL}_prepared.py",
        old="for token in [*ids, end]]",
        new="for token in ids]",
    ),
    Mutant(
        name="causal: the first tokens are left out",
        breaks="what is too little for a block is taken from the begin of the row",
        file=f"{_CAUSAL}_prepared.py",
        old="row[: blocks * length]",
        new="row[len(row) - blocks * length :]",
    ),
    Mutant(
        name="causal: a tokenizer that has seen all",
        breaks="the held-out split is learnt from",
        file=f"{_CAUSAL}_prepared.py",
        old="train_bpe(train.texts, vocab_size",
        new="train_bpe([*train.texts, *(held_out.texts if held_out else ())], vocab_size",
    ),
    Mutant(
        name="causal: the last token counts",
        breaks="loss and perplexity are divided by tokens that have no target, too",
        file=f"{_CAUSAL}_task.py",
        old="            total += int(counted.sum())\n",
        new="            total += counted.size\n",
    ),
    Mutant(
        name="causal: predicted behind the padding",
        breaks="the next token of a shorter text follows what fills the batch up",
        file=f"{_CAUSAL}_predictor.py",
        old="log_probabilities(logits[len(row) - 1])",
        new="log_probabilities(logits[-1])",
    ),
    Mutant(
        name="causal: the begin of a long text",
        breaks="what comes next is predicted from a text's first tokens",
        file=f"{_CAUSAL}_predictor.py",
        old="one.ids[-self._decoder.max_length :]",
        new="one.ids[: self._decoder.max_length]",
    ),
    Mutant(
        name="causal: perplexity over one token more",
        breaks="a text's own perplexity is divided by its tokens, not by its targets",
        file=f"{_CAUSAL}_predictor.py",
        old="perplexity(loss / len(targets)) if",
        new="perplexity(loss / len(row)) if",
    ),
)
