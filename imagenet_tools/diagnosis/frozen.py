"""What Python draws is drawn once a graph: what draws of a graph have in common, graphs not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.levels import ORANGE
from imagenet_tools.diagnosis.placement import Placement
from imagenet_tools.diagnosis.runs import Run
from imagenet_tools.diagnosis.windows import spread


def frozen(placed: Sequence[Sequence[Placement]], graphs: Sequence[Run]) -> tuple[str, ...]:
    """What all draws of a graph have in common and graphs differ in."""
    if len(placed) < 2 or not all(one.known for graph in placed for one in graph):
        return ()
    kinds = {
        "place": [[one.centre for one in graph] for graph in placed],
        "zoom": [[(50 * one.zoom[0], 50 * one.zoom[1]) for one in graph] for graph in placed],
        "mirror image": [[(9.0 * one.mirrored, 0.0) for one in graph] for graph in placed],
        "colour": _tints(graphs),
    }
    return tuple(
        name
        for name, drawn in kinds.items()
        if max(spread(graph) for graph in drawn) < 1.0
        and spread([graph[0] for graph in drawn]) > 4.0
    )


def _tints(graphs: Sequence[Run]) -> list[list[tuple[float, float]]]:
    """What becomes of a colour in four draws of each graph, of the span of black to white in %."""
    white, black = (graphs[0](patterns.flat(level), 0) for level in (255, 0))
    span = max(float(np.abs(np.median(white) - np.median(black))), 1e-9) / 100
    colour = patterns.flat(ORANGE)
    tints = []
    for number, run in enumerate(graphs):
        outs = [np.median(run(colour, 100 * number + i), axis=(0, 1)) / span for i in range(4)]
        tints.append([(float(out[0]), float(out[-1])) for out in outs])
    return tints
