"""A small exported model that is not conditional: one channel at 120 Hz, four samples a step, random weights."""

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models import config
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.serving import versions
from sensegen_tf.serving.model_card import ModelCard
from sensegen_tf.serving.signatures import MAX_LENGTH, Signatures

_GENERATOR = config.GeneratorConfig(
    network=config.NetworkConfig(units=(24, 16), dense_units=12),
    context=config.ContextConfig(lags=2, running_means=(6.0,), refractory=30, residual=True, increment_units=True),
    head=config.JointHeadConfig(components=3, block=4),
    initial=config.InitialMixtureConfig(components=2),
)
_DISCRIMINATOR = config.DiscriminatorConfig(network=config.NetworkConfig(units=(6,), dense_units=4))


def write(folder):
    """Writes the model; the path of its version."""
    generator, discriminator = Generator(_GENERATOR, 1, seed=3), Discriminator(_DISCRIMINATOR, 1, seed=3)
    generator.build()
    discriminator.build()
    sensors = [Sensor(resolution=0.005, low=-5.0, high=5.0)]
    standardizer = Standardizer(mean=[-0.3], std=[0.4], increment=[0.2], sensors=sensors)
    generator.set_increment_unit(standardizer.increment)
    module = Signatures(generator, discriminator, standardizer=standardizer)
    known = {"rate": 120.0, "channels": ("MLII",), "units": ("mV",), "subjects": ["a"]}
    windows = WindowSet(values=np.zeros([1, 48, 1]), **known)
    data = Dataset(training=windows, test=windows, standardizer=standardizer, sensors=standardizer.sensors)
    card = ModelCard(
        name="plain",
        preset="small",
        rate=120.0,
        channels=("MLII",),
        units=("mV",),
        labels=(),
        label_shares=(),
        temperatures={"all": 1.0},
        window_length=48,
        block=4,
        max_length=MAX_LENGTH,
        source="nothing",
        data=data.describe(),
        config={},
        provenance={},
        versions={},
        metrics={},
        report={},
        signatures=module.describe(),
    )
    return versions.write_version(module, card, model_dir=folder)
