"""Which versions of a model are loaded and which one answers, from its description and what is in force. Pure.

`seaway deploy` never changes which version of a model answers, once one does: a newer version that appears in the
store waits for `seaway rollout`, and one that was rolled back stays so. Only where the description no longer allows
the version in force, or the store no longer has it, does another take its place.

    policy            loaded                                     answers at first
    latest            the one that answers                       the newest
    latest:N          it and the N-1 versions below it           the newest
    all               every version of the store                 the newest
    [6, 7]            exactly these                              the highest of them
"""

from __future__ import annotations

from collections.abc import Sequence

from seaway.errors import FailedPrecondition
from seaway.fleet.published import PublishedModel

Policy = str | Sequence[int]


def live_version(model: PublishedModel) -> int:
    """Return the version of a published model that answers requests without version or label."""
    return model.traffic.live if model.traffic is not None else max(model.versions)


def chosen_live(name: str, policy: Policy, in_store: Sequence[int], now: PublishedModel | None) -> int:
    """Return the version that is to answer.

    Raises:  FailedPrecondition - the store has no version that the policy allows.
    """
    if not in_store:
        raise FailedPrecondition(f"model {name!r} has no version in the store; export one, for instance as {name}/1")
    allowed = in_store if isinstance(policy, str) else [version for version in policy if version in in_store]
    if not allowed:
        raise FailedPrecondition(
            f"model {name!r} is to serve versions {_listed(policy)}, the store has {_listed(in_store)}; change "
            "`versions` in seaway.yaml or bring them"
        )
    live = live_version(now) if now is not None else None
    return live if live is not None and live in allowed else max(allowed)


def loaded_versions(name: str, policy: Policy, in_store: Sequence[int], live: int) -> tuple[int, ...]:
    """Return the versions that are loaded while `live` answers, ascending.

    Raises:  FailedPrecondition - the policy lists a version that the store does not have.
    """
    if not isinstance(policy, str):
        missing = [version for version in policy if version not in in_store]
        if missing:
            raise FailedPrecondition(
                f"model {name!r} is to serve version {missing[0]}, the store has {_listed(in_store)}; change "
                "`versions` in seaway.yaml or bring it"
            )
        return tuple(sorted({*policy}))
    if policy == "all":
        return tuple(sorted(in_store))
    count = int(policy.partition(":")[2] or 1)
    below = [version for version in sorted(in_store, reverse=True) if version < live]
    return tuple(sorted({live, *below[: count - 1]}))


def _listed(versions: object) -> str:
    return ", ".join(map(str, versions)) if isinstance(versions, Sequence) else str(versions)
