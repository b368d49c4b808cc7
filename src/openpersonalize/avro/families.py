"""What each of the five dataset types requires and reserves, for custom use and by domain.

Source: https://docs.aws.amazon.com/personalize/latest/dg/custom-datasets-and-schemas.html and its sisters for domains.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from openpersonalize.avro.column import Column


@dataclass(frozen=True)
class Field:
    """What a required or reserved column must be. `blank` says whether it may be nullable."""

    kinds: tuple[str, ...] = ("string",)
    flag: str = ""
    blank: bool = False

    def faults(self, column: Column) -> Iterator[str]:
        """Why `column` is not this field."""
        if column.kind not in self.kinds:
            yield f"type must be {' or '.join(self.kinds)}"
        if column.nullable and not self.blank:
            yield "must not be nullable"
        for flag in ("categorical", "textual"):
            if flag == self.flag and not getattr(column, flag):
                yield f'must be declared "{flag}": true'
            if flag != self.flag and getattr(column, flag):
                yield f"must not be {flag}"


_KEY = Field()
_PLAIN = Field(blank=True)
_CATEGORY = Field(flag="categorical", blank=True)
_PROSE = Field(flag="textual", blank=True)
_FLOAT = Field(("float",), blank=True)
_LONG = Field(("long",), blank=True)
_CREATED = Field(("long", "float"), blank=True)  # two pages of the guide disagree about the type

Fields = Mapping[str, Field]


@dataclass(frozen=True)
class Family:
    """The rules of one dataset type; `domains` overrides `own` by (required, reserved) of a domain."""

    dataset_type: str
    key: str | None
    own: tuple[Fields, Fields]
    domains: Mapping[str, tuple[Fields, Fields]]
    needs_metadata: bool = False

    def required(self, domain: str | None) -> Fields:
        """The columns that must be there."""
        return self.domains.get(domain or "", self.own)[0]

    def reserved(self, domain: str | None) -> Fields:
        """The columns whose type is fixed if they are there."""
        return self.domains.get(domain or "", self.own)[1]


_EVENT = {"USER_ID": _KEY, "ITEM_ID": _KEY, "TIMESTAMP": Field(("long",))}
_EVENT_EXTRAS = {
    "EVENT_VALUE": _FLOAT,
    "IMPRESSION": _PLAIN,
    "RECOMMENDATION_ID": _PLAIN,
    "EVENT_ATTRIBUTION_SOURCE": _PLAIN,
}
_DOMAIN_EVENT = ({**_EVENT, "EVENT_TYPE": _KEY}, _EVENT_EXTRAS)
_SHOP_ITEM = (
    {"ITEM_ID": _KEY, "PRICE": _FLOAT, "CATEGORY_L1": _CATEGORY},
    {
        **dict.fromkeys(("CATEGORY_L2", "CATEGORY_L3", "AGE_GROUP", "ADULT", "GENDER"), _CATEGORY),
        "PRODUCT_DESCRIPTION": _PROSE,
        "CREATION_TIMESTAMP": _CREATED,
    },
)
_FILM = (
    {"ITEM_ID": _KEY, "CREATION_TIMESTAMP": _CREATED, "GENRES": _CATEGORY},
    {
        **dict.fromkeys(("PRICE", "DURATION", "AVERAGE_RATING"), _FLOAT),
        **dict.fromkeys(("GENRES_L1", "GENRE_L2", "GENRE_L3", "CONTENT_OWNER", "CONTENT_CLASSIFICATION"), _CATEGORY),
        "PRODUCT_DESCRIPTION": _PROSE,
    },
)
_USER: Fields = {"USER_ID": _KEY}
FAMILIES: Mapping[str, Family] = {
    "Interactions": Family(
        "INTERACTIONS",
        None,
        (_EVENT, {**_EVENT_EXTRAS, "EVENT_TYPE": _KEY}),
        {"ECOMMERCE": _DOMAIN_EVENT, "VIDEO_ON_DEMAND": _DOMAIN_EVENT},
    ),
    "Items": Family(
        "ITEMS",
        "ITEM_ID",
        ({"ITEM_ID": _KEY}, {"CREATION_TIMESTAMP": _CREATED}),
        {"ECOMMERCE": _SHOP_ITEM, "VIDEO_ON_DEMAND": _FILM},
        needs_metadata=True,
    ),
    "Users": Family(
        "USERS",
        "USER_ID",
        (_USER, {}),
        {"ECOMMERCE": (_USER, {}), "VIDEO_ON_DEMAND": (_USER, {"SUBSCRIPTION_MODEL": _CATEGORY})},
        needs_metadata=True,
    ),
    "Actions": Family(
        "ACTIONS",
        "ACTION_ID",
        (
            {"ACTION_ID": _KEY},
            {
                "TYPE": _PLAIN,
                **dict.fromkeys(
                    (
                        "CREATION_TIMESTAMP",
                        "VALUE",
                        "EXPIRATION_TIMESTAMP",
                        "ACTION_EXPIRATION_TIMESTAMP",
                        "REPEAT_FREQUENCY",
                    ),
                    _LONG,
                ),
            },
        ),
        {},
        needs_metadata=True,
    ),
    "ActionInteractions": Family(
        "ACTION_INTERACTIONS",
        None,
        (
            {"USER_ID": _KEY, "ACTION_ID": _KEY, "EVENT_TYPE": _KEY, "TIMESTAMP": Field(("long",))},
            {"IMPRESSION": _PLAIN, "RECOMMENDATION_ID": _PLAIN},
        ),
        {},
    ),
}


def bare(name: str) -> str:
    """The form in which names are compared: without underscores and case."""
    return name.replace("_", "").upper()
