"""Forks a process for each that asks at a socket: `python -m tests.warm ADDRESS`."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

__all__ = ["main"]

IMPORTED = (
    "torch._dynamo",
    "transformers.optimization",
    "transformers.models.bert.modeling_bert",
    "dualtrain_torch",
    "dualtrain.cli",
    "dualtrain.workers._work",
)

Asked = tuple[list[str], str, dict[str, str]]
"""The words of a command behind `python`, its folder, its environment."""


def main(address: str) -> Asked | None:
    """Serve until standard input ends; in each fork what it is to do instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in IMPORTED:
            importlib.import_module(name)
    importlib.import_module("dualtrain_paddle._compat").native_models()  # which logs by itself
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who keep a child are not waited for
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([0, server.fileno()], [], [])
            if 0 in ready:
                return None
            client, _ = server.accept()
            with client:
                if os.fork() == 0:
                    server.close()
                    return kept(client)


def kept(client: socket.socket) -> Asked:
    """What a child is to do, in it; its parent tells who asked how it ends, and ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said, files, *_ = socket.recv_fds(client, 10, 3)
    if not said:
        os._exit(0)
    with client.makefile("rb") as words:
        asked: Asked = json.loads(words.read(int(said)))
    lives, held = os.pipe()
    child = os.fork()
    if child == 0:
        client.close()
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        return asked
    for file in (*files, held):
        os.close(file)
    with suppress(BrokenPipeError):
        client.sendall(b"%d\n" % child)
        ended, _, _ = select.select([client.fileno(), lives], [], [])
        if lives not in ended:  # who asked is gone
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def become(asked: Asked) -> NoReturn:
    """Do what was asked, and end as `python` does, but for taking all modules apart."""
    status: object = 0
    try:
        run(*asked)
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        traceback.print_exc()
        status = 1
    if not isinstance(status, int | None):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


def run(words: list[str], folder: str, environment: dict[str, str]) -> None:
    """`-m module`, `-c text`, or a script."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    importlib.invalidate_caches()
    first, *rest = words
    if first in ("-m", "-c"):
        sys.argv, sys.path[:0] = [first, *rest[1:]], [folder if first == "-m" else ""]
    if first == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv, sys.path[:0] = words, [str(Path(first).absolute().parent)]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    to_do = main(sys.argv[1])
    if to_do is not None:
        become(to_do)
