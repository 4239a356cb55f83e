"""A folder for a peer's data, and processes that end with this one."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile


@contextlib.contextmanager
def folder(parent, name):
    """A fresh folder that everybody may enter, gone afterwards."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"peers-{name}-", dir=parent))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def start(command, **options):
    """Starts a process that the kernel stops when this one is gone, however that happens."""

    def die_with_parent():
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGINT)

    return subprocess.Popen(command, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL, **options)


def bytes_on_disk(path):
    total = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_blocks * 512
    return total
