"""What a domain's use case learns from: the events of its own types, spelled in any case.

The others stay in the histories of its artefact, because filters look at what a user did in other ways too.
Source: https://docs.aws.amazon.com/personalize/latest/dg/domain-use-cases.html
"""

import numpy as np

from openpersonalize.recipes.data import TrainingData
from openpersonalize.training.events import Limits, require


def of_types(data: TrainingData, event_types: tuple[str, ...], limits: Limits) -> TrainingData:
    """The events of these types, and the users who have some; all items stay. JobFailed when they are too few."""
    wanted = {name.lower() for name in event_types}
    numbers = [number for number, name in enumerate(data.event_types) if name.lower() in wanted]
    chosen = data.where(np.isin(data.event_type, numbers))
    require(chosen.lengths, limits, event_types)
    return chosen.only(np.flatnonzero(chosen.lengths))
