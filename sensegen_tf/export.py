"""Exports a version of a run's model, which a server may load: from its newest checkpoint, whole or not at all.

Example:
  python -m sensegen_tf.export --checkpoint=experiments/runs/quickstart --model_dir=export/models/quickstart

Training exports at its end by itself. This command writes another version, also of a run that has not ended.
"""

from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS

with commands.topic("Export"):
    flags.DEFINE_string("checkpoint", None, "folder of a run: the --run_dir of its training")
    flags.DEFINE_string("model_dir", None, "folder of the model's versions, under whose name it is served")
commands.required("checkpoint", "model_dir")


def main() -> None:
    """Writes the version and prints its path."""
    # Slow imports wait until the flags have been checked.
    from sensegen_tf.serving import export

    print(f"SavedModel  {export.export_run(FLAGS.checkpoint, FLAGS.model_dir)}")


if __name__ == "__main__":
    commands.run(main)
