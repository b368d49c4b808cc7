"""The errors of this house, by owner.

    Exception
    ├── ServiceError           the caller's: becomes an answer in `wire.faults`; its class name is its code on the wire
    │   ├── modelled           InvalidInputException, ResourceNotFoundException, … as in botocore's service models
    │   └── of the front end   InvalidSignatureException, ThrottlingException, … as on AWS's page of common errors
    └── JobFailed              the job's: its text becomes the `failureReason` of the resource the job serves

Anything else is ours: a 500 for the caller, a trace in the log. Statuses depend on the protocol: see `wire.faults`.
"""

from collections.abc import Sequence


class ServiceError(Exception):
    """Something the caller can understand and mend; the message says what was wrong and what would be right."""

    @property
    def code(self) -> str:
        """The name clients match on: the class name."""
        return type(self).__name__

    @property
    def message(self) -> str:
        """The sentence for the caller."""
        return str(self.args[0]) if self.args else ""


class InvalidInputException(ServiceError):
    """A member's value breaks a rule."""

    @classmethod
    def violations(cls, found: Sequence[str]) -> "InvalidInputException":
        """All broken rules of a request in one error, in the wording of AWS's front end.

        >>> InvalidInputException.violations(["Value 'x' at 'domain' failed to satisfy constraint: …"]).message
        "1 validation error detected: Value 'x' at 'domain' failed to satisfy constraint: …"
        """
        plural = "" if len(found) == 1 else "s"
        return cls(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")

    @classmethod
    def violation(cls, value: object, member: str, rule: str) -> "InvalidInputException":
        """One broken rule in the same wording; `rule` goes on after "Member must"."""
        return cls.violations([f"Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"])


class ResourceNotFoundException(ServiceError):
    """No resource with that ARN in the caller's account and region."""

    @classmethod
    def arn(cls, arn: str) -> "ResourceNotFoundException":
        """The wording of Describe calls."""
        return cls(f"Resource Arn {arn} does not exist.")

    @classmethod
    def given(cls, noun: str, arn: str) -> "ResourceNotFoundException":
        """The wording of Delete calls; `noun` in plain words, such as "dataset group"."""
        return cls(f"The given {noun} does not exist: {arn}")


class ResourceAlreadyExistsException(ServiceError):
    """The name, and so the ARN, is taken."""

    @classmethod
    def arn(cls, arn: str) -> "ResourceAlreadyExistsException":
        """The wording of every Create call."""
        return cls(f"Another resource with Arn {arn} already exists.")


class ResourceInUseException(ServiceError):
    """The resource, or one that depends on it, is in a state that forbids the call."""


class LimitExceededException(ServiceError):
    """A quota is used up."""


class TooManyTagsException(ServiceError):
    """More tags than a resource may carry."""


class TooManyTagKeysException(ServiceError):
    """More tag keys than one UntagResource call may name."""


class InvalidNextTokenException(ServiceError):
    """A paging token that this operation, with these filters, for this caller, never gave out."""


class InvalidParameterValueException(ServiceError):
    """CloudWatch: a parameter's value breaks a rule."""


class InvalidParameterCombinationException(ServiceError):
    """CloudWatch: parameters that do not go together, or ask for too much."""


class MissingRequiredParameterException(ServiceError):
    """CloudWatch: a parameter is missing that this call needs."""


class InvalidNextToken(ServiceError):
    """CloudWatch: a paging token that this operation never gave out."""


class MissingAuthenticationTokenException(ServiceError):
    """The request carries no signature."""


class IncompleteSignatureException(ServiceError):
    """The Authorization header or query does not follow SigV4."""


class InvalidSignatureException(ServiceError):
    """The signature does not match, or its time is off."""


class UnrecognizedClientException(ServiceError):
    """The access key is unknown or revoked, or its session token is wrong."""


class ExpiredTokenException(ServiceError):
    """The session credentials are past their time."""


class AccessDeniedException(ServiceError):
    """The caller is known, but may not do this."""


class ThrottlingException(ServiceError):
    """More calls than the rate allows."""


class UnknownOperationException(ServiceError):
    """No operation of that name or path."""


class SerializationException(ServiceError):
    """The body is not JSON, or a member has the wrong JSON type."""


class RequestEntityTooLargeException(ServiceError):
    """The body is larger than the server reads."""


class NotImplementedException(ServiceError):
    """An operation of the service model that this version does not have yet."""


class ServiceUnavailable(ServiceError):
    """The server is starting or stopping."""


class JobFailed(Exception):
    """A job cannot succeed by being tried again; the text becomes the resource's `failureReason`."""
