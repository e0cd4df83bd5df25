"""Texts of a time column."""

import numpy as np
import pytest

from sensegen_tf.data import moments
from sensegen_tf.errors import InputError

pyarrow = pytest.importorskip("pyarrow")


def seconds(*texts, time_format=""):
    return moments.parse(pyarrow.array(texts), time_format=time_format, where="t")[0].round(6).tolist()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-03-01 10:00:00.000+0100 [Europe/London]", "2024-03-01 10:00:00.020+0100 [Europe/London]"),
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00.020Z"),
        ("2024-03-01 10:00:00.000 UTC", "2024-03-01 10:00:00.020 UTC"),
        ("2024/03/01 10:00:00,000", "2024/03/01 10:00:00,020"),
        ("3/1/2024 1:00:00.000 PM", "3/1/2024 1:00:00.020 PM"),
        ("31.03.2024 10:00:00.980", "31.03.2024 10:00:01.000"),
        ("01/03/2024 10:00:00.000", "01/03/2024 10:00:00.020"),
        ("10:59:59.990", "11:00:00.010"),
    ],
)
def test_common_forms(first, second):
    found = seconds(first, second)
    assert found[1] - found[0] == pytest.approx(0.02)


def test_noon_midnight_and_zones():
    assert seconds("12:00:00 AM", "12:00:00 PM") == [0, 43200]
    assert seconds("23:59:59.5", "00:00:00.5") == [86399.5, 86400.5]
    # The clock is put forward.
    spring = seconds("2024-03-31 01:59:59.98 +01:00", "2024-03-31 03:00:00.00 +02:00")
    assert spring[1] - spring[0] == pytest.approx(0.02)
    assert np.ptp(seconds("2024-02-28 23:59:59", "2024-03-01 00:00:00")) == 86401


def test_the_order_of_day_and_month_is_that_which_rises():
    assert np.ptp(seconds("28/02/2024 23:59:59", "29/02/2024 00:00:00")) == 1
    assert np.ptp(seconds("2/28/2024 23:59:59", "2/29/2024 00:00:00")) == 1
    with pytest.raises(InputError, match="cannot be told") as error:
        seconds("01/03/2024 10:00:00", "02/03/2024 10:00:00")
    assert error.value.fields == ("time_format",)


def test_a_format_that_is_given_is_taken():
    found = seconds("1er 10h00m00.50", "1er 10h00m00.52", time_format="%der %Hh%Mm%S.%f")
    assert found[1] - found[0] == pytest.approx(0.02)
    with pytest.raises(InputError, match="t, data row 2: .*does not match format") as error:
        seconds("10h", "ten", time_format="%Hh")
    assert error.value.fields == ("time_format",)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("2024-03-01 10:00:00", "yesterday"), "t, data row 2: 'yesterday' is no time that is known"),
        (("noon", "10:00:00"), "t, data row 1: 'noon' is no time"),
        (("2024-02-31 10:00:00", "2024-03-01 10:00:00"), "a date does not exist"),
        (("31/31/2024 10:00:00", "31/31/2024 10:00:01"), "no month"),
    ],
)
def test_what_is_no_time_is_refused_with_its_row(texts, message):
    with pytest.raises(InputError, match=message):
        seconds(*texts)
