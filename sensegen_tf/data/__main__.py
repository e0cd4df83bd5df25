"""Looks at recordings, prepares them for training as a stream, and fetches the public sets.

Example:
  python -m sensegen_tf.data inspect --source=hapt --data_dir=DIR --picture=F.png
  python -m sensegen_tf.data prepare --source=hapt --data_dir=DIR --output=SET
  python -m sensegen_tf.data download hapt --data_dir=DIR

`inspect` prints what the recordings hold and how they would be cut into windows. `prepare` writes the windows of all
splits as TFRecord shards. Both need --source. `download` fetches hapt, uci_har or mitbih into --data_dir.
"""

import dataclasses
import shlex
import sys

from absl import flags

from sensegen_tf import commands, data_flags
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

data_flags.define()
with commands.topic("Inspect"):
    flags.DEFINE_string("picture", None, "PNG file to draw some of the recordings into")
with commands.topic("Prepare"):
    flags.DEFINE_string("output", None, "folder to make; `prepare` needs it")
    flags.DEFINE_integer("shard_windows", 4096, "windows in a shard; a reader holds about three", lower_bound=1)
    flags.DEFINE_integer(
        "processes",
        None,
        "how many read and write; each holds one file of the recordings. By default one a core, or one where the files "
        "are small",
        lower_bound=1,
    )


def inspect() -> None:
    """Prints what the recordings hold, how they would be cut, what would hurt, and the command that trains on them."""
    from sensegen_tf.data import advice, overview

    commands.refuse(["output", "shard_windows", "processes"], "with `prepare`")
    commands.require("source")
    found: list[str] = []
    if data_flags.is_prepared():
        commands.refuse(["picture"], "with recordings, not with a prepared set")
        dataset = data_flags.load_dataset()
    else:
        collection = data_flags.load_collection()
        print(overview.describe_recordings(collection), end="\n\n")
        if FLAGS.picture:
            overview.draw(collection, FLAGS.picture)
            print(f"picture: {FLAGS.picture}\n")
        dataset = data_flags.cut_collection(collection)
        found = advice.warnings(collection, dataset)
    print(overview.describe_channels(dataset), end="\n\n")
    print(overview.describe_windows(dataset), end="\n\n")
    if attributes := overview.describe_attributes(dataset):
        print(attributes, end="\n\n")
    if found:
        print("\n".join(f"warning: {warning}" for warning in found), end="\n\n")
    print(f"Train on it: {_training(dataset)}")


def _training(dataset):
    """The command that trains on what was inspected."""
    from sensegen_tf.data import advice

    labelled = len(dataset.training.label_names) > 1
    name = advice.preset(dataset.channels, dataset.units, labelled=labelled, rate=dataset.rate)
    given = [word for word in sys.argv[1:] if word != "inspect" and not word.startswith("--picture")]
    return shlex.join(["python", "-m", "sensegen_tf.train", *given, f"--preset={name}", "--run_dir=runs/mine"])


def prepare() -> None:
    """Writes the windows of all splits as TFRecord shards, without holding the recordings in memory."""
    from sensegen_tf.data import overview, streaming
    from sensegen_tf.data.sources.prepared import open_prepared

    commands.refuse(["picture"], "with `inspect`")
    commands.require("source", "output")
    asked = data_flags.source_config()
    with streaming.open_source(asked, FLAGS.output, processes=FLAGS.processes) as recordings:
        print("".join(f"{note}\n" for note in recordings.notes), end="")
        config = data_flags.window_config(recordings.rate, test_subjects=recordings.test_subjects)
        notes = recordings.write(config, labels_asked=bool(FLAGS.labels), shard_windows=FLAGS.shard_windows)
    print(overview.describe_windows(dataclasses.replace(open_prepared(FLAGS.output), notes=notes)))
    print(f"\nTrain on it with --source=tfrecord --data_dir={FLAGS.output}")


def download(name: str) -> None:
    """Fetches a public set into --data_dir.

    Args:
      name: of the set.
    """
    from sensegen_tf.data.download import SETS
    from sensegen_tf.data.download import download as fetch

    if name not in SETS:
        raise InputError(f"download knows {', '.join(SETS)}, not {name}", fields=["name"])
    commands.refuse([each for each in commands.flag_values() if each != "data_dir"], "with `inspect` or `prepare`")
    commands.require("data_dir")
    fetch(name, FLAGS.data_dir)
    print(
        f"{name}: {FLAGS.data_dir}. Look at it: "
        f"python -m sensegen_tf.data inspect --source={name} --data_dir={FLAGS.data_dir}"
    )


def main(*words: str) -> None:
    """Runs `inspect`, `prepare` or `download NAME`."""
    match words:
        case ["inspect"]:
            return inspect()
        case ["prepare"]:
            return prepare()
        case ["download", name]:
            return download(name)
    raise InputError(f"expected inspect, prepare, or download NAME, got {' '.join(words) or 'nothing'}; see --help")


if __name__ == "__main__":
    commands.run(main, positional=True)
