"""A throw-away Slurm on this machine: controller, nodes and munge in a folder, as root. Unaware of any one test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "munged")
LIMIT = 120.0
"""Seconds after which something that should have happened has not."""

PATIENCE = 5.0
"""Seconds that jobs may take to go by themselves."""

CONF = """\
ClusterName=flowtest
SlurmctldHost={controller}({address})
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout={slurmd_timeout}
KillWait=5
MinJobAge={min_job_age}
MaxJobCount={max_jobs}
SlurmdParameters=config_overrides
"""


class Cluster:
    """`nodes` are n1, n2…, each with two cores, all on this host. With `cuttable`, each has a network of its own.

    `pause` and `kill` mistreat the daemons; `cut` and `mend` the network between a node and the controller.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 2,
        cuttable: bool = False,
        max_jobs: int = 20_000,
        min_job_age: int = 3600,
        slurmd_timeout: int = 5,
    ) -> None:
        if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
            raise RuntimeError(
                f"{', '.join(missing)} not found: apt-get install --no-install-recommends slurm-wlm munge iproute2"
            )
        self.folder = folder
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self._cuttable = cuttable
        self._tag = f"fl{os.getpid() % 100_000}"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True)
        for name in ("state", *(f"spool.{node}" for node in self.nodes)):
            (folder / name).mkdir()
        if cuttable:
            self._make_networks()
        self._configure(max_jobs=max_jobs, slurmd_timeout=slurmd_timeout, min_job_age=min_job_age)
        self.env = {"SLURM_CONF": str(folder / "slurm.conf")}
        """What a command needs to talk to this cluster."""
        try:
            self._start_munge()
            self.start_controller(clean=True)
            for node in self.nodes:
                self.start_node(node)
            self.until(lambda: self.idle() == set(self.nodes), "the nodes to come up")
        except BaseException:
            self.stop()
            raise

    def _configure(self, **settings: int) -> None:
        ports = free_ports(len(self.nodes) + 1)
        address = "10.231.77.1" if self._cuttable else "127.0.0.1"
        lines = [
            CONF.format(
                controller=socket.gethostname(),
                address=address,
                port=ports[0],
                folder=self.folder,
                **settings,
            )
        ]
        for number, (node, port) in enumerate(zip(self.nodes, ports[1:], strict=True), 1):
            where = f"NodeAddr=10.231.77.{10 + number}" if self._cuttable else "NodeAddr=127.0.0.1"
            host = node if self._cuttable else socket.gethostname()
            machine = "CPUs=2 RealMemory=2000 State=UNKNOWN"
            lines.append(f"NodeName={node} NodeHostname={host} {where} Port={port} {machine}\n")
        lines.append(f"PartitionName=main Nodes={','.join(self.nodes)} Default=YES MaxTime=INFINITE State=UP\n")
        (self.folder / "slurm.conf").write_text("".join(lines))

    # -- daemons -----------------------------------------------------------------------------------------------

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        self.folder.chmod(0o755)
        names = ("key-file=munge.key", "socket=munge.sock", "pid-file=munged.pid", "log-file=munged.log")
        options = [f"--{name}={self.folder}/{file}" for name, file in (each.split("=") for each in names)]
        self._start("munged", "munged", "--foreground", f"--seed-file={self.folder}/munge.seed", *options)
        self.until((self.folder / "munge.sock").exists, "munged")

    def start_controller(self, *, clean: bool = False) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-i", *(["-c"] if clean else []))
        self.until(lambda: self.ask("scontrol", "ping").returncode == 0, "slurmctld")

    def start_node(self, node: str) -> None:
        inside: tuple[str, ...] = ()
        if self._cuttable:
            shell = f'hostname {node}; exec "$@"'
            inside = ("nsenter", f"--net=/run/netns/{self._tag}{node}", "unshare", "-u", "sh", "-c", shell, "sh")
        self._start(node, *inside, "slurmd", "-D", "-N", node)

    def _start(self, name: str, *argv: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            self._daemons[name] = subprocess.Popen(
                argv, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal a daemon (a node's slurmd by the node's name) and, unless it is only paused, see it gone."""
        self._daemons[name].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._daemons.pop(name).wait(LIMIT)

    # -- asking ------------------------------------------------------------------------------------------------

    def ask(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, env={**os.environ, **self.env}, capture_output=True, text=True, timeout=60, check=False
        )

    def idle(self) -> set[str]:
        return set(self.ask("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").stdout.split())

    def jobs(self, *, state: str = "") -> list[str]:
        """Ids of jobs that are queued or run, or of those in one state."""
        chosen = [f"--states={state}"] if state else []
        return self.ask("squeue", "-h", "-o", "%i", *chosen).stdout.split()

    def until(self, is_so: Callable[[], Any], what: str, seconds: float = LIMIT) -> None:
        """Wait for something that comes by itself."""
        limit = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > limit:
                files = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
                logs = "".join(file.read_text(errors="replace")[-2000:] for file in files)
                raise AssertionError(f"waited in vain for {what}\n{logs}")
            time.sleep(0.05)

    # -- the network -------------------------------------------------------------------------------------------

    def _make_networks(self) -> None:
        self._ip("link", "add", self._tag, "type", "bridge")
        self._ip("addr", "add", "10.231.77.1/24", "dev", self._tag)
        self._ip("link", "set", self._tag, "up")
        for number, node in enumerate(self.nodes, 1):
            space, here = f"{self._tag}{node}", f"{self._tag}v{number}"
            self._ip("netns", "add", space)
            self._ip("link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", space)
            self._ip("link", "set", here, "master", self._tag, "up")
            self._ip("-n", space, "addr", "add", f"10.231.77.{10 + number}/24", "dev", "eth0")
            self._ip("-n", space, "link", "set", "eth0", "up")
            self._ip("-n", space, "link", "set", "lo", "up")

    def cut(self, node: str) -> None:
        self._ip("-n", f"{self._tag}{node}", "link", "set", "eth0", "down")

    def mend(self, node: str) -> None:
        self._ip("-n", f"{self._tag}{node}", "link", "set", "eth0", "up")

    def _ip(self, *words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"

    # -- the end -----------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """No jobs, all nodes up."""
        self.ask("scancel", "--user=root")
        with suppress(AssertionError):
            self.until(lambda: not self.jobs(), "the jobs to go", PATIENCE)
        for node in self.nodes if self.jobs() else ():
            # A job whose end was told to a daemon that was killed is asked after no sooner than in a minute or two.
            self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=cleared")
        self.until(lambda: not self.jobs(), "the jobs to go")
        for node in self.nodes:
            self.ask("scontrol", "update", f"nodename={node}", "state=resume")
        self.until(lambda: self.idle() == set(self.nodes), "the nodes to come back")

    def stop(self) -> None:
        if "slurmctld" in self._daemons:
            self.ask("scancel", "--user=root")
            with suppress(AssertionError):
                self.until(lambda: not self.jobs(), "the jobs to go")
        for name in [*self.nodes, "slurmctld", "munged"]:
            if name in self._daemons:
                self._daemons[name].send_signal(signal.SIGCONT)
                self.kill(name, signal.SIGTERM)
        if self._cuttable:
            for node in self.nodes:
                self._ip("netns", "del", f"{self._tag}{node}")
            self._ip("link", "del", self._tag)


@contextmanager
def running_cluster(**options: Any) -> Iterator[Cluster]:
    """One in a folder that munge accepts: everybody may pass through it, and through those above."""
    with TemporaryDirectory(prefix="flowmake-slurm-") as folder:
        os.chmod(folder, 0o755)
        found = Cluster(Path(folder) / "c", **options)
        try:
            yield found
        finally:
            found.stop()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
