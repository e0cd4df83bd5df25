"""Where recordings come from: one file a format, each a function that returns a list of `Recording`."""

from sensegen_tf.data.sources import demo

SOURCES = {
    "watch": demo.watch,
    "ecg": demo.ecg,
}
