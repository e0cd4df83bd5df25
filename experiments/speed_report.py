"""What speed.py measured, as the tables of its result and as a picture."""

import statistics

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from speed_contenders import BOUND_FLOP, Case

TEXT = [
    "Random series of 64 windows, 3 x 256 units, 24 components, seed 0. T: steps, C: channels, B: batch.",
    "Contenders work one after the other, each in a process of its own, so that what slows the machine slows all.",
    "PyTorch: `nn.LSTM` (oneDNN), the same head, denormals flushed, a thread a core; tuned: glibc set to keep freed "
    "memory (`MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=4000000000`), since otherwise page faults take "
    "a third of its step.",
    "Keras: `keras.layers.LSTM` in a `tf.function`. The bound is a product of 4096 x 1024 by 1024 x 1024 in the type.",
]
# Batch -> targets of ours: share of the bound, microseconds a step, times PyTorch's loop.
_SAMPLING_TARGETS = {256: (0.8, None, None), 1: (None, 100, 10)}
_TRAINING_TARGETS = {"best float32": 1.2, "best": 1.5, "Keras": 3, "bound": 0.6}
_START_UP_TARGETS = {"all": 20, "ours": 8}
# Growth of the cost a step that counts as flat.
_FLAT = 1.1


def _ratio(slow, fast, target=None):
    """How many times faster `fast` is, repeat by repeat: median, quartiles, and whether a target is met."""
    ratios = sorted(a / b for a, b in zip(slow["seconds"], fast["seconds"], strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    found = {"value": round(middle, 2), "low": round(low, 2), "high": round(high, 2)}
    return found if target is None else found | {"met": middle >= target}


def _share(result, flop, bound, target=None, *, bound_flop=BOUND_FLOP):
    """Arithmetic rate as a share of the bound's, as `_ratio`."""
    return _ratio({"seconds": [seconds * flop / bound_flop for seconds in bound["seconds"]]}, result, target)


def _median(result):
    return statistics.median(result["seconds"])


def _table(text, columns, rows):
    return {"text": text, "columns": columns, "rows": rows}


def _training_ratios(measured):
    columns = ["T, C", "float32 / PyTorch float32 as installed", "float32 / PyTorch's best float32 (target 1.2)"]
    columns += ["bfloat16 / PyTorch's best (1.5)", "float32 / Keras (3)", "bfloat16 / Keras (3)"]
    columns += ["float32, share of the bound (0.6)", "bfloat16, share of the bound (0.6)"]
    rows, target = [], _TRAINING_TARGETS
    for values, found in measured["training"]:
        case = Case(**values)
        flop = 3 * case.flop()
        peers = {name: result for name, result in found.items() if name.startswith("PyTorch")}
        best = min(peers.values(), key=_median)
        best_float32 = min((result for name, result in peers.items() if "bfloat16" not in name), key=_median)
        ours, half = found["ours"], found["ours, bfloat16"]
        rows.append(
            [
                f"{case.steps}, {case.channels}",
                _ratio(found["PyTorch"], ours),
                _ratio(best_float32, ours, target["best float32"]),
                _ratio(best, half, target["best"]),
                _ratio(found["Keras"], ours, target["Keras"]),
                _ratio(found["Keras"], half, target["Keras"]),
                _share(ours, flop, found["bound"], target["bound"]),
                _share(half, flop, found["bound, bfloat16"], target["bound"]),
            ]
        )
    text = (
        "Training step: how many times as fast, taken repeat by repeat: the median, in brackets the quartiles. Targets "
    )
    return _table(text + "stand in the headings.", columns, rows)


def _training_seconds(measured):
    def cell(name, result, case):
        seconds = _median(result)
        if name.startswith("bound"):
            return f"{BOUND_FLOP / seconds / 1e9:.0f} GFLOP/s"
        return f"{seconds:.3f} s, {3 * case.flop() / seconds / 1e9:.0f} GFLOP/s"

    rows = []
    for values, found in measured["training"]:
        case = Case(**values)
        rows.append([f"{case.steps}, {case.channels}", *(cell(name, each, case) for name, each in found.items())])
    return _table("Training step: seconds and arithmetic rate.", ["T, C", *measured["training"][0][1]], rows)


def _compiled(measured):
    ((values, found),) = measured["compiled"]
    text = (
        f"`torch.compile` at T {values['steps']}, C {values['channels']}. PyTorch's best is taken without it where it "
    )
    rows = [[name, round(_median(result), 3)] for name, result in found.items()]
    return _table(text + "does not help.", ["contender", "seconds"], rows)


def _memory(measured):
    rows = []
    for values, found in measured["memory"]:
        met = found["ours"]["memory"] <= found["PyTorch"]["memory"]
        megabytes = [round(result["memory"]) for result in found.values()]
        rows.append([f"{values['steps']}, {values['channels']}", *megabytes, {"met": met}])
    text = "Memory that building and stepping take at most beyond the imports, MB of resident size."
    return _table(text, ["T, C", *measured["memory"][0][1], "ours at most PyTorch's"], rows)


def _sampling(measured):
    rows = []
    for values, found in measured["sampling"]:
        case = Case(**values)
        for name, result in found.items():
            if name.startswith("bound"):
                continue
            share, most, times = _SAMPLING_TARGETS[case.batch] if name == "ours" else (None, None, None)
            step = round(_median(result) / case.steps * 1e6)
            cells = [step if most is None else {"value": step, "met": step <= most}]
            cells += [_ratio(found["bound"], result, share), _ratio(found["PyTorch"], result, times)]
            rows.append([str(case.batch), name, *cells])
    text = (
        "Sampling 128 steps, C 3. Targets: B 256, at least 0.8 of the bound; B 1, at most 100 microseconds a step and "
        "10 times PyTorch's loop. The bound is the products of the same shapes in an empty loop."
    )
    return _table(text, ["B", "contender", "microseconds a step", "share of the bound", "against PyTorch's loop"], rows)


def _growth(measured, sizes):
    rows = []
    for what in ("training", "sampling"):
        for name, found in measured["steps"][what].items():
            costs = [_median(result) / size for result, size in zip(found, sizes, strict=True)]
            relative = [round(cost / costs[0], 2) for cost in costs]
            rows.append([f"{what}, {name}", *relative, "does not grow" if max(relative) <= _FLAT else "grows"])
    text = (
        "Growth with the length: cost a step against that at T 128 (B 16, C 3; target: flat within 10 %). It may fall, "
        "since what a training step or a call costs once is spread over more steps."
    )
    return _table(text, ["", *(f"T {size}" for size in sizes), ""], rows)


def _start_up(measured):
    found, most = measured["start_up"], _START_UP_TARGETS
    ours = found["whole"] - found["libraries"] - found["data"] - found["step"]

    def limited(seconds, name):
        return [{"value": round(seconds, 1), "met": seconds <= most[name]}, f"at most {most[name]}"]

    rows = [
        ["all", *limited(found["whole"], "all")],
        ["the libraries' imports", round(found["libraries"], 1), ""],
        ["reading the data", round(found["data"], 1), ""],
        ["a step", round(found["step"], 1), ""],
        ["our imports, building, tracing, compiling", *limited(ours, "ours")],
    ]
    return _table("Start-up of a training, to the end of the first step.", ["what", "seconds", "target"], rows)


def tables(measured, sizes):
    """The tables, from what speed.py measured and the lengths over which cost was followed."""
    return {
        "training_ratios": _training_ratios(measured),
        "training_seconds": _training_seconds(measured),
        "compiled": _compiled(measured),
        "memory": _memory(measured),
        "sampling": _sampling(measured),
        "growth": _growth(measured, sizes),
        "start_up": _start_up(measured),
    }


def draw(measured, growth, path):
    """Cost over each size: a training step, and sampling."""
    figure = Figure(figsize=(15, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(growth))
    for row, what in zip(axes, ("training", "sampling"), strict=True):
        for axis, (over, sizes) in zip(row, growth.items(), strict=True):
            if what not in measured[over]:
                axis.set_axis_off()
                continue
            for name, found in measured[over][what].items():
                axis.plot(sizes, [_median(result) for result in found], marker=".", label=name)
            axis.set(xlabel=over, ylabel=f"{what} [s]", xscale="log", yscale="log")
            axis.set_xticks(sizes, map(str, sizes), fontsize=8)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=80)
