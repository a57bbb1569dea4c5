"""Runs tasks that do nothing in one of the peers and measures CPU seconds of all its processes.

peers_times.py PEER TASKS OUTPUT
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
WARM_UP = 200


def processes():
    """Every process that descends from this one, this one too: pid -> (parent, own ticks, ticks of reaped children)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            found[int(entry.name)] = (int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14]))
    ours = {os.getpid()}
    grown = True
    while grown:
        grown = False
        for pid, (parent, *_) in found.items():
            if parent in ours and pid not in ours:
                ours.add(pid)
                grown = True
    return {pid: found[pid] for pid in ours if pid in found}


def cpu_seconds(only=None):
    """CPU seconds so far of all of them, or of those whose command line contains `only`."""
    total = 0
    for pid, (_, own, reaped) in processes().items():
        if only is not None:
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if only not in command:
                continue
        total += own + reaped
    return total / TICK


def measure(run, tasks, server=None):
    """CPU and wall time of `run(tasks)` after a warm-up; of the process with `server` in its command line too."""
    run(WARM_UP)
    began, before = time.monotonic(), cpu_seconds()
    server_before = cpu_seconds(server) if server else 0
    run(tasks)
    wall, used = time.monotonic() - began, cpu_seconds() - before
    figures = {"tasks": tasks, "tasks_per_second": tasks / wall, "cpu_us_per_task": used / tasks * 1e6}
    if server:
        figures["server_cpu_us_per_task"] = (cpu_seconds(server) - server_before) / tasks * 1e6
    return figures


def dask(tasks):
    import distributed
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            run = lambda count: client.gather(client.map(lambda number: None, range(count), pure=False))
            return distributed.__version__, measure(run, tasks)


def ray(tasks):
    import ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")

    @ray.remote
    def nothing():
        return None

    figures = measure(lambda count: ray.get([nothing.remote() for _ in range(count)]), tasks)
    return ray.__version__, figures


def celery(tasks):
    import celery as library

    folder = tempfile.mkdtemp()
    port = 20000 + os.getpid() % 20000
    broker = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""])
    (Path(folder) / "idle.py").write_text(
        "from celery import Celery\n"
        f"app = Celery('idle', broker='redis://127.0.0.1:{port}/0', backend='redis://127.0.0.1:{port}/1')\n"
        "@app.task\n"
        "def nothing():\n"
        "    return None\n"
    )
    sys.path.insert(0, folder)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "idle", "worker", "--concurrency", "2", "--loglevel", "ERROR"], cwd=folder
    )
    time.sleep(5)
    import idle

    def run(count):
        for result in [idle.nothing.delay() for _ in range(count)]:
            result.get(timeout=120)

    try:
        return library.__version__, measure(run, tasks)
    finally:
        worker.terminate()
        worker.wait(30)
        broker.terminate()
        broker.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def hyperqueue(tasks):
    """Its tasks are processes (`true`); what its server alone uses is told too."""
    from importlib.metadata import version

    hq = shutil.which("hq", path=os.path.dirname(sys.executable)) or shutil.which("hq")
    if hq is None:
        import hyperqueue as library  # the wheel holds the program's code as a library

        folder = Path(tempfile.mkdtemp())
        cluster = library.LocalCluster()
        for _ in range(2):
            cluster.start_worker(library.cluster.WorkerConfig(cores=1))
        client = cluster.client()

        def run(count):
            job = library.Job(default_workdir=str(folder))
            for _ in range(count):
                job.program(["/bin/true"], stdout=None, stderr=None)
            client.wait_for_jobs([client.submit(job)], raise_on_error=True)

        return version("hyperqueue"), measure(run, tasks)
    folder = tempfile.mkdtemp()
    run_hq = lambda *words: subprocess.run([hq, "--server-dir", folder, *words], check=True, stdout=subprocess.DEVNULL)
    started = [subprocess.Popen([hq, "--server-dir", folder, "server", "start"])]
    time.sleep(2)
    started += [subprocess.Popen([hq, "--server-dir", folder, "worker", "start", "--cpus", "1"]) for _ in range(2)]
    time.sleep(2)

    def run(count):
        run_hq("submit", "--array", f"1-{count}", "--stdout", "none", "--stderr", "none", "--wait", "--", "true")

    try:
        return version("hyperqueue"), measure(run, tasks, server="server\0start")
    finally:
        for process in started:
            process.send_signal(signal.SIGINT)


def main():
    peer, tasks, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    version, figures = {"dask": dask, "ray": ray, "celery": celery, "hyperqueue": hyperqueue}[peer](tasks)
    with open(output, "w") as file:
        json.dump({"peer": peer, "version": version, **figures}, file, indent=2)


if __name__ == "__main__":
    main()
