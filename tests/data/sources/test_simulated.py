import numpy as np

from sensegen_tf.data.sources import SourceConfig, load, simulated


def recordings(count, seconds=12.0):
    return simulated.ecg(subjects=count, seconds=seconds).recordings


def intervals(recording):
    return np.diff([event.sample for event in recording.events]) / recording.rate


def test_the_same_seed_makes_the_same_subjects_and_more_of_them_add_to_them():
    first, again = recordings(3), recordings(4)
    for one, other in zip(first, again[:3], strict=True):
        np.testing.assert_array_equal(one.signals, other.signals)
    assert (simulated.ecg(subjects=1, seconds=12.0, seed=1).recordings[0].signals != first[0].signals).any()
    assert len({recording.subject for recording in again}) == 4


def test_rhythms_have_their_intervals():
    found = {label: [] for label in "NAO"}
    for recording in recordings(120):
        of_one = intervals(recording)
        assert of_one.min() > 0.28 and of_one.max() < 3
        found[recording.spans[0].label].append(of_one.std() / of_one.mean())
    assert min(len(each) for each in found.values()) > 8
    assert np.median(found["A"]) > 0.12 > 0.06 > np.median(found["N"])


def test_peaks_stand_where_the_events_are():
    for recording in recordings(10):
        signal = np.abs(recording.signals[:, 0] - np.median(recording.signals))
        inside = [event.sample for event in recording.events if 20 < event.sample < len(signal) - 20]
        peaks = [signal[sample - 10 : sample + 11].max() for sample in inside]
        assert np.median(peaks) > 3 * np.median(signal)


def test_the_source_is_embedded(monkeypatch):
    monkeypatch.setattr(simulated, "SUBJECTS", 2)
    monkeypatch.setitem(simulated.ecg.__kwdefaults__, "subjects", 2)
    collection = load(SourceConfig(source="simulated_ecg", resample_hz=120))
    assert len(collection.recordings) == 2 and collection.recordings[0].rate == 120 and collection.resampled
