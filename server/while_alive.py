"""Callbacks that keep nobody alive.

A part that calls the one it belongs to makes a circle, and a circle stays in memory until the
garbage collector finds it. Once its objects are old that takes very long: ended sessions, with
their audio, would gather for an hour and more.
"""

from collections.abc import Callable
from types import MethodType
from typing import ParamSpec
from weakref import ref

P = ParamSpec("P")


def while_alive(method: Callable[P, None]) -> Callable[P, None]:
    """Return a function that calls a bound method while its object lives, and then does nothing.

    Raises:
        TypeError: It is no bound method.
    """
    if not isinstance(method, MethodType):
        raise TypeError(f"{method!r} belongs to no object")
    owner, function = ref(method.__self__), method.__func__

    # Called several times for each message; `weakref.WeakMethod` takes over twice as long.
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        alive = owner()
        if alive is not None:
            function(alive, *args, **kwargs)

    return call
