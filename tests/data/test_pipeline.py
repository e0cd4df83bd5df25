import itertools
from pathlib import Path

import numpy as np
import pytest

from sensegen_tf.data.pipeline import check_minibatches, minibatches
from sensegen_tf.data.sources.prepared import open_prepared, write_prepared
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from tests.data.making import dataset, windows

# Minibatches 5 and 6 of seed (3, 7), as all versions made them, so that a run goes on where an earlier one stopped.
ORDER = {
    "memory": [[49, 6, 42, 37, 18, 23, 35, 8], [17, 26, 13, 24, 14, 17, 12, 44]],
    "shards": [[40, 7, 5, 49, 13, 25, 9, 42], [29, 39, 9, 44, 49, 33, 29, 12]],
}


@pytest.fixture
def shards(tmp_path):
    """50 training windows in shards of 16."""
    write_prepared(dataset(), tmp_path / "set", shard_windows=16)
    return open_prepared(tmp_path / "set").training


@pytest.fixture(params=["memory", "shards"])
def source(request, shards):
    return windows(50) if request.param == "memory" else shards


def take(source, count, first=0, *, seed=(0, 1), batch_size=8, **given):
    batches = minibatches(source, batch_size, seed=seed, first=first, **given)
    return np.stack([np.asarray(batch.values)[:, 0, 0] for batch in itertools.islice(batches, count)])


def test_every_window_once_an_epoch_in_changing_order(source):
    epochs = take(source, 25).reshape(4, 50)
    for epoch in epochs:
        assert sorted(epoch) == list(range(50))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_labels_come_along_as_indices(tmp_path):
    labelled = windows(50, ["run", "sit"] * 25)
    write_prepared(dataset(training=labelled, test=labelled), tmp_path / "set", shard_windows=16)
    for source in (labelled, open_prepared(tmp_path / "set").training):
        assert source.label_names == ("run", "sit") and source.subject_names == ("p0", "p1", "p2")
        for batch in itertools.islice(minibatches(source, 8, seed=(0, 1), first=0), 10):
            number = np.asarray(batch.values)[:, 0, 0].astype(int)
            np.testing.assert_array_equal(batch.label, number % 2)
            assert np.asarray(batch.label).dtype == np.int32


def test_windows_without_labels_have_index_zero():
    bare = WindowSet(values=windows(9).values)
    (batch,) = itertools.islice(minibatches(bare, 4, seed=(0, 1), first=0), 1)
    np.testing.assert_array_equal(batch.label, [0] * 4)


@pytest.mark.parametrize("first", [1, 2, 5, 6, 7, 13, 20])
def test_a_function_of_seed_and_number(source, first):
    np.testing.assert_array_equal(take(source, 5, first), take(source, 25)[first : first + 5])


def test_the_order_is_that_of_every_version(source):
    expected = ORDER["memory" if isinstance(source, WindowSet) else "shards"]
    np.testing.assert_array_equal(take(source, 2, 5, seed=(3, 7)), expected)


def test_seeds_give_orders_of_their_own(source):
    reference = take(source, 5)
    assert (reference != take(source, 5, seed=(1, 1))).any() and (reference != take(source, 5, seed=(0, 2))).any()


def test_a_batch_larger_than_the_set_reaches_into_the_next_epochs(source):
    batch = take(source, 1, batch_size=120)[0]
    counts = np.unique(batch, return_counts=True)[1]
    assert len(counts) == 50 and counts.min() == 2 and counts.max() == 3


@pytest.mark.parametrize("first", [0, 3])
def test_workers_share_the_minibatches_of_one(first):
    whole = take(windows(50), 9, first)
    local = [take(windows(50), 9, first, shard_index=worker, num_shards=4) for worker in range(4)]
    np.testing.assert_array_equal(np.concatenate(local, 1), whole)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_read_shards_of_their_own(shards, workers):
    # 50 windows in four shards: 16, 16, 16 and 2. All shards of an epoch are read before those of the next one.
    size = 12 // workers

    def read(worker, count, first=0):
        return take(shards, count, first, batch_size=12, shard_index=worker, num_shards=workers)

    drawn = [read(worker, 60) for worker in range(workers)]
    assert all(each.shape == (60, size) for each in drawn)
    counts = np.unique(np.concatenate(drawn), return_counts=True)[1]
    assert len(counts) == 50 and counts.min() >= 0.6 * counts.mean()
    if workers == 2:
        # Two shards each, never the same: what one worker sees in its first visits the other does not.
        both = [set(each.ravel()[:18].tolist()) for each in drawn]
        assert not both[0] & both[1]
    for worker in range(workers):
        np.testing.assert_array_equal(read(worker, 20, 17), drawn[worker][17:37])


def test_fewer_shards_than_workers_are_refused(shards):
    with pytest.raises(InputError, match="has 4 shards to train on and there are 5 workers") as error:
        take(shards, 1, batch_size=10, num_shards=5)
    assert error.value.fields == ("shard_windows",)
    check_minibatches(shards, balance=False, num_shards=4)


def test_labels_alternate_when_balanced():
    labels = ["rare"] * 3 + ["common"] * 47
    drawn = take(windows(50, labels), 40, balance=True)
    assert ((drawn < 3).sum(1) == 4).all()
    # Within a label, every window once an epoch of that label.
    common = drawn[drawn >= 3][:47]
    assert len(set(common.tolist())) == 47


def test_balancing_refuses_what_it_cannot_do(shards):
    for source, message in ((windows(5), "at least two labels"), (shards, "needs windows in memory")):
        with pytest.raises(InputError, match=message) as error:
            minibatches(source, 2, seed=(0, 0), first=0, balance=True)
        assert error.value.fields == ("balance_labels",)
    check_minibatches(windows(2, ["a", "b"]), balance=True, num_shards=1)


def test_a_corrupted_shard_is_named_while_iterating(shards):
    path = sorted(Path(shards.folder).glob("training-*"))[2]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"shard .*{path.name} is corrupted"):
        take(shards, 10)
