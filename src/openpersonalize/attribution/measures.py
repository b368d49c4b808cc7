"""A metric as reports see it: which events match, and what each of them adds."""

from dataclasses import dataclass
from typing import Self

from openpersonalize.expressions import metrics


@dataclass(frozen=True)
class Measure:
    """A metric of an attribution. Event types are compared ignoring case."""

    name: str
    event_type: str
    expression: metrics.Metric

    @classmethod
    def read(cls, name: str, event_type: str, expression: str) -> Self:
        """From its three texts, as in CreateMetricAttribution; raises ExpressionError.

        >>> Measure.read("sales", "Purchase", "SUM(Items.PRICE)").column
        ('ITEMS', 'PRICE')
        """
        return cls(name, event_type, metrics.parse(expression))

    @property
    def kind(self) -> str:
        """The event type by which events are matched."""
        return self.event_type.lower()

    @property
    def column(self) -> tuple[str, str] | None:
        """Dataset and column that are added up; None where events are counted."""
        if isinstance(self.expression, metrics.SampleCount):
            return None
        return self.expression.dataset, self.expression.column

    @property
    def text(self) -> str:
        """The expression, in its canonical form."""
        return metrics.write(self.expression)
