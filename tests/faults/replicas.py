"""Two replicas over one PostgreSQL, and what can befall them: a dead replica, a dead database, a cut network."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from faults.estate import Estate, estate
from faults.guarded import guarded_tools
from faults.guards import LEAST_CUT_S, ages_of, judged_with, recovered
from faults.guards_judged import Cut
from faults.load import Load
from faults.scenario import NotHereError, Result, Scale, judged, summary
from support.fault_proxy import fault_proxy
from support.postgres import Cluster, running_postgres

_LATEST_S = 0.3


def killed_replicas(directory: Path, scale: Scale) -> Result:
    """Kill one replica or the other, again and again: whichever just gives out positions, or does not."""
    moments = random.Random(2)
    recoveries = []
    with _two_replicas(directory) as (made, _), Load(made.connecting()) as load:
        for number in range(scale.kills):
            load.book.more_than(len(load.book) + scale.writes, timeout_s=60)
            time.sleep(moments.uniform(0, _LATEST_S))
            victim = made.replicas[number % 2]
            victim.kill()
            killed, written = time.monotonic(), len(load.book)
            load.book.more_than(written, timeout_s=60)
            recoveries.append(time.monotonic() - killed)
            victim.start()
        return judged(made, load, summary("from the kill to the next acknowledged write", recoveries))


def killed_integrator(directory: Path, scale: Scale) -> Result:
    """Kill the replica that moves the revocation feed, while the other one has little to do and takes over.

    Whichever replica writes gives out positions: so nearly all of the load goes to the one that is killed.
    """
    moments = random.Random(3)
    takeovers = []
    with _two_replicas(directory) as (made, _):
        one, other = made.replicas
        with Load(made.connecting(one.port)) as load, Load(made.connecting(other.port), each=1, pause_s=0.5) as beside:
            for _ in range(max(1, scale.kills // 5)):
                load.book.more_than(len(load.book) + scale.writes, timeout_s=60)
                time.sleep(moments.uniform(0, _LATEST_S))
                one.kill()
                killed, written = time.monotonic(), len(beside.book)
                beside.book.more_than(written, timeout_s=60)
                takeovers.append(time.monotonic() - killed)
                one.start()
            beside.rest()
            load.book.join(beside.book)
            return judged(made, load, summary("from the kill to the other's next acknowledged write", takeovers))


def restarted_database(directory: Path, scale: Scale) -> Result:
    """Stop PostgreSQL in an orderly way, at once, and by kill -9; start it again; replicas come back by themselves."""
    recoveries = []
    with _two_replicas(directory) as (made, cluster), Load(made.connecting()) as load:
        for how in _ways_to_stop(scale):
            load.book.more_than(len(load.book) + scale.writes, timeout_s=60)
            if how == "kill":
                cluster.kill()
            else:
                cluster.stop(how)
            time.sleep(min(1.0, scale.seconds))
            cluster.start()
            started, written = time.monotonic(), len(load.book)
            load.book.more_than(written + scale.writes, timeout_s=60)
            recoveries.append(time.monotonic() - started)
        assert all(replica.alive for replica in made.replicas), "a replica ended for want of its database"
        what = f"from the database's return to {scale.writes} more acknowledged writes"
        return judged(made, load, summary(what, recoveries))


def cut_network(directory: Path, scale: Scale) -> Result:
    """Cut one replica off the database, then both; each time for a while, in the middle of everything.

    Guards that ask them go on in the first case; in the second they hear of nobody how things stand.
    """
    notes, cut_s = [], max(scale.seconds, LEAST_CUT_S)
    ages = ages_of(cut_s)
    with running_postgres(fsync=True) as cluster:
        url = cluster.new_database()
        with (
            fault_proxy("127.0.0.1", cluster.port) as one,
            fault_proxy("127.0.0.1", cluster.port) as other,
            estate(directory, database=f'url = "{url}"', catalogue=ages.catalogue) as made,
        ):
            for proxy in (one, other):
                made.replica(database=f'url = "{_by_way_of(url, proxy.port)}"').start()
            with guarded_tools(made.profile(), made.profile()) as tools, Load(made.connecting()) as load:
                for name, cut_off in (("one replica", [one]), ("both replicas", [one, other])):
                    for each in tools:
                        each.until_all_run(time.monotonic())
                    load.book.more_than(len(load.book) + scale.writes, timeout_s=60)
                    before = len(load.book)
                    for proxy in cut_off:
                        proxy.cut()
                    began_s = time.monotonic()
                    time.sleep(cut_s)
                    meanwhile, cut = len(load.book) - before, Cut(began_s, time.monotonic())
                    for proxy in cut_off:
                        proxy.heal()
                    written = len(load.book)
                    load.book.more_than(written + scale.writes, timeout_s=60)
                    notes.append(
                        f"{name} cut off for {cut_s:.0f} s: {meanwhile} writes acknowledged meanwhile;"
                        f" {scale.writes} more within {time.monotonic() - cut.to_s:.1f} s of its return"
                    )
                    notes += recovered(tools, cut)
                assert all(replica.alive for replica in made.replicas), "a replica ended for want of the network"
                return judged_with(tools, made, load, ages, cut, *notes)


def _ways_to_stop(scale: Scale) -> list[str]:
    return ["fast", "immediate", "kill"] * max(1, scale.kills // 15)


@contextmanager
def _two_replicas(directory: Path) -> Iterator[tuple[Estate, Cluster]]:
    """Run two replicas over one database that makes durable what it says is durable."""
    try:
        running = running_postgres(fsync=True)
    except AssertionError as error:
        raise NotHereError(str(error)) from None
    with running as cluster, estate(directory, database=f'url = "{cluster.new_database()}"') as made:
        for _ in range(2):
            made.replica().start()
        yield made, cluster


def _by_way_of(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()
