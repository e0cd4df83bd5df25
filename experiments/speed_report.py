"""What speed.py measured, as a section of RESULTS.md and as pictures/speed.png."""

import os
import statistics

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from speed_contenders import BOUND_FLOP, Case

HERE = os.path.dirname(os.path.abspath(__file__))


def _ratio(slow, fast):
    """How many times faster `fast` is, turn by turn: median and quartiles."""
    ratios = sorted(a / b for a, b in zip(slow["seconds"], fast["seconds"], strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return middle, low, high


def _text(ratio, target=None):
    middle, low, high = ratio
    verdict = "" if target is None else f": {_verdict(middle >= target)}"
    return f"{middle:.2f} ({low:.2f}-{high:.2f}){verdict}"


def _median(result):
    return statistics.median(result["seconds"])


def _share(result, flop, bound, bound_flop):
    """Arithmetic rate as a share of the bound's, turn by turn: median and quartiles."""
    scaled = {"seconds": [seconds * flop / bound_flop for seconds in bound["seconds"]]}
    return _ratio(scaled, result)


def _verdict(met):
    return "met" if met else "**missed**"


def _table(columns, rows):
    """A Markdown table as lines; every row is a list of texts."""
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)]


def _training(measured):
    columns = [
        "T, C",
        "float32 / PyTorch float32 as installed",
        "float32 / PyTorch's best float32 (1.2)",
        "bfloat16 / PyTorch's best (1.5)",
        "float32 / Keras (3)",
        "bfloat16 / Keras (3)",
        "float32 share of bound (0.6)",
        "bfloat16 share of bound (0.6)",
    ]
    rows = []
    for values, results in measured["training"]:
        case = Case(**values)
        flop = 3 * case.flop()
        peers = {name: result for name, result in results.items() if name.startswith("PyTorch")}
        best = min(peers.values(), key=_median)
        best_float32 = min((result for name, result in peers.items() if "bfloat16" not in name), key=_median)
        ours, half = results["ours"], results["ours, bfloat16"]
        rows.append(
            [
                f"{case.steps}, {case.channels}",
                _text(_ratio(results["PyTorch"], ours)),
                _text(_ratio(best_float32, ours), 1.2),
                _text(_ratio(best, half), 1.5),
                _text(_ratio(results["Keras"], ours), 3),
                _text(_ratio(results["Keras"], half), 3),
                _text(_share(ours, flop, results["bound"], BOUND_FLOP), 0.6),
                _text(_share(half, flop, results["bound, bfloat16"], BOUND_FLOP), 0.6),
            ]
        )
    return _table(columns, rows)


def _seconds(measured):
    def cell(name, result, case):
        seconds = _median(result)
        if name.startswith("bound"):
            return f"{BOUND_FLOP / seconds / 1e9:.0f} GFLOP/s"
        return f"{seconds:.3f} s, {3 * case.flop() / seconds / 1e9:.0f} GFLOP/s"

    rows = []
    for values, results in measured["training"]:
        case = Case(**values)
        rows.append([f"{case.steps}, {case.channels}", *(cell(*named, case) for named in results.items())])
    return _table(["T, C", *measured["training"][0][1]], rows)


def _memory(measured):
    rows = []
    for values, results in measured["memory"]:
        met = results["ours"]["memory"] <= results["PyTorch"]["memory"]
        megabytes = [f"{result['memory']:.0f}" for result in results.values()]
        rows.append([f"{values['steps']}, {values['channels']}", *megabytes, _verdict(met)])
    return _table(["T, C", *measured["memory"][0][1], "ours at most PyTorch's"], rows)


# Batch -> what is asked of ours: share of the bound, us a step, times PyTorch's loop.
ASKED = {256: (0.8, None, None), 1: (None, 100, 10)}


def _sampling(measured):
    rows = []
    for values, results in measured["sampling"]:
        case = Case(**values)
        for name, result in results.items():
            if name.startswith("bound"):
                continue
            share, most, times = ASKED[case.batch] if name == "ours" else (None, None, None)
            step = _median(result) / case.steps * 1e6
            verdict = f": {_verdict(step <= most)}" if most else ""
            faster = _text(_ratio(results["PyTorch"], result), times)
            rows.append(
                [
                    str(case.batch),
                    name,
                    f"{step:.0f}{verdict}",
                    _text(_ratio(results["bound"], result), share),
                    faster,
                ]
            )
    return _table(["B", "contender", "us a step", "share of the bound", "against PyTorch's loop"], rows)


