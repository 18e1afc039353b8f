"""Has the words of this program done by the process at ADDRESS, and ends as they end."""

# ruff: noqa: F821
# mypy: disable-error-code="name-defined"
# pyright: reportUndefinedVariable=false

import json
import os
import signal
import socket
import sys
from contextlib import suppress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
with socket.socket(socket.AF_UNIX) as server:
    server.connect(ADDRESS)
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109
    socket.send_fds(server, [b"%10d" % len(said)], [0, 1, 2])
    server.sendall(said)
    with server.makefile() as answers:
        child = int(answers.readline())

        def passed_on(number: int, frame: object) -> None:
            with suppress(ProcessLookupError):
                os.killpg(child, number)

        for number in SIGNALS:
            signal.signal(number, passed_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        status = int(answers.readline())
if status < 0:
    with suppress(OSError):  # nobody minds SIGKILL
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
