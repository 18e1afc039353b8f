"""Where the first process is: the addresses and ports that each framework takes."""

from __future__ import annotations

import socket

import pytest

import dualtrain_paddle
import dualtrain_torch
from tests.conformance.test_processes_split import LAST, fit
from tests.forked import ended

IPV6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="a machine without IPv6")


@IPV6
def test_torch_trains_by_ipv6() -> None:
    def work() -> None:
        fit(dualtrain_torch, LAST["adamw"])

    assert ended(2, work, MASTER_ADDR="::1")[0] == [0, 0]


@IPV6
def test_paddle_says_that_it_takes_none() -> None:
    def work() -> None:
        fit(dualtrain_paddle, LAST["adamw"])

    statuses, told = ended(2, work, MASTER_ADDR="::1")
    assert statuses == [1, 1]
    assert told.count("a name or an IPv4 address") == 2
    assert told.count("Received: '::1'") == 2


def test_a_port_that_is_taken_is_named() -> None:
    """Paddle's own store aborts the process, and says nothing of a port."""
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]

        def work() -> None:
            fit(dualtrain_paddle, LAST["adamw"])

        statuses, told = ended(1, work, WORLD_SIZE="2", MASTER_PORT=str(port - 1))
    assert statuses == [1]
    assert f"Received: {port} (Address already in use)" in told
