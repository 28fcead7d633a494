"""The bed does what it says: each fault is seen from inside a host, and counted."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import switch as bed_switch
from tests.bed import topologies
from tests.bed.pump import Emulation
from tests.bed.switch import BedError, Guest

if TYPE_CHECKING:
    from tests.bed.lines import Host, Line
    from tests.bed.network import Network

pytestmark = pytest.mark.integration
RATE_BPS = 20e6  # never more; how much less than the 96 % that fit depends on who else is busy here
ROOT = Path(__file__).resolve().parents[4]
PROBE = (sys.executable, "-S", "-E", str(ROOT / "tests" / "bed" / "probe.py"))


def serve(network: Network, host: Host) -> Guest:
    guest = network.switch.spawn(host.name, [*PROBE, "serve"])
    assert guest.output.readline() == "ready\n"
    return guest


def measure(network: Network, host: Host, verb: str, address: str, amount: int) -> dict[str, Any]:
    answer = network.switch.run(*PROBE, verb, address, str(amount), host=host.name)
    return dict(json.loads(answer))


def joined(network: Network, emulation: Emulation | None = None) -> tuple[Line, Host, str]:
    """A line, the host at its near end, and the address at its far end, where a server runs."""
    near, far = network.hosts_named(2)
    line = network.line(near, far, emulation)
    serve(network, far)
    return line, near, far.address


def test_a_cut_line_is_silent_and_heals(network: Network) -> None:
    line, near, far = joined(network)
    assert measure(network, near, "ping", far, 3)["lost"] == 0

    with line.cut() as cut:
        assert measure(network, near, "ping", far, 1)["lost"] == 1
    assert cut.hits >= 1

    assert measure(network, near, "ping", far, 3)["lost"] == 0


def test_hosts_reach_each_other_by_both_versions_of_ip(network: Network) -> None:
    line, near, far = joined(network)

    for address in (far, line.ends[1].address6):
        assert measure(network, near, "ping", address, 3)["lost"] == 0


@pytest.mark.parametrize("way", ["mute", "deafen"])
def test_a_line_can_be_cut_in_one_direction(network: Network, way: str) -> None:
    line, near, far = joined(network)
    measure(network, near, "ping", far, 1)

    with getattr(line.ends[1], way)() as cut:
        assert measure(network, near, "ping", far, 1)["lost"] == 1
    assert cut.hits >= 1


def test_a_pulled_cable_is_seen_by_the_host(network: Network) -> None:
    line, near, far = joined(network)

    with line.unplug() as cut:
        assert "NO-CARRIER" in network.switch.run("ip", "link", "show", "e0", host=near.name)
    assert cut.hits == 1  # interface

    assert measure(network, near, "ping", far, 1)["lost"] == 0


def test_a_fault_that_hit_nothing_is_an_error(network: Network) -> None:
    line, _, _ = joined(network)

    with pytest.raises(BedError, match="block 9: nothing was hit"), line.ends[1].block(9):
        pass

    assert line.cut().end(may_miss=True) == 0


def test_frames_are_lost_by_chance(network: Network) -> None:
    line, near, far = joined(network)
    assert measure(network, near, "ping", far, 1)["lost"] == 0  # ARP is done before frames are lost

    with line.lose(0.2) as loss:
        arrived = measure(network, near, "flood", far, 500)["arrived"]
    assert 500 - len(arrived) <= loss.hits  # of ARP too
    assert 100 < loss.hits < 260  # 0.2 of 500 there, and of the rest back


def test_a_limited_line_carries_what_it_may(network: Network) -> None:
    line, near, far = joined(network)

    line.limit(RATE_BPS)
    assert line.held_back() == 0

    assert RATE_BPS / 2 < measure(network, near, "send", far, 1)["bps"] < RATE_BPS
    assert line.held_back() > 0


def test_a_blocked_port_is_reached_by_nobody(network: Network) -> None:
    line, near, far = joined(network)

    with line.ends[1].block(9000) as blocked, pytest.raises(BedError, match="timed out"):
        measure(network, near, "dial", far, 1)
    assert blocked.hits >= 1

    assert measure(network, near, "dial", far, 1)["ms"] > 0


def test_a_long_line_delays(network: Network) -> None:
    line, near, far = joined(network, Emulation(delay_s=0.02))

    times = measure(network, near, "ping", far, 9)["ms"]

    assert 40 <= min(times) < 60
    assert line.counts()["delivered"] >= 18


def test_a_bad_line_loses_repeats_and_reorders_as_its_seed_says(network: Network) -> None:
    bad = Emulation(delay_s=0.005, loss=0.1, duplicate=0.1, reorder=0.1, seed=7)
    line, near, far = joined(network, bad)

    arrived = measure(network, near, "flood", far, 500)["arrived"]
    counts = line.counts()

    assert len(set(arrived)) < 500
    assert len(arrived) > len(set(arrived))
    assert arrived != sorted(arrived)
    assert min(counts[name] for name in ("lost", "duplicated", "reordered")) > 20
    assert counts["taken"] + counts["duplicated"] == counts["delivered"] + counts["lost"]


def test_an_emulated_line_can_be_cut_and_changed(network: Network) -> None:
    line, near, far = joined(network, Emulation())
    measure(network, near, "ping", far, 1)

    with line.cut():
        assert measure(network, near, "ping", far, 1)["lost"] == 1
    line.emulate(Emulation(rate_bps=RATE_BPS))

    assert RATE_BPS / 2 < measure(network, near, "send", far, 1)["bps"] < RATE_BPS


def test_a_partition_divides_a_site(network: Network) -> None:
    topologies.site(network, 4)
    one, two, three, four = network.hosts
    for host in (two, four):
        serve(network, host)

    with network.partition([one, two], [three, four]) as cut:
        assert measure(network, one, "ping", two.address, 1)["lost"] == 0
        assert measure(network, one, "ping", four.address, 1)["lost"] == 1
    assert cut.hits >= 1

    assert measure(network, three, "ping", two.address, 1)["lost"] == 0


def test_a_partition_cuts_long_lines_too(network: Network) -> None:
    _, near, far = joined(network, Emulation(delay_s=0.001))
    measure(network, near, "ping", far, 1)

    with network.partition([near], [network.hosts[1]]):
        assert measure(network, near, "ping", far, 1)["lost"] == 1


def test_two_sites_are_one_network_until_their_trunk_is_cut(network: Network) -> None:
    trunk = topologies.two_sites(network, 2, rate_bps=RATE_BPS)
    first, _, third, _ = network.hosts
    serve(network, third)
    assert RATE_BPS / 2 < measure(network, first, "send", third.address, 1)["bps"] < RATE_BPS

    with trunk.cut():
        assert measure(network, first, "ping", third.address, 1)["lost"] == 1
    with trunk.unplug():
        assert measure(network, first, "ping", third.address, 1)["lost"] == 1
    assert measure(network, first, "ping", third.address, 1)["lost"] == 0


def test_a_router_translates_from_inside_and_refuses_from_outside(network: Network) -> None:
    inside, router = topologies.behind_nat(network, 1)
    public = network.hosts[-1]
    for host in (inside, public):
        serve(network, host)

    assert measure(network, inside, "ping", public.address, 3)["lost"] == 0
    assert network.routed(router) == {"translated": 1, "refused": 0}
    assert measure(network, public, "ping", inside.address, 1)["lost"] == 1
    assert network.routed(router)["refused"] == 1


def test_nothing_stays_when_the_test_run_is_killed() -> None:
    code = (
        "from tests.bed.network import Network; network = Network(); network.host('n1');"
        "print(network.switch.spawn('n1', ['sleep', '1000']).pid, flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout
    guest = os.pidfd_open(int(run.stdout.readline()))

    run.send_signal(signal.SIGKILL)
    run.communicate()

    assert select.select([guest], [], [], 10.0)[0]
    os.close(guest)


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bed_switch, "_PATH", "/nowhere")

    with pytest.raises(BedError, match="apt-get install -y iproute2 nftables util-linux"):
        bed_switch.Switch()
