"""The address of the first process: which ones each framework takes."""

from __future__ import annotations

import socket

import pytest

import dualtrain_paddle
import dualtrain_torch
from tests.conformance.test_processes_split import LAST, fit
from tests.forked import ended

pytestmark = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="a machine without IPv6")


def test_torch_trains_by_ipv6() -> None:
    def work() -> None:
        fit(dualtrain_torch, LAST["adamw"])

    assert ended(2, work, MASTER_ADDR="::1")[0] == [0, 0]


def test_paddle_says_that_it_takes_none() -> None:
    def work() -> None:
        fit(dualtrain_paddle, LAST["adamw"])

    statuses, told = ended(2, work, MASTER_ADDR="::1")
    assert statuses == [1, 1]
    assert told.count("a name or an IPv4 address") == 2
    assert told.count("Received: '::1'") == 2
