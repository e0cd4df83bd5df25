"""What run.py runs: studies as values. A flagfile of flags/ is a study too: one training, with a full report.

A change names an attribute of `sensegen_tf.training.config.TrainConfig` by its path, such as
"generator.context.lags"; ".type" behind a part takes the registered part of that type, with the same attributes.
"""

import dataclasses

REPORT, QUICK_REPORT, TSBENCH = "report", "quick_report", "tsbench"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """One training of a study, for each seed.

    Attributes:
      changes: path of an attribute -> value in the place of the base's.
      after: name of the variant from whose weights, of the same seed, this one starts; "" for none.
    """

    changes: dict = dataclasses.field(default_factory=dict)
    after: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Trainings that are compared.

    Attributes:
      title: of its page.
      flagfile: of flags/, which says what the base is and on what it is trained.
      flags: over those of the flagfile.
      variants: name -> `Variant`, in the order of the page.
      seeds: of trainings, samples and reports.
      measure: REPORT, QUICK_REPORT or TSBENCH: what is measured of each; see reports.py and tsbench.py.
      notes: what a reader must know.
    """

    title: str
    flagfile: str
    flags: tuple[str, ...] = ()
    variants: dict[str, Variant] = dataclasses.field(default_factory=lambda: {BASE: Variant()})
    seeds: tuple[int, ...] = (0,)
    measure: str = QUICK_REPORT
    notes: tuple[str, ...] = ()


BASE = "as it is"


def _ablation():
    """What each part of `sensegen_accel` is worth: a short training without it, on subjects that are for choices."""
    adversarial = {"learning.generator_objective": "both", "learning.adversarial_weight": 0.1}
    as_many = {"schedule.outer_iterations": 9, "schedule.discriminator_steps": 50, "schedule.generator_steps": 50}
    changes = {
        BASE: {},
        "units of the values, not of the increments": {"generator.context.increment_units": False},
        "no autoregression (lags, running means)": {
            "generator.context.lags": 0,
            "generator.context.running_means": (),
        },
        "no running means": {"generator.context.running_means": ()},
        "diagonal covariance": {"generator.head.full_covariance": False},
        "a mixture for each channel": {"generator.head.type": "channelwise"},
        "the first step by the network": {"generator.initial": None},
        "first step of single clusters, learned": {"generator.initial.min_subjects": 0},
        "not conditional": {"generator.condition.label": False},
        "no dropout": {"generator.network.dropout": 0.0},
        "dropout 0.4": {"generator.network.dropout": 0.4},
        "no dequantisation": {"learning.dequantize": False},
        "constant learning rate": {"learning.learning_rate_decay": "none"},
        "temperatures of sampling": {"calibrate": True},
        "adversarial beside likelihood": adversarial,
        "the same with as many steps of the discriminator": {**adversarial, **as_many},
    }
    return Study(
        title="What each part of sensegen_accel is worth",
        flagfile="sensegen_accel",
        flags=(
            *("--exclude_subjects=04,10,12,18", "--test_subjects=05,11,16,22", "--nocalibrate"),
            *("--outer_iterations=3", "--discriminator_steps=10", "--generator_steps=150"),
            "--evaluation_windows=2048",
        ),
        variants={name: Variant(changes=each) for name, each in changes.items()},
        notes=(
            "The test subjects of this study are 05, 11, 16 and 22, for choices; 04, 10, 12 and 18, the test subjects "
            "of the reports, take no part.",
        ),
    )


def _refined(name):
    """A finished model that goes on in small steps, in which the generator also descends the discriminator's gradient,
    beside as many steps by likelihood alone."""
    small_steps = {
        "learning.adversarial_weight": 0.1,
        "learning.adversarial_batch_size": 16,
        "learning.generator_learning_rate": 3e-4,
        "learning.learning_rate_decay": "cosine",
        "schedule.outer_iterations": 5,
        "schedule.discriminator_steps": 60,
        "schedule.generator_steps": 60,
    }

    def after(objective):
        return Variant(changes={**small_steps, "learning.generator_objective": objective}, after="as trained")

    variants = {
        "as trained": Variant(),
        "likelihood and discriminator": after("both"),
        "likelihood alone": after("likelihood"),
    }
    return Study(title=f"Adversarial refinement of {name}", flagfile=name, variants=variants)


def _few_subjects():
    """What keeps a model of few people from learning them, without a guarantee."""
    turned, played = {"learning.rotation_degrees": 15.0}, {"learning.tempo_change": 0.1}
    changes = {
        BASE: {},
        "rotation by up to 15 degrees": turned,
        "tempo up to 10 % other": played,
        "both": {**turned, **played},
        "both, dropout 0.4": {**turned, **played, "generator.network.dropout": 0.4},
        "half of the steps": {"schedule.outer_iterations": 6},
    }
    return Study(
        title="Motion of few people",
        flagfile="sensegen_accel",
        variants={name: Variant(changes=each) for name, each in changes.items()},
        measure=REPORT,
    )


def _guarantee():
    """What a guarantee costs: the private fine-tuning of `sensegen_ecg` with less and less to spend, and without."""
    changes = {
        "no guarantee": {"privacy": None, "learning.batch_size": 256},
        "epsilon 8": {},
        "epsilon 4": {"privacy.epsilon": 4.0},
        "epsilon 1": {"privacy.epsilon": 1.0},
        "epsilon 8, the head alone": {"trainable": "head"},
        "epsilon 8, low rank": {"trainable": "lora"},
    }
    return Study(
        title="What a guarantee costs",
        flagfile="sensegen_ecg_private",
        variants={name: Variant(changes=each) for name, each in changes.items()},
        notes=("All start from the run of sensegen_ecg_public.flags, and take as many steps.",),
    )


def _tsbench(preset):
    """The published benchmark; longer windows of ETTh start from the weights for shorter ones."""
    # Outer iterations of each case, so that none takes more than an hour, the one before it counted.
    outer = {"sines_24": 40, "stocks_24": 12, "etth_24": 6, "energy_24": 8, "etth_64": 4, "etth_128": 3, "etth_256": 2}
    after = {"etth_64": "etth_24", "etth_128": "etth_64", "etth_256": "etth_128"}
    variants = {
        case: Variant(changes={"schedule.outer_iterations": count}, after=after.get(case, ""))
        for case, count in outer.items()
    }
    # Sines has no grid.
    variants["sines_24"].changes["learning.dequantize"] = False
    return Study(title="The published benchmark", flagfile=preset, variants=variants, seeds=(0, 1, 2), measure=TSBENCH)


_REFINED = ("sensegen", "sensegen_accel", "sensegen_imu", "sensegen_fast")
STUDIES = {
    "ablation": _ablation(),
    "few_subjects": _few_subjects(),
    "guarantee": _guarantee(),
    **{f"refined_{name}": _refined(name) for name in _REFINED},
    "tsbench": _tsbench("sensegen_table"),
    "tsbench_channelwise": _tsbench("sensegen_channelwise"),
}
