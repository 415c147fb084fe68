"""A thousand Triggers on one Broker through plain `kubectl apply -f DIR`: until all are Ready, at rest, and until all are gone.

Every role is a process of its own, so that each phase shows what it costs whom. Objects are deleted with `--wait=false`: kubectl
would look for each whether it has gone, five times a second at most. Run: `python benchmarks/kubectl.py [--triggers N]`;
about 3 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import rig
from process import Process, processor_s, status
from rig import Rig, until

from kanal import kubeconfig

TOKEN = "benchmark"
TRIGGERS = "eventing.knative.dev/v1/namespaces/default/triggers"


def main() -> None:
    parser = rig.arguments(__doc__)
    parser.add_argument("--triggers", type=int, default=1_000)
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured at rest")
    parser.add_argument(
        "--patience", type=float, default=600.0, metavar="SECONDS", help="for all to be Ready, and gone"
    )
    options = parser.parse_args()
    with Rig(options, heap_mib=1_024) as bench:
        run(bench, options)


def run(bench: Rig, options: argparse.Namespace) -> None:
    folder, hub = bench.directory / "triggers", bench.directory / "broker.yaml"
    folder.mkdir()
    hub.write_text(rig.broker("b", options.partitions))
    _, url = bench.subscriber("listener", events=1)
    for n in range(options.triggers):
        filters = f"[{{exact: {{type: dev.kanal.bench{n}}}}}]"
        (folder / f"t{n:05}.yaml").write_text(rig.trigger(f"t{n}", "b", url, filters))
    home = Home(bench, hub)
    print(f"kubectl: {options.triggers} Triggers on a Broker of {options.partitions} partitions")
    print(f"{'phase':<14}{'seconds':>8}   processor seconds{'':>9}{'MiB resident'}")
    print(f"{'':<22}" + "".join(f"{name:>12}" for name in (*home.roles, "Kafka", "kubectl")))
    with home.phase("apply"):
        home.kubectl("apply", "-f", str(folder))
    with home.phase("until Ready"):
        until(lambda: home.count("True") >= options.triggers, options.patience, "every Trigger is Ready")
    with home.phase("settling"):
        time.sleep(10)
    with home.phase("at rest"):
        time.sleep(options.seconds)
    with home.phase("one more"):
        (folder / "more.yaml").write_text(rig.trigger("more", "b", url, "[]"))
        home.kubectl("apply", "-f", str(folder / "more.yaml"))
        home.kubectl("wait", "--for=condition=Ready", "trigger/more", "--timeout=60s")
    with home.phase("delete"):
        home.kubectl("delete", "-f", str(folder), "--wait=false")
    with home.phase("until gone"):
        until(lambda: home.count() == 0, options.patience, "every Trigger is gone")
        time.sleep(10)


class Home:
    """A stack without a cluster, and a kubectl that is led to it."""

    def __init__(self, bench: Rig, hub: Path) -> None:
        self._bench = bench
        ingress = bench.role("channel")
        public = f"http://127.0.0.1:{bench.port('channel')}"
        controller = bench.role(
            "controller", str(hub), "--set", f"control.token={TOKEN}", "--set", f"ingress.public_url={public}"
        )
        self.roles: dict[str, Process] = {
            "controller": controller,
            "dispatcher": bench.role("dispatcher"),
            "channel": ingress,
        }
        self._address = kubeconfig.address("127.0.0.1", bench.port("controller"))
        config = bench.directory / "kubeconfig"
        kubeconfig.write(config, kubeconfig.document(self._address, TOKEN))
        self._environment = {**os.environ, "KUBECONFIG": str(config), "HOME": str(bench.directory)}
        until(self._answers, 60.0, "the API answers")

    def kubectl(self, *words: str) -> None:
        """Type one line; ends the benchmark where it fails."""
        done = subprocess.run(["kubectl", *words], env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"kubectl {words[0]} failed: {done.stderr[-2000:]}")

    def count(self, ready: str = "") -> int:
        """How many Triggers there are, or whose Ready is this."""
        for process in self.roles.values():
            process.look()
        found = self._asked(f"/apis/{TRIGGERS}")["items"]
        conditions = [{c["type"]: c["status"] for c in one.get("status", {}).get("conditions", ())} for one in found]
        time.sleep(1)
        return sum(not ready or one.get("Ready") == ready for one in conditions)

    def phase(self, name: str) -> Phase:
        """Print what a block costs whom."""
        return Phase(name, self.costs, self.sizes)

    def costs(self) -> dict[str, float]:
        """Processor seconds up to now."""
        found = {name: processor_s(process.pid) for name, process in self.roles.items()}
        typed = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found | {"Kafka": self._bench.broker_s, "kubectl": typed.ru_utime + typed.ru_stime}

    def sizes(self) -> dict[str, float]:
        """Resident memory in MiB."""
        found = {name: status(process.pid, "VmRSS") / 1024 for name, process in self.roles.items()}
        return found | {"Kafka": self._bench.broker_mib}

    def _answers(self) -> bool:
        for process in self.roles.values():
            process.look()
        try:
            self._asked("/version")
        except OSError:
            return False
        return True

    def _asked(self, path: str) -> dict[str, list[dict[str, dict[str, list[dict[str, str]]]]]]:
        asked = urllib.request.Request(self._address + path, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            found: dict[str, list[dict[str, dict[str, list[dict[str, str]]]]]] = json.load(answer)
            return found


class Phase:
    """One block, and its row."""

    def __init__(self, name: str, costs: Callable[[], dict[str, float]], sizes: Callable[[], dict[str, float]]) -> None:
        self._name, self._costs, self._sizes = name, costs, sizes

    def __enter__(self) -> None:
        self._before, self._began = self._costs(), time.monotonic()

    def __exit__(self, *_: object) -> None:
        took, after, sizes = time.monotonic() - self._began, self._costs(), self._sizes()
        row = "".join(f"{after[name] - self._before[name]:>12.2f}" for name in after)
        print(f"{self._name:<14}{took:>8.1f}{row}   {', '.join(f'{name} {size:.0f}' for name, size in sizes.items())}")


if __name__ == "__main__":
    main()
