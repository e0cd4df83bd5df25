"""Plans training with differential privacy: what a guarantee for each subject costs.

Example:
  python -m sensegen_tf.privacy plan --subjects=7000 --parameters=500000

Prints, for every epsilon, number of steps and number of subjects in a step, the noise that keeps the guarantee and how
large it is on the mean gradient. A person counts as one subject, however many recordings there are.
"""

from absl import flags

from sensegen_tf import commands
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

with commands.topic("Who and what is trained"):
    flags.DEFINE_integer("subjects", None, "training subjects", lower_bound=1)
    flags.DEFINE_integer("parameters", None, "parameters that are trained", lower_bound=1)
with commands.topic("Guarantees and schedules to compare"):
    flags.DEFINE_list("epsilon", ["1", "4", "8"], "epsilons for each subject")
    flags.DEFINE_float("delta", 1e-5, "delta of all of them", lower_bound=1e-12, upper_bound=0.1)
    flags.DEFINE_list("subjects_per_step", [], "subjects expected in a step; by default a tenth, a third and all")
    flags.DEFINE_list("steps", ["200", "500", "1000"], "training steps")
commands.required("subjects", "parameters")


def _numbers(name, kind):
    """The numbers of a list flag, one or more."""
    if not FLAGS[name].value:
        raise InputError(f"{name} holds no number", fields=[name])
    try:
        return [kind(each) for each in FLAGS[name].value]
    except ValueError as error:
        raise InputError(
            f"{name} holds something that is no number: {', '.join(FLAGS[name].value)}", fields=[name]
        ) from error


def plan() -> None:
    """Prints the table."""
    from sensegen_tf.training import privacy

    subjects = FLAGS.subjects
    shares = sorted({max(subjects // 10, 1), max(subjects // 3, 1), subjects})
    if FLAGS.subjects_per_step:
        shares = _numbers("subjects_per_step", int)
    print(f"{'epsilon':>8} {'steps':>7} {'subjects a step':>16} {'sigma':>8} {'noise / clip':>13}")
    for epsilon in _numbers("epsilon", float):
        for steps in _numbers("steps", int):
            for share in shares:
                found = privacy.plan(
                    subjects=subjects,
                    parameters=FLAGS.parameters,
                    epsilon=epsilon,
                    delta=FLAGS.delta,
                    subjects_per_step=share,
                    steps=steps,
                )
                sigma, ratio = found.noise_multiplier, found.noise_ratio
                print(f"{epsilon:>8g} {steps:>7} {share:>16} {sigma:>8.3g} {ratio:>13.3g}", flush=True)
    print(f"\nOf the last row: {found.advice}")


def main(*words: str) -> None:
    """Plans."""
    if words != ("plan",):
        raise InputError("say what to do: plan", fields=["command"])
    plan()


if __name__ == "__main__":
    commands.run(main, positional=True)
