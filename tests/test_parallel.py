"""Items are worked on side by side, results come in order, and an error or Ctrl-C ends all."""

from __future__ import annotations

import threading

import pytest

from nac_cli.parallel import ahead, attempts, each, side_by_side


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers):
    assert each(lambda item, stop: item * item, range(40), workers, "squares") == [item * item for item in range(40)]
    assert each(lambda item, stop: item, [], workers, "nothing") == []


def test_items_are_worked_on_at_the_same_time():
    together = threading.Barrier(3, timeout=30)
    assert len(each(lambda item, stop: together.wait(), range(3), 3, "all")) == 3


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_first_error_ends_all(workers, error):
    begun = []

    def work(item, stop):
        begun.append(item)
        if item == 2:
            raise error("2")
        if item > 2:
            assert stop.wait(30)

    with pytest.raises(error, match="2"):
        each(work, range(100), workers, "some")
    assert 3 <= len(begun) <= 3 + workers
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("some")]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_ahead_keeps_the_order_and_leaves_no_thread(workers):
    assert list(ahead(lambda item: item * item, iter(range(20)), workers, "some")) == [
        item * item for item in range(20)
    ]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("some")]


def test_ahead_works_while_its_caller_does():
    begun = threading.Event()
    results = ahead(lambda item: item if item == 0 else begun.set(), range(3), 1, "some")
    assert next(results) == 0 and begun.wait(30)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("some")]


@pytest.mark.parametrize("workers", [0, 2])
def test_ahead_raises_an_error_in_its_place(workers):
    results = ahead(lambda item: 6 // item, [3, 2, 0, 1], workers, "some")
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_attempts_go_on_after_an_error_and_raise_it_in_its_place():
    def inverse(number: int) -> float:
        return 1 / number

    results = list(attempts(inverse, [1, 0, 2], 2, "test"))
    assert [results[0](), results[2]()] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        results[1]()


def test_two_pieces_of_work_are_done_at_the_same_time():
    met = threading.Barrier(2, timeout=10)  # breaks if either waits for the other to end
    assert side_by_side(lambda: met.wait() >= 0, lambda: met.wait() >= 0) == (True, True)


@pytest.mark.parametrize("first, second", [(True, False), (False, True), (True, True)])
def test_an_error_of_either_is_raised_when_both_have_ended(first, second):
    ended = []

    def work(name: str, fails: bool) -> None:
        ended.append(name)
        if fails:
            raise ValueError(name)

    with pytest.raises(ValueError, match="first" if first else "second"):
        side_by_side(lambda: work("first", first), lambda: work("second", second))
    assert sorted(ended) == ["first", "second"]
