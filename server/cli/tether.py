"""A `starling` process that ends when the process which started it ends.

The parent holds the other end of our standard input. Whatever ends the parent, a crash or
`kill -9` included, closes it, and then this process asks itself to shut down.
"""

import os
import signal
import sys
import threading
import time

from server.cli.main import app

_GRACE_S = 10.0


def _follow_parent() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)  # The polite way did not work; a server nobody knows of must not stay.


if __name__ == "__main__":
    threading.Thread(target=_follow_parent, name="tether", daemon=True).start()
    app()
