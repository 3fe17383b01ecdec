"""A `starling` process that ends when the process which started it ends.

The parent holds the other end of our standard input. Whatever ends the parent, a crash or
`kill -9` included, closes it, and then this process asks itself to shut down.
"""

import os
import signal
import threading
import time

from server.cli.main import app

_STDIN = 0
_GRACE_S = 10.0


def _follow_parent() -> None:
    while os.read(_STDIN, 1024):  # sys.stdin has a lock that the interpreter's end would want.
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)  # The polite way did not work; a server nobody knows of must not stay.


if __name__ == "__main__":
    threading.Thread(target=_follow_parent, name="tether", daemon=True).start()
    app()
