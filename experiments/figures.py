"""Finds a figure by its address, such as "sensegen_accel|c2st|test" or "ablation|no dropout|test_nll".

An address begins with the name of the result. Then come, for a run, the measure, what it is against, and maybe a field;
for a study the same after the name of the variant, or after "*" for all, whose mean counts; for the published benchmark
the case and the measure, of whose seeds the mean counts; for any other benchmark the table, the row and the column.
"""

from pages_tables import measured

_FIELDS = ("low", "high", "reference_low", "reference_high", "passed")


def find(results, address):
    """All values at an address: one, or one a training.

    Args:
      results: name -> result.
      address: see above.

    Raises:
      KeyError: there is no such figure; it names the address.
    """
    name, *path = address.split("|")
    try:
        found = list(_FINDERS[results[name]["kind"]](results[name], *path))
    except (KeyError, ValueError, TypeError) as error:
        raise KeyError(f"no figure at {address}") from error
    if not found:
        raise KeyError(f"no figure at {address}")
    return found


def interval(results, address):
    """The ends of the interval of the one value at an address; that value twice where it has none."""
    try:
        return tuple(find(results, f"{address}|{end}")[0] for end in ("low", "high"))
    except KeyError:
        return (find(results, address)[0],) * 2


def score_of(run, metric, against):
    """The score of a training, or None."""
    scores = run["report"]["scores"] if "report" in run else run.get("scores", ())
    return next((each for each in scores if (each["metric"], each["against"]) == (metric, against)), None)


def _of_run(run, metric, against=None, field="value"):
    if against is None:
        yield run[metric] if metric in run else run["metrics"][-1][metric]
    elif metric == "spectrum_difference":
        yield max(run["spectrum"]["largest_difference_db"][against].values())
    else:
        score = score_of(run, metric, against)
        if score is not None:
            yield score[field]


def _of_study(study, variant, *path):
    for run in study["runs"]:
        if variant in ("*", run["name"]):
            yield from _of_run(run, *path)


def _of_sets(study, case, what):
    for run in study["runs"]:
        if run["case"] == case:
            yield run[what] if what in run else measured(run, what)[0]


def _of_benchmark(result, name, row, column, field="value"):
    found = result["tables"][name]
    at = found["columns"].index(column)
    for cells in found["rows"]:
        if str(cells[0]) == row:
            yield (cells[at] if isinstance(cells[at], dict) else {"value": cells[at]})[field]


_FINDERS = {"run": _of_run, "study": _of_study, "tsbench": _of_sets, "benchmark": _of_benchmark}
