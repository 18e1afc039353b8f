"""BERT's tokenizer, WordPiece: its pipeline, and how it is learnt from the train split.

clean, lower-case, set CJK characters apart -> split at white space and punctuation
-> longest pieces of the vocabulary ("##" marks a continuation) -> [CLS] pieces [SEP]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer

__all__ = [
    "NAMES",
    "PAD",
    "SPECIAL_TOKENS",
    "bert_pipeline",
    "put_around",
    "train_wordpiece",
    "wordpiece",
]

PAD = "[PAD]"
SPECIAL_TOKENS = (PAD, "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In the order of their ids, from 0, in a vocabulary that is learnt here."""

NAMES: Mapping[str, str] = dict(
    zip(
        ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"),
        SPECIAL_TOKENS,
        strict=True,
    )
)
"""The part that each of them has, by its name in tokenizer_config.json."""

MIN_FREQUENCY = 2
"""Pieces that occur once are not learnt: BERT's own choice."""


def wordpiece(
    vocabulary: Mapping[str, int],
    *,
    lowercase: bool = True,
    split_cjk: bool = True,
    strip_accents: bool | None = None,
) -> Tokenizer:
    """BERT's pipeline over a vocabulary that has all of `SPECIAL_TOKENS`.

    split_cjk: every CJK character is a word of its own.
    strip_accents: None means as `lowercase`.
    """
    normalizer = BertNormalizer(
        handle_chinese_chars=split_cjk, strip_accents=strip_accents, lowercase=lowercase
    )
    tokenizer = bert_pipeline(vocabulary, unk_token="[UNK]", normalizer=normalizer)
    put_around(tokenizer, "[CLS]", "[SEP]")
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def bert_pipeline(
    vocabulary: Mapping[str, int], *, unk_token: str, normalizer: BertNormalizer
) -> Tokenizer:
    """BERT's pipeline without special tokens: nothing is put around a text, none is found in it."""
    tokenizer = Tokenizer(WordPiece(dict(vocabulary), unk_token=unk_token))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder()
    return tokenizer


def put_around(tokenizer: Tokenizer, first: str, last: str) -> None:
    """Put the two tokens around each text; not RobertaProcessing, which tokenizers 0.23 changed."""
    tokenizer.post_processor = TemplateProcessing(
        single=[first, "$A", last],
        pair=[first, "$A", last, "$B:1", f"{last}:1"],
        special_tokens=[
            (token, tokenizer.token_to_id(token)) for token in dict.fromkeys((first, last))
        ],
    )


def train_wordpiece(texts: Sequence[str], *, vocab_size: int) -> Tokenizer:
    """Learn a vocabulary of at most `vocab_size` (>= 6) tokens from `texts`.

    The same texts give the same vocabulary in every process. The trainer alone does not: it
    numbers each continuation ("##a") when a walk over a hash map first meets it, and breaks ties
    between merges by those numbers (huggingface/tokenizers#1794, there in 0.22.2). So all of them
    are numbered beforehand, in order, by passing them as special tokens.
    """
    pipeline = wordpiece({token: i for i, token in enumerate(SPECIAL_TOKENS)})
    alphabet, continuations = _alphabet(
        _words(pipeline, texts), budget=vocab_size - len(SPECIAL_TOKENS)
    )
    learner = Tokenizer(WordPiece(unk_token="[UNK]"))
    learner.normalizer = pipeline.normalizer
    learner.pre_tokenizer = pipeline.pre_tokenizer
    trainer = WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_FREQUENCY,
        special_tokens=[*SPECIAL_TOKENS, *continuations],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),  # no other characters: those of `alphabet` count as infinite
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    return wordpiece(learner.get_vocab())


def _words(pipeline: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs, before it is cut into pieces."""
    words: Counter[str] = Counter()
    for text in texts:
        normal = pipeline.normalizer.normalize_str(text)
        words.update(word for word, _ in pipeline.pre_tokenizer.pre_tokenize_str(normal))
    return words


def _alphabet(words: Counter[str], *, budget: int) -> tuple[list[str], list[str]]:
    """The most frequent characters whose tokens fit `budget`, and their continuations, sorted.

    A character costs two tokens, "a" and "##a", or one if it never continues a word.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    continue_words = {character for word in words for character in word[1:]}
    alphabet = []
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        budget -= 2 if character in continue_words else 1
        if budget < 0:
            break
        alphabet.append(character)
    return sorted(alphabet), sorted(f"##{c}" for c in alphabet if c in continue_words)
