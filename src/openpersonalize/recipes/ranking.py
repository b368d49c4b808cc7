"""From scores to the best items, the same way everywhere: higher first, equal ones by item number."""

import numpy as np

from openpersonalize.recipes.data import Floats, Ints


def best(scores: Floats | Ints, k: int) -> Ints:
    """The places of the `k` highest scores, best first; fewer where there are fewer scores.

    >>> best(np.array([1.0, 3.0, 2.0, 3.0]), k=3).tolist()
    [1, 3, 2]
    """
    if k <= 0:
        return np.empty(0, np.int64)
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    # `argpartition` alone would pick any of the equal scores at the edge: with those above it, the first of them count.
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    places = np.flatnonzero(scores >= edge)
    if len(places) > k:
        above, at_edge = places[scores[places] > edge], places[scores[places] == edge]
        places = np.concatenate([above, at_edge[: k - len(above)]])
    order = np.lexsort((places, -scores[places]))
    ranked: Ints = places[order]
    return ranked


def rankings(scores: Floats, k: int) -> Ints:
    """`best` of every row: `[B, C]` scores to `[B, k]` items, filled up with -1 where C < k.

    >>> rankings(np.array([[0.1, 0.9], [0.7, 0.2]]), k=3).tolist()
    [[1, 0, -1], [0, 1, -1]]
    """
    ranked = np.full((len(scores), k), -1, np.int64)
    for row, own in enumerate(scores):
        items = best(own, k)
        ranked[row, : len(items)] = items
    return ranked
