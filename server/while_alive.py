"""Callbacks that keep nobody alive.

A part that calls the one it belongs to makes a circle, and a circle stays in memory until the
garbage collector finds it. Once its objects are old that takes very long: ended sessions, with
their audio, would gather for an hour and more.
"""

from collections.abc import Callable
from typing import ParamSpec
from weakref import WeakMethod

P = ParamSpec("P")


def while_alive(method: Callable[P, None]) -> Callable[P, None]:
    """Return a function that calls a bound method while its object lives, and then does nothing.

    Raises:
        TypeError: It is no bound method.
    """
    reference = WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        alive = reference()
        if alive is not None:
            alive(*args, **kwargs)

    return call
