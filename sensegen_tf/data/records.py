"""The one TFRecord format: a `tf.train.Example` a series, which says all that is needed to read it.

signals   float list, T * C values, row by row      channels, units   bytes lists, C each
shape     int64 list, [T, C]                        rate              float list, Hz
seed      int64 list, of generated series: the row's seed
"""

import tensorflow as tf


def example(series, rate, channels, units, seed):
    """One generated series as a serialised `tf.train.Example`.

    Args:
      series: float32 [T, C], physical units.
      rate: Hz.
      channels, units: C strings each.
      seed: the row's seed.

    Returns:
      Bytes.
    """

    def texts(values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))

    feature = {
        "signals": tf.train.Feature(float_list=tf.train.FloatList(value=series.ravel())),
        "shape": tf.train.Feature(int64_list=tf.train.Int64List(value=series.shape)),
        "rate": tf.train.Feature(float_list=tf.train.FloatList(value=[rate])),
        "channels": texts(channels),
        "units": texts(units),
        "seed": tf.train.Feature(int64_list=tf.train.Int64List(value=[seed])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)
