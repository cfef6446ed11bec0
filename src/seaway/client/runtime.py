"""Waiting and doing several things at once, for a blocking program and for one with an event loop.

What a client does is written once, in coroutines. In a blocking client none of them ever waits for an event: its
transports and its runtime block instead, so that `finish` runs a coroutine to its end in one step, in the caller's own
thread and without an event loop.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, Protocol, TypeAlias, TypeVar

from seaway.clock import Clock
from seaway.errors import Internal

T = TypeVar("T")
Doing: TypeAlias = "Callable[[], Coroutine[Any, Any, T]]"
_MAX_HEDGE_THREADS = 64


class Runtime(Protocol):
    """How coroutines of a client wait and run beside each other."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def gather(self, doing: Sequence[Doing[T]], limit: int) -> list[T]:
        """Return what each gives, in their order, with at most `limit` under way; the first failure ends it."""
        ...

    async def first(self, doing: Doing[T], after_s: float, may_repeat: Callable[[], bool]) -> T:
        """Return what comes first of doing it now, and of doing it again where nothing has come after a while."""
        ...

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the IP addresses of a host; none where that is not known."""
        ...

    async def close(self) -> None:
        """End what runs."""
        ...


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine of a blocking client gives.

    Raises:  Internal - it waited for an event, which nothing would ever set.
    """
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    coroutine.close()
    raise Internal("a coroutine of a blocking client waited; this is a defect of Seaway")


class BlockingRuntime:
    """Blocks the thread that calls, and has threads of its own for what runs beside it."""

    def __init__(self, clock: Clock) -> None:
        """Start no thread yet."""
        self._clock = clock
        self._closed = threading.Event()
        self._hedges: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    async def sleep(self, seconds: float) -> None:
        """Block; closing the client ends it."""
        self._clock.wait(self._closed, seconds)

    async def gather(self, doing: Sequence[Doing[T]], limit: int) -> list[T]:
        """Run each in a thread of this call's own."""
        with ThreadPoolExecutor(min(limit, len(doing)), "seaway-client") as pool:
            running = [pool.submit(_finished, each) for each in doing]
            try:
                return [future.result() for future in running]
            finally:
                for future in running:
                    future.cancel()

    async def first(self, doing: Doing[T], after_s: float, may_repeat: Callable[[], bool]) -> T:
        """Run the second in another thread. What comes too late is waited for by nobody, and ends with its deadline."""
        pool = self._pool()
        running: set[Future[T]] = {pool.submit(_finished, doing)}
        done, pending = wait(running, after_s)
        if pending and may_repeat():
            pending.add(pool.submit(_finished, doing))
        while not done or (pending and all(future.exception() is not None for future in done)):
            ended, pending = wait(pending, return_when=FIRST_COMPLETED)
            done |= ended
        return _best(list(done))

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Ask the system."""
        with suppress(OSError):
            return _texts(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        return ()

    async def close(self) -> None:
        """Wake who waits, and let the threads end."""
        self._closed.set()
        if self._hedges is not None:
            self._hedges.shutdown(wait=False, cancel_futures=True)

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._hedges is None:
                self._hedges = ThreadPoolExecutor(_MAX_HEDGE_THREADS, "seaway-hedge")
            return self._hedges


class AsyncioRuntime:
    """Runs in the event loop of the program."""

    async def sleep(self, seconds: float) -> None:
        """Wait for the loop's clock."""
        await asyncio.sleep(seconds)

    async def gather(self, doing: Sequence[Doing[T]], limit: int) -> list[T]:
        """Run each as a task; the others are cancelled when one fails."""
        free = asyncio.Semaphore(limit)

        async def one(each: Doing[T]) -> T:
            async with free:
                return await each()

        tasks = [asyncio.ensure_future(one(each)) for each in doing]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            await _ended(tasks)

    async def first(self, doing: Doing[T], after_s: float, may_repeat: Callable[[], bool]) -> T:
        """Run the second as a task, and cancel what has not ended."""
        running = {asyncio.ensure_future(doing())}
        done: set[asyncio.Task[T]] = set()
        try:
            done, pending = await asyncio.wait(running, timeout=after_s)
            if pending and may_repeat():
                pending.add(asyncio.ensure_future(doing()))
            running = done | pending
            while not done or (pending and all(task.exception() is not None for task in done)):
                ended, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                done |= ended
            return _best(list(done))
        finally:
            await _ended(list(running - done))

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Ask the system, beside the loop."""
        with suppress(OSError):
            return _texts(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))
        return ()

    async def close(self) -> None:
        """Nothing runs but what somebody waits for."""


def _finished(doing: Doing[T]) -> T:
    return finish(doing())


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _best(ended: Sequence[Future[T] | asyncio.Task[T]]) -> T:
    """Return a result where there is one, and raise the failure otherwise."""
    good = [each for each in ended if each.exception() is None]
    return (good or ended)[0].result()


def _texts(found: Sequence[tuple[Any, ...]]) -> Sequence[str]:
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
