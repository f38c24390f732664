"""Work on several items at the same time, by threads: for work that numpy or compiled code does, which lets others run.

Threads last as long as a call. The caller's own is one of them: to start another takes as long as some short work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event, Thread
from typing import NoReturn, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item, Event], Result], items: Sequence[Item], workers: int, name: str) -> list[Result]:
    """`work` on each of `items`, in order; whoever of the `workers` is free takes the next. After an error or Ctrl-C
    nobody takes another, the event that `work` is given is set, and the first error is raised when all have ended."""
    stop, errors = Event(), list[BaseException]()
    left, results = deque(range(len(items))), dict[int, Result]()

    def take() -> None:
        try:
            while left and not stop.is_set():
                try:
                    index = left.popleft()
                except IndexError:  # another was faster
                    return
                results[index] = work(items[index], stop)
        except BaseException as error:
            stop.set()
            errors.append(error)

    threads = [Thread(target=take, name=f"{name} {number}") for number in range(1, min(workers, len(items)))]
    try:
        for thread in threads:
            thread.start()
        take()
        for thread in threads:
            thread.join()
    except BaseException:  # Ctrl-C, while waiting
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        raise
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(items))]


def side_by_side(first: Callable[[], Item], second: Callable[[], Result]) -> tuple[Item, Result]:
    """The results of two pieces of work that are done at the same time. If both fail, the error is that of `first`."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second)
        result = first()
        return result, waiting.result()


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, name: str
) -> Generator[Result, None, None]:
    """`work` on each of `items`, in order. While the caller does something with a result, and while the next item is
    made, `workers` threads are busy with the ones before; with none, nothing is done before it is asked for."""
    if workers < 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(workers, name)
    under_way: deque[Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def attempts(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, name: str
) -> Generator[Callable[[], Result], None, None]:
    """As `ahead`, where an error ends nothing: for each of `items` a function that has its result, or raises its
    error."""

    def attempt(item: Item) -> Callable[[], Result]:
        try:
            result = work(item)
        except Exception as error:
            return partial(_raise, error)
        return lambda: result

    return ahead(attempt, items, workers, name)


def _raise(error: Exception) -> NoReturn:
    raise error
