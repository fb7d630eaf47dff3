"""What one capture costs in Python: Crashvault beside sentry-sdk, in turns, each configuration in a process of its own.

    python bench.py [--calls N]

The last line is one JSON object. It ends with 1 where something that was captured is not kept, or is not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import subject
import workload

# What is timed: the keys' part, the verb, the frames.
VERBS = (
    ("capture_exception", "exception", workload.DEPTH),
    ("capture_exception_depth5", "exception", 5),
    ("message", "message", 0),
    ("logging", "logging", 0),
)
# Calls of a subject in one turn, and those before them that only settle the caches.
BLOCK, SETTLE = 25, 2
PROCESSES = 15


class Subject:
    """One configuration in a process of its own."""

    def __init__(self, name: str, work: Path) -> None:
        self.name = name
        self.home = work / name
        self.prefix = "sentry_" if name.startswith("sentry") else ""
        self.has_locals = name.endswith("_locals")
        self.samples: dict[str, list[int]] = {key: [] for key, _, _ in VERBS}
        self.captured = self.accepted = 0
        command = [sys.executable, subject.__file__, name, str(self.home)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def block(self, key: str, verb: str, depth: int) -> None:
        answer = self.ask(f"{verb} {depth} {BLOCK} {SETTLE}")
        self.samples[key] += answer["ns"]
        self.captured += answer["captured"]
        self.accepted += answer["accepted"]

    def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def key(self, name: str) -> str:
        """`capture_exception_locals_p50_us` is with the local variables of each frame."""
        place = name.replace("capture_exception", "capture_exception_locals") if self.has_locals else name
        return self.prefix + place

    def save(self, directory: Path) -> None:
        for name, samples in self.samples.items():
            text = "".join(f"{sample}\n" for sample in samples)
            (directory / f"{self.key(name)}.ns").write_text(text)


def percentile(samples: list[int], percent: float) -> int:
    """What `percent` of the samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * percent // 100).__trunc__() - 1)]


def starts(work: Path) -> dict[str, Any]:
    """Import and install in fresh processes, in turns."""
    found: dict[str, list[dict[str, int]]] = {"crashvault": [], "sentry": []}
    for number in range(PROCESSES):
        for name, answers in found.items():
            command = [sys.executable, subject.__file__, name, str(work / f"start-{number}"), "starts"]
            answers.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    values: dict[str, Any] = {}
    for name, answers in found.items():
        prefix = "sentry_" if name == "sentry" else ""

        def middle(key: str, answers: list[dict[str, int]] = answers) -> float:
            return statistics.median(answer[key] for answer in answers)

        values[f"{prefix}import_install_ms"] = round(middle("start_ns") / 1e6, 2)
        values[f"{prefix}first_capture_ms"] = round(middle("first_ns") / 1e6, 2)
        values[f"{prefix}memory_added_mb"] = round(middle("memory_kb") / 1024, 1)
    return values


def timings(subjects: list[Subject]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in subjects:
        for name, samples in one.samples.items():
            if one.has_locals and not name.startswith("capture_exception"):
                continue
            for percent in (50, 99):
                values[f"{one.key(name)}_p{percent}_us"] = round(percentile(samples, percent) / 1000, 1)
    return values


def read_back(home: Path) -> tuple[int, int, int]:
    """How many events a vault holds, how many of them lack something, and how many captures were throttled."""
    import crashvault

    kept = incomplete = reached = 0
    with crashvault.open(home) as vault:
        # A page at a time: the events of a run do not fit into memory.
        while (page := vault.follow(after=reached, limit=500)).reached > reached:
            kept += len(page.events)
            incomplete += sum(bool(workload.lacks(event.payload)) for event in page.events)
            reached = page.reached
        return kept, incomplete, vault.status().throttled_count


def main() -> int:
    parser = argparse.ArgumentParser(prog="cargo xtask bench python")
    parser.add_argument("--calls", type=int, default=500, metavar="N", help="timed calls of each kind (500)")
    calls: int = parser.parse_args().calls
    with tempfile.TemporaryDirectory(prefix="crashvault-bench-") as directory:
        work = Path(directory)
        values: dict[str, Any] = {"bench": "python", "python": sys.version.split()[0], "depth": workload.DEPTH}
        values["sentry_version"] = version("sentry-sdk")
        values |= starts(work)
        subjects = [Subject(name, work) for name in subject.NAMES]
        for turn in range(-(-calls // BLOCK)):
            # Who begins changes.
            order = subjects[turn % len(subjects) :] + subjects[: turn % len(subjects)]
            for key, verb, depth in VERBS:
                for one in order:
                    one.block(key, verb, depth)
        values["calls"] = len(subjects[0].samples["message"])
        values |= timings(subjects)
        for key in ("capture_exception_locals", "capture_exception", "message", "logging"):
            own, peer = values[f"{key}_p50_us"], values[f"sentry_{key}_p50_us"]
            values[f"vs_sentry_{key}"] = round(peer / own, 1)
        well = kept(subjects, values)
        if samples := os.environ.get("CRASHVAULT_BENCH_SAMPLES"):
            for one in subjects:
                one.save(Path(samples))
    print(json.dumps(values))
    if not well:
        print("error: what was captured is not kept whole, or was thinned out", file=sys.stderr)
    return int(not well)


def kept(subjects: list[Subject], values: dict[str, Any]) -> bool:
    """What became of every capture. True if all are there, and whole."""
    counts = {"captured": 0, "kept": 0, "throttled": 0, "incomplete": 0, "refused": 0}
    peer = {"captured": 0, "kept": 0, "lacks": 0}
    for one in subjects:
        answer = one.ask("end")
        one.process.wait()
        if one.prefix:
            peer["captured"] += one.captured
            peer["kept"] += answer["kept"]
            # Only its last event is looked at.
            peer["lacks"] += len(answer["lacks"])
            continue
        found, incomplete, throttled = read_back(one.home)
        counts["captured"] += one.captured
        counts["kept"] += found
        counts["throttled"] += throttled
        counts["incomplete"] += incomplete
        counts["refused"] += one.captured - one.accepted
    values |= counts
    values |= {f"sentry_{key}": count for key, count in peer.items()}
    is_whole = counts["captured"] == counts["kept"] and peer["captured"] == peer["kept"]
    return is_whole and not counts["throttled"] + counts["incomplete"] + counts["refused"] + peer["lacks"]


if __name__ == "__main__":
    sys.exit(main())
