import itertools

import numpy as np
import pytest

from sensegen_tf.data import pipeline, records
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Dataset, Standardizer, Windows
from sensegen_tf.errors import InputError


def windows(count, labels=None):
    """Windows of [2, 1] that hold their own number."""
    values = np.repeat(np.arange(count, dtype="f"), 2).reshape(count, 2, 1)
    return Windows(values, np.array([f"p{i % 3}" for i in range(count)]), np.array(labels or [""] * count))


def dataset(count=50):
    standardizer = Standardizer(*(np.array([x], "f") for x in (3.0, 2.0, 0.5)))
    sensors = (Sensor(0.5, None, 9.0),)
    return Dataset(50.0, ("x",), ("g",), sensors, 2, windows(count), windows(7), standardizer, "terms")


@pytest.fixture
def prepared(tmp_path):
    """A prepared set of 50 training windows in shards of 16, and its folder."""
    records.write_prepared(dataset(), tmp_path / "set", 16)
    return pipeline.open_prepared(tmp_path / "set"), tmp_path / "set"


@pytest.fixture(params=["memory", "shards"])
def source(request, prepared):
    return windows(50) if request.param == "memory" else prepared[0].training


def take(source, count, first=0, seed=(0, 1), batch_size=8, balance=False, share=(0, 1)):
    batches = pipeline.minibatches(source, batch_size, seed, first, balance, share)
    return np.stack([np.asarray(batch.values)[:, 0, 0] for batch in itertools.islice(batches, count)])


def test_every_window_once_an_epoch_in_changing_order(source):
    epochs = take(source, 25).reshape(4, 50)
    for epoch in epochs:
        assert sorted(epoch) == list(range(50))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_labels_and_people_come_along_by_number(tmp_path):
    labelled = windows(50, ["run", "sit"] * 25)
    whole = Dataset(**{**vars(dataset()), "training": labelled, "heldout": labelled})
    records.write_prepared(whole, tmp_path / "set", 16)
    for source in (labelled, pipeline.open_prepared(tmp_path / "set").training):
        assert source.label_names == ("run", "sit") and source.people == ("p0", "p1", "p2")
        for batch in itertools.islice(pipeline.minibatches(source, 8, (0, 1), 0), 10):
            number = np.asarray(batch.values)[:, 0, 0].astype(int)
            np.testing.assert_array_equal(batch.label, number % 2)
            np.testing.assert_array_equal(batch.person, number % 3)


@pytest.mark.parametrize("first", [1, 2, 5, 6, 7, 13, 20])
def test_a_function_of_seed_and_number(source, first):
    np.testing.assert_array_equal(take(source, 5, first), take(source, 25)[first : first + 5])


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
    shares = [take(windows(50), 9, first, share=(worker, 4)) for worker in range(4)]
    np.testing.assert_array_equal(np.concatenate(shares, 1), whole)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_read_shards_of_their_own(prepared, workers):
    # 50 windows in four shards: 16, 16, 16 and 2. All of an epoch's shards are dealt out before the next one's.
    source, size = prepared[0].training, 12 // workers
    drawn = [take(source, 60, batch_size=12, share=(worker, workers)) for worker in range(workers)]
    assert all(each.shape == (60, size) for each in drawn)
    counts = np.unique(np.concatenate(drawn), return_counts=True)[1]
    assert len(counts) == 50 and counts.min() >= 0.6 * counts.mean()
    if workers == 2:
        # Two shards each, never the same: what one worker sees in its first visits the other does not.
        both = [set(each.ravel()[:18].tolist()) for each in drawn]
        assert not both[0] & both[1]
    for worker in range(workers):
        again = take(source, 20, 17, batch_size=12, share=(worker, workers))
        np.testing.assert_array_equal(again, drawn[worker][17:37])


def test_fewer_shards_than_workers_are_refused(prepared):
    with pytest.raises(InputError, match="has 4 shards to train on and there are 5 workers"):
        take(prepared[0].training, 1, batch_size=10, share=(0, 5))


def test_labels_take_turns_when_balanced():
    labels = ["rare"] * 3 + ["common"] * 47
    drawn = take(windows(50, labels), 40, balance=True)
    assert ((drawn < 3).sum(1) == 4).all()
    # Within a label, every window once an epoch of that label.
    common = drawn[drawn >= 3][:47]
    assert len(set(common.tolist())) == 47


def test_balancing_refuses_what_it_cannot_do(prepared):
    with pytest.raises(InputError, match="at least two labels"):
        pipeline.minibatches(windows(5), 2, (0, 0), 0, balance=True)
    with pytest.raises(InputError, match="needs windows in memory"):
        pipeline.minibatches(prepared[0].training, 2, (0, 0), 0, balance=True)


def test_a_prepared_set_holds_all_that_the_dataset_held(prepared):
    opened, original = prepared[0], dataset()
    described = opened.describe()
    for split in described["splits"].values():
        del split["shards_checksum"]
    assert described == original.describe()
    assert opened.sensors == original.sensors and opened.terms == "terms"
    assert sorted(opened.heldout.spread(100).values[:, 0, 0]) == list(range(7))
    assert opened.training.spread(10).values.shape == (10, 2, 1)
    assert sorted(opened.training.spread(1000).values[:, 0, 0]) == list(range(50))


def test_another_layout_of_the_same_windows_is_told_apart(prepared, tmp_path):
    records.write_prepared(dataset(), tmp_path / "other", 10)
    other = pipeline.open_prepared(tmp_path / "other").training.describe()
    assert other["shards_checksum"] != prepared[0].training.describe()["shards_checksum"]


def shard_file(folder):
    return folder / records.read_manifest(folder)["splits"]["training"]["shards"][2]["file"]


def test_a_corrupted_shard_is_named(prepared):
    opened, folder = prepared
    path = shard_file(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"shard .*{path.name} is corrupted"):
        take(opened.training, 10)


def test_a_missing_shard_is_named(prepared):
    opened, folder = prepared
    shard_file(folder).unlink()
    with pytest.raises(InputError, match=f"cannot read the shard .*{shard_file(folder).name}"):
        take(opened.training, 10)


def test_an_existing_folder_and_another_format_are_refused(prepared):
    _, folder = prepared
    with pytest.raises(InputError, match="exists; remove it"):
        records.write_prepared(dataset(), folder, 16)
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"format": 2', '"format": 99'))
    with pytest.raises(InputError, match="format 99"):
        pipeline.open_prepared(folder)
    (folder / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match="incomplete"):
        pipeline.open_prepared(folder)
