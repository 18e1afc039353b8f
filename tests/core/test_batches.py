"""From prepared data to micro-batches: order, groups, padding, digests."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dualtrain.data import (
    EpochBatches,
    batch_digest,
    batches_of_epoch,
    held_out_batches,
    permutation,
)
from dualtrain.tasks.encoders import PreparedTexts, TextSplit

PAD = 9


def split_of(*samples: list[int]) -> TextSplit:
    """Samples of the given token ids, of class 0, 1, 0, 1, ..."""
    return TextSplit(
        ids=np.array([token for sample in samples for token in sample], np.int32),
        types=np.zeros(sum(map(len, samples)), np.int8),
        offsets=np.cumsum([0, *map(len, samples)], dtype=np.int64),
        labels=np.arange(len(samples), dtype=np.int64) % 2,
    )


SPLIT = split_of([1], [2, 3], [4, 5, 6], [7, 8], [1, 2, 3, 4])


class TestPermutation:
    @pytest.mark.parametrize(
        ("seed", "epoch", "expected"),
        [
            (42, 0, [1, 3, 5, 4, 0, 2]),
            (42, 1, [0, 4, 1, 3, 5, 2]),  # the next epoch has an order of its own
            (0, 0, [5, 0, 3, 2, 1, 4]),
            (2**32 - 1, 7, [3, 1, 5, 0, 2, 4]),  # the largest seed
        ],
    )
    def test_golden(self, seed: int, epoch: int, expected: list[int]) -> None:
        """Pinned: these numbers are the same with every numpy, now and later."""
        assert expected == permutation(seed, epoch, 6).tolist()

    def test_golden_checksum(self) -> None:
        """CRC-32 of a long permutation, as little-endian int64."""
        order = permutation(42, 0, 100_000)

        assert order.dtype == np.int64
        assert zlib.crc32(order.astype("<i8").tobytes()) == 2_689_203_136

    @given(st.integers(0, 2**32 - 1), st.integers(0, 10_000), st.integers(0, 200))
    def test_every_sample_comes_once(self, seed: int, epoch: int, n: int) -> None:
        """A permutation of 0 ... n - 1, down to none."""
        assert sorted(permutation(seed, epoch, n).tolist()) == list(range(n))

    def test_the_global_random_state_is_left_alone(self) -> None:
        """Neither read nor moved."""
        np.random.seed(0)
        expected = np.random.random()
        np.random.seed(0)
        order = permutation(1, 2, 50)

        assert expected == np.random.random()
        np.testing.assert_array_equal(order, permutation(1, 2, 50))


DATA = PreparedTexts(
    classes=("a", "b"),
    vocab_size=10,
    pad_id=PAD,
    tokenizer="{}",
    tokenizer_config="{}",
    train=SPLIT,
    eval=None,
)


class TestEpochBatches:
    def test_runs_of_size_and_a_short_one(self) -> None:
        """Five samples in micro-batches of two: 2, 2, 1, in the order of the indices."""
        batches = EpochBatches(DATA, SPLIT, np.array([4, 0, 3, 1, 2]), 2)

        assert [b["input_ids"].tolist() for b in batches] == [
            [[1, 2, 3, 4], [1, PAD, PAD, PAD]],
            [[7, 8], [2, 3]],
            [[4, 5, 6]],
        ]

    @given(st.integers(1, 40), st.integers(1, 50))
    def test_count_is_the_ceiling(self, n: int, size: int) -> None:
        """ceil(n / size) micro-batches, which hold all samples in order."""
        split = split_of(*([token] for token in range(n)))
        batches = EpochBatches(DATA, split, np.arange(n), size)
        tokens = [token for batch in batches for token in batch["input_ids"].ravel().tolist()]

        assert len(batches) == (n + size - 1) // size == len(list(batches))
        assert tokens == list(range(n))

    def test_it_is_a_sequence(self) -> None:
        """Negative indices and slices as in a list; past the end is an IndexError."""
        batches = EpochBatches(DATA, SPLIT, np.arange(5), 2)

        assert [batch_digest(b) for b in batches[1:]] == [
            batch_digest(batches[1]),
            batch_digest(batches[-1]),
        ]
        with pytest.raises(IndexError):
            batches[3]


class TestBatchesOfEpoch:
    def test_the_seed_orders_each_epoch(self) -> None:
        """Epoch e has the order permutation(seed, e, n)."""
        of = batches_of_epoch(DATA, seed=7, size=2)

        for epoch in range(3):
            np.testing.assert_array_equal(of(epoch).indices, permutation(7, epoch, 5))
            assert (of(epoch).size, len(of(epoch))) == (2, 3)


class TestHeldOutBatches:
    def test_they_keep_the_order_of_the_file(self) -> None:
        batches = held_out_batches(replace(DATA, eval=SPLIT), size=2)

        assert batches is not None
        assert batches.indices.tolist() == [0, 1, 2, 3, 4]
        assert (batches.split, batches.size) == (SPLIT, 2)

    def test_without_a_held_out_split(self) -> None:
        assert held_out_batches(DATA, size=2) is None


class TestCollate:
    def test_padded_to_the_longest_of_the_batch(self) -> None:
        """Pads after the tokens, mask 0 there; token types are all 0."""
        batch = DATA.batch(SPLIT, np.array([2, 0, 1]))

        assert {name: array.tolist() for name, array in batch.items()} == {
            "input_ids": [[4, 5, 6], [1, PAD, PAD], [2, 3, PAD]],
            "token_type_ids": [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
            "attention_mask": [[1, 1, 1], [1, 0, 0], [1, 1, 0]],
            "labels": [0, 0, 1],
        }

    def test_all_int64(self) -> None:
        """What torch and Paddle both take as indices."""
        batch = DATA.batch(SPLIT, np.array([0, 1]))

        assert {array.dtype for array in batch.values()} == {np.dtype(np.int64)}

    def test_the_pad_token_inside_a_text_is_no_padding(self) -> None:
        """The mask comes from lengths, not from ids."""
        batch = DATA.batch(split_of([PAD, PAD], [1]), np.array([0, 1]))

        assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]]

    @given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=9), min_size=1, max_size=9))
    def test_unpadding_gives_the_samples_back(self, samples: list[list[int]]) -> None:
        """Nothing is lost or moved."""
        batch = DATA.batch(split_of(*samples), np.arange(len(samples)))
        masks = batch["attention_mask"].astype(bool)

        assert [
            row[mask].tolist() for row, mask in zip(batch["input_ids"], masks, strict=True)
        ] == samples


def int64(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


class TestBatchDigest:
    def test_golden(self) -> None:
        """Pinned: a digest in a trace means the same tomorrow and on another machine."""
        assert batch_digest(DATA.batch(SPLIT, np.array([2, 0, 1]))) == "2e27a8a8"

    def test_order_of_names_is_no_matter(self) -> None:
        """A batch is a mapping."""
        assert batch_digest({"x": int64(1), "y": int64(2)}) == batch_digest(
            {"y": int64(2), "x": int64(1)}
        )

    def test_byte_order_is_no_matter(self) -> None:
        """The bytes are taken little-endian."""
        assert batch_digest({"x": np.array([1, 2], ">i8")}) == batch_digest({"x": int64(1, 2)})

    @pytest.mark.parametrize(
        "other",
        [
            {"x": int64(1, 3)},  # a value
            {"y": int64(1, 2)},  # a name
            {"x": int64(1, 2)[None]},  # the shape
            {"x": int64(1, 2).view(np.float64)},  # the type, with the same bytes
            {"x": int64(1, 2), "y": int64()},  # one array more
            {"x": int64(2, 1)},  # the order of the samples
        ],
    )
    def test_it_tells_batches_apart(self, other: dict[str, NDArray[np.int64]]) -> None:
        """Name, type, shape and every byte count."""
        assert batch_digest(other) != batch_digest({"x": int64(1, 2)})
