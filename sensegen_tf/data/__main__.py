"""Looks at recordings, prepares them for training as a stream, and fetches the public sets.

python -m sensegen_tf.data inspect --source=hapt --data_dir=DIR [--picture=F.png]
python -m sensegen_tf.data prepare --source=hapt --data_dir=DIR --output=DIR2
python -m sensegen_tf.data download hapt|uci_har|mitbih --data_dir=DIR
"""

from absl import flags

from sensegen_tf import commands, data_flags
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

flags.adopt_module_key_flags(data_flags)
flags.DEFINE_string("picture", None, "inspect: write a picture of some recordings to this PNG file")
flags.DEFINE_string("output", None, "prepare: folder to make")
flags.DEFINE_integer("shard_windows", 4096, "prepare: windows in a shard; a reader holds about three", lower_bound=1)


def _need(*names):
    missing = [f"--{name}" for name in names if not FLAGS[name].value]
    if missing:
        raise InputError(f"{', '.join(missing)} must be given")


def inspect():
    """Prints what the recordings hold and how they would be cut."""
    from sensegen_tf.data import overview

    _need("source")
    if data_flags.is_prepared():
        dataset = data_flags.load_dataset()
    else:
        collection = data_flags.load_collection()
        print(overview.describe_recordings(collection), end="\n\n")
        if FLAGS.picture:
            overview.draw(collection, FLAGS.picture)
            print(f"picture: {FLAGS.picture}\n")
        dataset = data_flags.cut_collection(collection)
    print(overview.describe_channels(dataset), end="\n\n")
    print(overview.describe_windows(dataset))


def prepare():
    """Writes the windows of both splits as TFRecord shards."""
    from sensegen_tf.data import overview, records

    _need("source", "output")
    dataset = data_flags.load_dataset_from_recordings()
    records.write_prepared(dataset, FLAGS.output, FLAGS.shard_windows)
    print(overview.describe_windows(dataset))
    print(f"\nTrain on it with --source=tfrecord --data_dir={FLAGS.output}")


def download(name):
    """Fetches a public set."""
    from sensegen_tf.data.download import SETS
    from sensegen_tf.data.download import download as fetch

    if name not in SETS:
        raise InputError(f"download knows {', '.join(SETS)}, not {name}")
    _need("data_dir")
    fetch(name, FLAGS.data_dir)
    print(
        f"{name}: {FLAGS.data_dir}. Look at it: "
        f"python -m sensegen_tf.data inspect --source={name} --data_dir={FLAGS.data_dir}"
    )


def main(*arguments):
    match arguments:
        case ["inspect"]:
            return inspect()
        case ["prepare"]:
            return prepare()
        case ["download", name]:
            return download(name)
    raise InputError(f"expected inspect, prepare, or download NAME, got {' '.join(arguments) or 'nothing'}; see --help")


if __name__ == "__main__":
    commands.run(main, positional=True)
