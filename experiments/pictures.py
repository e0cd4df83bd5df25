"""The pictures of a training: its figures along the outer iterations, and samples beside recordings."""

import os

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from results import HERE

_LOSSES = {"test_nll": "test subjects", "generator_loss": "training minibatches"}
_ACCURACIES = {"discriminator_accuracy": "both", "accuracy_on_real": "real", "accuracy_on_generated": "generated"}


def draw_curves(metrics, name):
    """NLL and the discriminator's accuracy over the outer iterations; the path below experiments/."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    outer = [row["outer"] for row in metrics]
    axes = figure.subplots(1, 2)
    panels = zip(axes, (_LOSSES, _ACCURACIES), ("NLL [nats a sample]", "share classified rightly"), strict=True)
    for axis, curves, title in panels:
        for key, label in curves.items():
            if key in metrics[0]:
                axis.plot(outer, [row[key] for row in metrics], marker=".", label=label)
        axis.set_xlabel("outer iteration")
        axis.set_ylabel(title)
        if axis.lines:
            axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    axes[1].axhline(0.5, color="gray", linestyle=":")
    axes[1].set_ylim(0, 1.02)
    path = os.path.join("pictures", f"{name}_curves.png")
    figure.savefig(os.path.join(HERE, path), dpi=80)
    return path


def draw_comparison(run, real, synthetic, name):
    """Recordings beside samples of a run, [N, T, C]; the path below experiments/."""
    from sensegen_tf.evaluation.plots import comparison

    dataset = run.dataset
    title = f"{name}: {dataset.training.count} training windows, {len(synthetic)} synthetic ones"
    how = {"rate": dataset.rate, "channels": dataset.channels, "units": dataset.units}
    path = os.path.join("pictures", f"{name}.png")
    comparison.save(comparison.compare(real, synthetic, title=title, **how), os.path.join(HERE, path))
    return path