def _flatness(measured, sizes):
    rows = []
    for what in ("training", "sampling"):
        for name, results in measured["steps"][what].items():
            costs = [_median(result) / size for result, size in zip(results, sizes, strict=True)]
            relative = [cost / costs[0] for cost in costs]
            flat = "does not grow" if max(relative) <= 1.1 else "grows"
            rows.append([f"{what}, {name}", *(f"{each:.2f}" for each in relative), flat])
    return _table(["", *(f"T {size}" for size in sizes), ""], rows)


def report(measured, growth):
    """The section, from what speed.py measured and the sizes over which cost was followed."""
    ((values, compiled),) = measured["compiled"]
    start, versions = measured["start_up"], ", ".join(f"{k} {v}" for k, v in measured["versions"].items())
    own = start["whole"] - start["libraries"] - start["data"] - start["step"]
    helped = {name: _median(result) for name, result in compiled.items()}
    return "\n".join(
        [
            '`pip install -e ".[bench]" && python experiments/speed.py`',
            "",
            f"{measured['machine']}; {versions}; seed 0, random series of 64 windows, 3 x 256 units, 24 components.",
            "Contenders take turns, each in a process of its own; a ratio is taken turn by turn: its median and, in",
            "brackets, its quartiles. PyTorch: `nn.LSTM` (oneDNN), the same head, denormals flushed, a thread a core;",
            "tuned: glibc told to keep freed memory (`MALLOC_MMAP_THRESHOLD_=1000000000",
            "MALLOC_TRIM_THRESHOLD_=4000000000`), since otherwise page faults take a third of its step. Keras:",
            "`keras.layers.LSTM` in a `tf.function`. The bound is a product of 4096 x 1024 by 1024 x 1024 in the type.",
            "",
            "**Training step**, how many times as fast (targets in the headings):",
            "",
            *_training(measured),
            "",
            *_seconds(measured),
            "",
            f"`torch.compile` at T {values['steps']}, C {values['channels']}: "
            + ", ".join(f"{name} {seconds:.3f} s" for name, seconds in helped.items())
            + "; PyTorch's best is taken without it where it does not help.",
            "",
            "**Memory** that building and stepping take at most beyond the imports, MB of resident size:",
            "",
            *_memory(measured),
            "",
            "**Sampling** 128 steps, C 3 (targets: B 256, at least 0.8 of the bound; B 1, at most 100 us a step and 10",
            "times PyTorch's loop). The bound is the products of the same shapes in an empty loop.",
            "",
            *_sampling(measured),
            "",
            "**Growth with the length**, cost a step against that at T 128 (B 16, C 3; target: flat within 10 %); it",
            "may fall, since what a training step or a call costs once is spread over more steps:",
            "",
            *_flatness(measured, growth["steps"]),
            "",
            f"**Start-up**, from `python -m sensegen_tf.train` to the end of the first step: {start['whole']:.1f} s",
            f"(target: at most 20), of which the libraries' imports {start['libraries']:.1f} s, reading the data",
            f"{start['data']:.1f} s, a step {start['step']:.1f} s, and our imports, building, tracing and compiling",
            f"{own:.1f} s (target: at most 8).",
            "",
            "![How cost grows](pictures/speed.png)",
        ]
    )


def draw(measured, growth):
    """Cost over each size: a training step, and sampling."""
    figure = Figure(figsize=(15, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(growth))
    for row, what in zip(axes, ("training", "sampling"), strict=True):
        for axis, (over, sizes) in zip(row, growth.items(), strict=True):
            if what not in measured[over]:
                axis.set_axis_off()
                continue
            for name, results in measured[over][what].items():
                axis.plot(sizes, [_median(result) for result in results], marker=".", label=name)
            axis.set(xlabel=over, ylabel=f"{what} [s]", xscale="log", yscale="log")
            axis.set_xticks(sizes, map(str, sizes), fontsize=8)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    figure.savefig(os.path.join(HERE, "pictures", "speed.png"), dpi=80)
