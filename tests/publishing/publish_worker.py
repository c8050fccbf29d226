"""A process that publishes once, and dies by SIGKILL before a chosen change of the file system.

Usage: publish_worker.py BUILD PUBLISHED WHEN. WHEN is `never`, `17` (before the 17th change) or `swap+2` (before the
second change after the swap; `swap+0` is before the swap itself). With `never` it says how many changes there were.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def arm(when: str) -> list[str]:
    """Make the process mortal; the list fills with the changes it makes."""
    done: list[str] = []

    def deadly(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            is_swap = name == "replace" and str(args[1]).endswith("/current")
            done.append("swap" if is_swap else name)
            after_swap = f"swap+{len(done) - 1 - done.index('swap')}" if "swap" in done else ""
            if when in (str(len(done)), after_swap):
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*args, **kwargs)

        return wrapped

    for name in ("fsync", "mkdir", "rename", "replace", "rmdir", "symlink", "unlink", "chmod"):
        setattr(os, name, deadly(name, getattr(os, name)))
    return done


def main(build: str, published: str, when: str) -> None:
    # A script's own folder is on the path, the project's is not.
    sys.path.append(str(Path(__file__).parents[2]))
    from published_library import PUBLISHED_AT

    from publishing import snapshot
    from publishing.manifest import ManifestInputs

    done = arm(when)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    snapshot.publish(Path(build), Path(published), ManifestInputs("abc123", "cfg", False, PUBLISHED_AT))
    sys.stdout.write(f"{len(done)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
