"""Ctrl-C on a verb that follows a job is never lost."""

from __future__ import annotations

import os
import signal
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kanal.cli.following import interruptions


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """A shell lets what it starts in the background ignore ctrl-C, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_what_is_going_on_at_once() -> None:
    with interruptions(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_comes_where_python_drops_it_counts_at_the_next_look() -> None:
    class Thing:
        pass

    thing = Thing()
    dropped = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))
    with interruptions() as heed:
        heed()
        with suppress(KeyboardInterrupt):
            del thing
        assert dropped() is None
        with pytest.raises(KeyboardInterrupt):
            heed()


def test_what_was_there_before_is_there_again_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptions():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_who_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptions() as heed:
            os.kill(os.getpid(), signal.SIGINT)
            heed()
    finally:
        signal.signal(signal.SIGINT, before)
