"""`make bench`: the figures of ARCHITECTURE.md, "What it costs", measured on this machine.

Counts travel between machines, seconds do not: quote seconds only beside others from the same run. Everything (API server,
etcd, simulator, git and the service) shares the machine with the measurement.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.dev import binaries, crds
from reconciler.dev.children import free_port
from reconciler.dev.control_plane import ControlPlane
from reconciler.dev.progress import Progress
from reconciler.dev.simulator import Simulator
from tests.bench.detection import Detection, sweep_of_everything
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.service import ServiceProcess, environment
from tests.support.simulator_control import SimControl

GROUP = "sagemaker.aws.amazon.com/v1"
_POLL_S = 0.02
_WITHIN_S = 300

_JOB = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: TrainingJob
metadata:
  name: job-{number:05d}
spec:
  region: us-east-1
  roleArn: arn:aws:iam::123456789012:role/bench
  algorithmSpecification:
    trainingImage: 123456789012.dkr.ecr.us-east-1.amazonaws.com/bench:1
    trainingInputMode: File
  hyperParameters:
    - name: rounds
      value: "{rounds}"
  inputDataConfig:
    - channelName: train
      dataSource:
        s3DataSource:
          s3DataType: S3Prefix
          s3Uri: s3://bench/train/{number}
  outputDataConfig:
    s3OutputPath: s3://bench/out
  resourceConfig:
    instanceCount: 1
    instanceType: ml.m5.xlarge
    volumeSizeInGB: 10
  stoppingCondition:
    maxRuntimeInSeconds: 3600
"""


class Bench:
    def __init__(self, directory: Path, objects: int) -> None:
        self.objects = objects
        self.plane = ControlPlane(directory / "plane")
        self.simulator = Simulator(speed=600)
        self.repository = BareRepository(directory / "models.git")
        self.directory = directory
        self.rows: list[tuple[str, str]] = []

    def run(self) -> None:
        self.plane.start()
        self.simulator.start()
        crds.install(binaries.kubectl(), self.plane.kubeconfig)
        self.cluster = Cluster.of(self.plane)
        self.aws = SimControl(self.simulator.url)
        self.port = free_port()
        self.env = environment(
            self.plane.kubeconfig, binaries.kubectl(), self.simulator.url,
            RECONCILER_PORT=str(self.port), RECONCILER_CACHE_DIR=str(self.directory / "cache"),
        )  # fmt: skip
        self.service = ServiceProcess(self.directory / "service.log", self.env)
        try:
            self._measure()
            Detection(self.cluster, self.aws, self._row).measure(self._served_with)
            self.service.stop(5)
            sweep_of_everything(self.aws, self._row)
        finally:
            self.service.stop(5)
            self.simulator.stop()
            self.plane.stop()

    def _measure(self) -> None:
        self._row("start to ready", self._timed(self._start))
        self._row("memory, nothing to do", f"{self._memory_mib():.0f} MiB")
        files = {f"prod/job-{n:05d}.yaml": _JOB.format(number=n, rounds=10) for n in range(self.objects)}
        self.repository.commit(files, "All of them")
        began = time.monotonic()
        self._sync()
        first = self._until(lambda: self._count() > 0) - began
        last = self._until(lambda: self._count() == self.objects) - began
        self._row("GitSync applied to the first object", f"{first:.2f} s")
        self._row(f"... to the last of {self.objects} objects", f"{last:.2f} s ({self.objects / last:.0f}/s)")
        done = self._until(lambda: self._completed() == self.objects) - began
        self._row("... to all jobs Completed in status", f"{done:.1f} s")
        calls = self.aws.counts()
        self._row("AWS calls for all of it", ", ".join(f"{op} {count}" for op, count in sorted(calls.items())))
        self._row("memory, all objects", f"{self._memory_mib():.0f} MiB")
        self._at_rest()
        self._one_change()

    def _served_with(self, more: Mapping[str, str]) -> ServiceProcess:
        self.service.stop(5)
        self.service = ServiceProcess(self.directory / "service.log", {**self.env, **more})
        self._start()
        return self.service

    def _at_rest(self) -> None:
        before, cpu = self._requests(), self._cpu_s()
        mark = self.aws.mark()
        time.sleep(25)
        self._row("25 s at rest: CPU", f"{self._cpu_s() - cpu:.2f} s")
        self._row("... requests to the API server that write or read one object", str(self._requests() - before))
        self._row("... AWS calls", str(dict(self.aws.counts(mark))))

    def _one_change(self) -> None:
        number = self.objects // 2
        before = self._requests()
        commit = self.repository.commit({f"prod/job-{number:05d}.yaml": _JOB.format(number=number, rounds=11)}, "One")
        began = time.monotonic()
        name = f"job-{number:05d}"

        def carried() -> bool:
            found = self.cluster.get(GROUP, "TrainingJob", name, "default")
            return bool(found["metadata"]["annotations"].get("sagemaker-gitops.dev/commit") == commit)

        took = self._until(carried) - began
        self._row(f"one file of {self.objects} changed, to the object carrying it", f"{took:.2f} s")
        self._row("... requests to the API server (ours to look included)", str(self._requests() - before))

    def _start(self) -> None:
        self.service.start()
        self.service.wait_ready(f"http://127.0.0.1:{self.port}/readyz")

    def _sync(self) -> None:
        self.cluster.apply(
            {
                "apiVersion": "sagemaker-gitops.dev/v1alpha1",
                "kind": "GitSync",
                "metadata": {"name": "bench", "namespace": "default"},
                "spec": {"repo": {"url": self.repository.url, "path": "./prod"}, "interval": "10s"},
            }
        )

    def _count(self) -> int:
        path = "/apis/sagemaker.aws.amazon.com/v1/namespaces/default/trainingjobs?limit=1&resourceVersion=0"
        found = self.cluster.request("GET", path.replace("&resourceVersion=0", ""))
        return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))

    def _completed(self) -> int:
        jobs = self.cluster.list(GROUP, "TrainingJob", "default")
        return sum(job.get("status", {}).get("trainingJobStatus") == "Completed" for job in jobs)

    def _until(self, seen: Callable[[], bool]) -> float:
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            if seen():
                return time.monotonic()
            time.sleep(_POLL_S)
        raise SystemExit(f"not seen within {_WITHIN_S} s; the service said:\n{self.service.log()[-2000:]}")

    def _timed(self, work: Callable[[], None]) -> str:
        began = time.monotonic()
        work()
        return f"{time.monotonic() - began:.2f} s"

    def _requests(self) -> int:
        """Requests that touched single objects of ours, as the API server counts them."""
        return int(sum(self._samples("apiserver_request_total")))

    def _samples(self, metric: str) -> list[float]:
        text = self.cluster.kubectl("get", "--raw", "/metrics")
        ours = ('group="sagemaker.aws.amazon.com"', 'group="sagemaker-gitops.dev"')
        lines = (line for line in text.splitlines() if line.startswith(metric + "{"))
        wanted = (
            line
            for line in lines
            if any(g in line for g in ours) and 'verb="WATCH"' not in line and 'verb="LIST"' not in line
        )
        return [float(line.rpartition(" ")[2]) for line in wanted]

    def _memory_mib(self) -> float:
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.service.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _row(self, what: str, figure: str) -> None:
        print(f"{what:<66} {figure}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1000)
    asked = parser.parse_args()
    binaries.find(Progress())
    with tempfile.TemporaryDirectory(prefix="sagemaker-gitops-bench-") as directory:
        Bench(Path(directory), asked.objects).run()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"\nThe measurement itself, simulator included, used {used.ru_utime + used.ru_stime:.0f} s of CPU.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
