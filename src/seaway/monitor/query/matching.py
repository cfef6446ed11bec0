"""From the tree of a selector to the name and the matchers that the store knows. Pure."""

from __future__ import annotations

from typing import Any

import promql_parser as promql

from seaway.errors import InvalidArgument
from seaway.monitor.store.store import Matcher


def matchers_of(tree: Any) -> tuple[str, tuple[Matcher, ...]]:
    """Return the name and the other matchers of a selector.

    Raises:  InvalidArgument - it is no selector, names no metric, or asks for what cannot be asked here.
    """
    if not isinstance(tree, promql.VectorSelector):
        raise InvalidArgument(f"{tree} is no selector; expected one as in up{{job='seaway'}}")
    if tree.matchers.or_matchers or tree.at is not None:
        raise InvalidArgument(f"{tree}: `or` between matchers and `@` are not among what can be asked here")
    name, found = tree.name, []
    for each in tree.matchers.matchers:
        is_equal = each.op in (promql.MatchOp.Equal, promql.MatchOp.Re)
        is_pattern = each.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
        if each.name == "__name__" and is_equal and not is_pattern:
            name = each.value
        else:
            found.append(Matcher(each.name, each.value, is_equal, is_pattern))
    if not name:
        raise InvalidArgument(f"{tree}: a selector names one metric")
    return name, tuple(found)
