"""A metric point, and the series it belongs to."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal

import orjson

Dimensions = tuple[tuple[str, str], ...]

LARGEST = Decimal(2) ** 360
"""CloudWatch takes no number that is further from zero."""

# Wide enough for the exact sum of any doubles: 309 digits before the point, 1,074 after it, and room for carries.
_EXACT = Context(prec=1500)


def total(numbers: Iterable[Decimal]) -> Decimal:
    """The sum, without rounding.

    >>> total([Decimal("0.1")] * 3 + [Decimal("1e30")])
    Decimal('1000000000000000000000000000000.3')
    """
    found = Decimal(0)
    for number in numbers:
        found = _EXACT.add(found, number)
    return found


@dataclass(frozen=True, kw_only=True)
class Series:
    """What a metric is called: the points of one series are counted together.

    `dimensions` are pairs of name and value, shown in the order in which they were first given; which series it is does
    not depend on that order. `id` is the series' place in the store, 0 before it has one.
    """

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions = ()
    id: int = field(default=0, compare=False)

    @property
    def digest(self) -> str:
        """One short text for the series; the same for the same dimensions in another order."""
        parts = [self.account, self.region, self.namespace, self.name, sorted(self.dimensions)]
        return hashlib.sha256(orjson.dumps(parts)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Point:
    """Samples of one metric, taken together.

    `value` is their sum, exact; `count` how many they are; `minimum` and `maximum` the smallest and largest, which are
    `value` where they are left out. `timestamp` is in epoch seconds; `unit` one of CloudWatch's, such as "Count".
    `id` is the point's place in the store, 0 before it has one. Raises ValueError for a number that is not finite.
    """

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions = ()
    timestamp: int
    value: Decimal
    count: Decimal = Decimal(1)
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unit: str = "None"
    id: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        for name in ("value", "count", "minimum", "maximum"):
            number = getattr(self, name)
            if number is not None and not number.is_finite():
                raise ValueError(f"{name} of a metric point is {number}; it must be finite.")

    @property
    def series(self) -> Series:
        """The series it belongs to."""
        return Series(
            account=self.account,
            region=self.region,
            namespace=self.namespace,
            name=self.name,
            dimensions=self.dimensions,
        )

    @property
    def least(self) -> Decimal:
        """The smallest sample."""
        return self.value if self.minimum is None else self.minimum

    @property
    def most(self) -> Decimal:
        """The largest sample."""
        return self.value if self.maximum is None else self.maximum
