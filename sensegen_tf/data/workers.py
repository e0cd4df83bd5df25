"""Work that several processes share, with results in the order of the jobs, whatever the number of processes."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from sensegen_tf.errors import InputError

Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers:
    """Processes that run functions; a context manager.

    Args:
      processes: how many; with one, everything runs in this process.
      tensorflow: whether the work needs TensorFlow, which is then imported at once and as quietly as here.

    Example:
      >>> with Workers(1) as workers:
      ...     list(workers.map(abs, [-2, 3]))
      [2, 3]
    """

    def __init__(self, processes: int, *, tensorflow: bool = False):
        self._processes, self._tensorflow = processes, tensorflow
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        if self._processes > 1:
            # Not forked: TensorFlow's threads do not survive it.
            context = multiprocessing.get_context("spawn")
            quiet = self._tensorflow and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3"
            self._pool = concurrent.futures.ProcessPoolExecutor(
                self._processes, mp_context=context, initializer=import_quietly if quiet else None
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def submit(self, function: Callable[[Job], Result], job: Job) -> Callable[[], Result]:
        """Starts a job; what is returned waits for its result.

        Args:
          function: of a job; of a module, so that other processes find it.
          job: that it gets.

        Raises:
          InputError: what is returned, if the process was killed; and whatever the function raises.
        """
        if not self._pool:
            result = function(job)
            return lambda: result
        future = self._pool.submit(function, job)
        return lambda: _result(future)

    def map(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """The results of jobs in their order; only a few are held at a time.

        Args:
          function: of a job; of a module, so that other processes find it.
          jobs: what it gets.

        Raises:
          InputError: a process was killed; and whatever the function raises.
        """
        waiting: collections.deque[Callable[[], Result]] = collections.deque()
        for job in jobs:
            waiting.append(self.submit(function, job))
            if len(waiting) > (2 * self._processes if self._pool else 0):
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()


def import_quietly() -> None:
    """Imports TensorFlow without its start-up messages.

    Its C++ part writes them before it reads the variable that asks it not to, so stderr is redirected.
    """
    with contextlib.ExitStack() as stack:
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        stack.callback(os.dup2, stderr, 2)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow  # noqa: F401


def _result(future):
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process that worked for this one was killed, as it is where memory runs out; try fewer processes",
            fields=["processes"],
        ) from error
