"""One operation of a service model, and the parts of it that every protocol shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from openpersonalize.wire.parse import compile_parser
from openpersonalize.wire.write import Writer, compile_serializer, compile_writer


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation of one service.

    `key` is the name under which its function is registered: the operation's in snake case, behind the service and a
    dot where the service is not Amazon Personalize. `rest` marks the busy calls, which are those of REST-JSON.
    `signing` is the service's name in signatures. `errors` are the codes its model names, with those by which the query
    protocol knows them.
    """

    name: str
    key: str
    service: str
    rest: bool
    signing: str
    errors: Mapping[str, str]
    input_shape: Any
    output_shape: Any

    @cached_property
    def parse(self) -> Callable[[Any], dict[str, Any]]:
        """Keyword arguments from a decoded body."""
        return compile_parser(self.input_shape)

    @cached_property
    def write(self) -> Callable[[Any], bytes]:
        """The JSON body of a reply, from an answer."""
        return compile_serializer(self.output_shape)

    @cached_property
    def show(self) -> Writer:
        """The same as plain values, for protocols that are not JSON; an operation without output shows nothing."""
        write = compile_writer(self.output_shape) if self.output_shape is not None else lambda _answer: {}
        return lambda answer: write({} if answer is None else answer)
