"""What the report's figures share."""

from __future__ import annotations

import plotly.graph_objects as go

COLORS = {"training": "#1f4e79", "test": "#5b9e6f", "synthetic": "#d1600a"}


def finish(figure: go.Figure, height: int) -> go.Figure:
    """The same figure, in the report's style."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 50, "r": 15, "t": 35, "b": 45},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        font={"size": 12},
    )
    return figure
