"""What a store says about models and servers at a moment, as a view.

It puts the view together: reading is of `looks`, adding up of `sums`, comparing servers of `peers`. How it is drawn, it
does not know.
"""

from __future__ import annotations

from collections.abc import Sequence

from seaway.monitor.store.store import Store
from seaway.monitor.target import TargetStatus
from seaway.monitor.top.looks import Seen, covered
from seaway.monitor.top.peers import slower_than_peers
from seaway.monitor.top.sums import Sum, Sums, summed
from seaway.monitor.top.view import STAGES, Row, Server, Slow, View


def view(store: Store, statuses: Sequence[TargetStatus], at_ms: int, window_ms: int, looks: int = 2) -> View:
    """Return what there is to see at a moment. Units: milliseconds, at_ms since the Unix epoch."""
    up = {status.instance for status in statuses if status.is_up}
    times = covered(store, up, at_ms, window_ms)
    sums = summed(Seen(store, at_ms, window_ms, times))
    slow = slower_than_peers(
        {key: (p99, each.requests) for key, each in sums.peers.items() if (p99 := each.quantile(0.99)) is not None}
    )
    # A version without a request has a row among the signatures too.
    idle = {(*key, ""): each for key, each in sums.models.items()}
    asked = {key[:2] for key in sums.signatures}
    signatures = sums.signatures | {key: each for key, each in idle.items() if key[:2] not in asked}
    return View(
        at=at_ms / 1000,
        window_s=max((seconds for seconds, _ in times.values()), default=0.0) or window_ms / 1000,
        looks=looks,
        up=len(up),
        rate=sums.all.rate,
        error_share=sums.all.error_share,
        models=tuple(_row((*key, ""), each, each) for key, each in sums.models.items()),
        signatures=tuple(_row(key, each, sums.models[key[:2]]) for key, each in signatures.items()),
        servers=tuple(_server(status, sums, slow.get(status.instance, ())) for status in statuses),
    )


def _row(who: tuple[str, str, str], own: Sum, whole: Sum) -> Row:
    """Return a row; what only a whole version has is the same for each of its signatures."""
    return Row(
        *who,
        rate=own.rate,
        error_share=own.error_share,
        p50_s=own.quantile(0.5),
        p95_s=own.quantile(0.95),
        p99_s=own.quantile(0.99),
        queued=whole.queued,
        in_flight=whole.in_flight,
        batch_rows=own.batches[0] / own.batches[1] if own.batches[1] else None,
        memory_bytes=whole.memory_bytes,
        engine=", ".join(sorted(whole.engines)),
        stages={name: own.stages[name][0] / own.stages[name][1] for name in STAGES if name in own.stages},
    )


def _server(status: TargetStatus, sums: Sums, slow: tuple[Slow, ...]) -> Server:
    own = sums.servers.get(status.instance) or Sum()
    return Server(
        instance=status.instance,
        is_up=status.is_up,
        problem=status.problem,
        rate=own.rate,
        error_share=own.error_share,
        p99_s=own.quantile(0.99),
        cpu_cores=own.cpu_cores,
        memory_bytes=own.memory_bytes,
        scrape_s=status.took_s,
        slow=slow,
    )
