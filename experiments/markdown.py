"""Markdown of the pages: numbers, cells and tables; nothing of TensorFlow."""

import statistics


def number(value):
    """Three significant digits; "" for None."""
    if value is None:
        return ""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def short(value):
    """The same without a zero before the point, for narrow tables."""
    text = number(value)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def interval(low, high):
    """ "0.1 to 0.2", or "" where it is not known."""
    return "" if low is None else f"{number(low)} to {number(high)}"


def table(columns, rows):
    """The lines of a table; cells that are no texts are numbers."""
    texts = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(cells)} |".replace("  |", " |") for cells in (columns, ["---"] * len(columns), *texts)]


def plural(count, what):
    """ "1 subject", "2 subjects"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def mean(values):
    """The mean of figures, None where one is missing."""
    return None if not values or None in values else statistics.fmean(values)
