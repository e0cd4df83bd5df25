"""Trains as `python -m sensegen_tf.train` does, with sizes of the generator of its row of the zoo changed.

python experiments/train_variant.py '{"dropout": 0.4}' --model=sensegen_accel --flagfile=...
"""

import dataclasses
import json
import sys

from sensegen_tf import commands, train
from sensegen_tf.models.zoo import ZOO


def main():
    name, row = train.FLAGS.model, ZOO[train.FLAGS.model]
    sizes = {key: tuple(value) if isinstance(value, list) else value for key, value in CHANGES.items()}
    ZOO[name] = dataclasses.replace(row, generator=dataclasses.replace(row.generator, **sizes))
    return train.main()


if __name__ == "__main__":
    CHANGES = json.loads(sys.argv.pop(1))
    commands.run(main)
