"""Time columns of numbers: unit, rate, what is uneven."""

import numpy as np
import pytest

from sensegen_tf.data import clock
from sensegen_tf.errors import InputError

EVEN = np.arange(160) / 50


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (EVEN, "seconds"),
        (1_700_000_000 + EVEN, "seconds since 1970"),
        (np.int64(1_700_000_000_000) + np.arange(160) * 20, "milliseconds since 1970"),
        (np.int64(1_700_000_000_000_000) + np.arange(160) * 20_000, "microseconds since 1970"),
        (np.int64(1_700_000_000_000_000_123) + np.arange(160) * 20_000_000, "nanoseconds since 1970"),
        (np.int64(482_915_000_000_000) + np.arange(160) * 20_000_000, "nanoseconds"),
        (np.arange(160) * 20_000, "microseconds"),
        (45_352.4 + EVEN / 86_400, "days"),
    ],
)
def test_the_unit_is_found(values, unit):
    found = clock.from_numbers(values, where="t")
    assert found.unit == unit and clock.rate([found.seconds], found.grain) == 50
    np.testing.assert_allclose(found.seconds, EVEN, atol=1e-6)


def test_a_unit_that_is_given_is_taken():
    found = clock.from_numbers(np.arange(100) * 20, unit="ms", where="t")
    assert clock.rate([found.seconds], found.grain) == 50 and found.unit == "milliseconds"


def test_a_unit_that_nothing_says_is_asked_for():
    """Every 20 s, or every 20 ms."""
    with pytest.raises(InputError, match=r"steps by 20, .*s 0.05 Hz, ms 50 Hz.*time_unit") as error:
        clock.from_numbers(np.arange(100) * 20, where="t")
    assert error.value.fields == ("time_unit",)


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_a_rate_that_no_recording_has_is_refused(unit):
    found = clock.from_numbers(np.arange(100) * (1000 if unit == "s" else 1), unit=unit, where="t")
    with pytest.raises(InputError, match=r"0.01 to 100,000 Hz") as error:
        clock.rate([found.seconds], found.grain)
    assert error.value.fields == ("time_unit",)


@pytest.mark.parametrize(
    ("rate", "digits"), [(400, 3), (360, 3), (128, 3), (30, 2), (60, 2), (128, 2), (46, 5), (30, 0), (512, 1)]
)
@pytest.mark.parametrize("rounding", [np.round, np.floor])
@pytest.mark.parametrize("start", [0.0, 0.137])
def test_rounded_stamps_give_the_rate_of_the_whole(rate, digits, rounding, start):
    stamps = rounding((start + np.arange(3000) / rate) * 10.0**digits) / 10.0**digits
    found = clock.from_numbers(stamps, unit="s", where="t")
    rate_found = clock.rate([found.seconds], found.grain)
    assert rate_found == pytest.approx(rate, rel=1e-3)
    assert clock.fault(found.seconds, rate=rate_found, grain=found.grain, first_row=1) is None


def fault_of(times):
    found = clock.from_numbers(times, unit="s", where="t")
    rate = clock.rate([found.seconds], found.grain)
    return rate, clock.fault(found.seconds, rate=rate, grain=found.grain, first_row=11)


def test_packets_bursts_duplicates_and_late_rows_have_their_names():
    rate, found = fault_of(np.repeat(np.arange(40) * 0.32, 16))
    assert rate == 50 and found.kind == "packets" and found.spread and "16 rows" in found.words
    rate, found = fault_of(np.concatenate([k * 0.32 + np.arange(16) * 0.001 for k in range(40)]))
    assert rate == 50 and found.kind == "bursts" and found.spread and "16 rows" in found.words
    times = EVEN.copy()
    times[[70, 91]] = times[[69, 90]]
    rate, found = fault_of(times)
    assert rate == 50 and found.kind == "duplicates" and "2 rows" in found.words and "data row 81" in found.words
    times = EVEN.copy()
    times[31] += 0.009
    rate, found = fault_of(times)
    assert rate == 50 and found.kind == "irregular" and not found.spread and "from data row 41 to 42" in found.words


def test_a_missing_row_is_not_taken_for_rounding():
    times = np.arange(300) / 100
    times[150:] += 0.01
    rate, found = fault_of(times)
    assert rate == 100 and found.kind == "irregular" and "1 of 299" in found.words


def test_pauses_are_gaps_unless_they_part_bursts():
    assert clock.usual_step(np.diff(EVEN)) == pytest.approx(0.02)
    minutes = np.concatenate([k * 600 + np.arange(500) / 50 for k in range(5)])
    assert clock.usual_step(np.diff(minutes)) == pytest.approx(0.02)
    bursts = np.concatenate([k * 0.32 + np.arange(16) * 0.001 for k in range(40)])
    assert clock.usual_step(np.diff(bursts)) == pytest.approx(0.305)
    assert clock.usual_step(np.diff(np.repeat(np.arange(40) * 0.32, 16))) == pytest.approx(0.32)
