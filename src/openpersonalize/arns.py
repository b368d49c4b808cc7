"""Amazon resource names of Personalize: `arn:aws:personalize:<region>:<account>:<kind>/<tail>`.

Service-owned objects (recipes, algorithms, feature transformations) have neither region nor account.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpersonalize.html
"""

from dataclasses import dataclass

from openpersonalize.errors import InvalidInputException

_PARTS = 6


@dataclass(frozen=True)
class Arn:
    """A parsed ARN.

    >>> str(Arn.parse("arn:aws:personalize:us-east-1:000000000000:dataset/shop/ITEMS"))
    'arn:aws:personalize:us-east-1:000000000000:dataset/shop/ITEMS'
    >>> Arn.parse("arn:aws:personalize:us-east-1:000000000000:dataset/shop/ITEMS").tail
    'shop/ITEMS'
    """

    region: str
    account: str
    kind: str
    tail: str

    def __str__(self) -> str:
        return f"arn:aws:personalize:{self.region}:{self.account}:{self.kind}/{self.tail}"

    @classmethod
    def parse(cls, text: str) -> "Arn":
        """Read an ARN of this service; raises InvalidInputException for anything else."""
        parts = text.split(":", _PARTS - 1)
        if len(parts) != _PARTS or parts[0] != "arn" or parts[2] != "personalize" or "/" not in parts[5]:
            msg = f"{text} is not an Amazon Personalize ARN (arn:aws:personalize:<region>:<account>:<kind>/<name>)."
            raise InvalidInputException(msg)
        kind, tail = parts[5].split("/", 1)
        return cls(region=parts[3], account=parts[4], kind=kind, tail=tail)

    @classmethod
    def expect(cls, text: str, *kinds: str) -> "Arn":
        """Read an ARN that must be of one of `kinds`; raises InvalidInputException for another kind."""
        arn = cls.parse(text)
        if arn.kind not in kinds:
            raise InvalidInputException(f"{text} is the ARN of a {arn.kind}; expected a {' or '.join(kinds)} ARN.")
        return arn
