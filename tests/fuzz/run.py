"""Throw bytes at every decoder: ``make fuzz MINUTES=60``, or one: ``... -m tests.fuzz.run needs``.

Each decoder gets its share of the time in a process of its own. What Atheris finds is written to
``tests/fuzz/corpus/NAME`` and stays there: ``tests/unit/test_corpus.py`` replays it for ever. What
it has learnt on the way lies in ``build/fuzz/NAME``, so that the next run goes on from there.

One input may take ``INPUT_CPU_S_MAX`` seconds of the processor (:mod:`tests.fuzz.judge`), however
full the machine is. Each run first proves on decoders that are slow on purpose that it finds them.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["cantor", "firmware_bridge", "hil_rig"]):
    from tests.fuzz.decoders import DECODERS

from tests.fuzz.judge import INPUT_CPU_S_MAX, judged
from tests.fuzz.planted import CPU_S_MAX, PLANTED

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
LEARNT = ROOT / "build" / "fuzz"
INPUT_BYTES_MAX = 16 * 1024
MEMORY_MIB_MAX = 2048
WAIT_S_MAX = 600
"""By the clock on the wall, for an input that waits and does not compute."""
PROOF_S = 60


def main() -> int:
    """Fuzz one decoder in this process, or all in turn; the exit code."""
    options = argparse.ArgumentParser(prog="fuzz", description="throw bytes at every decoder")
    choices = [[], *DECODERS, *PLANTED]
    options.add_argument("decoder", nargs="*", choices=choices, help="only these")
    options.add_argument("--minutes", type=float, default=60.0, help="for all together")
    options.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = options.parse_args()
    names = asked.decoder or list(DECODERS)
    seconds = max(1, int(60 * asked.minutes / len(names)))
    if asked.here:
        fuzz(names[0], seconds)
    if missed := [name for name in PLANTED if not is_found(name)]:
        print(f"the fuzzer does not find what it must: {', '.join(missed)}")
        return 2
    failed = [name for name in names if not passes(name, asked.minutes / len(names))]
    print(f"{len(names)} decoders, {seconds} s each; finds in: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def passes(name: str, minutes: float) -> bool:
    """Whether a decoder held in a process of its own."""
    print(f"--- {name}", flush=True)
    before_s = children_cpu_s()
    code = subprocess.run(alone(name, minutes), cwd=ROOT, check=False).returncode
    print(f"{name}: {children_cpu_s() - before_s:.0f} s of the processor, exit {code}", flush=True)
    return code == 0


def alone(name: str, minutes: float) -> list[str]:
    """The command that fuzzes one decoder in its own process."""
    return [sys.executable, "-m", "tests.fuzz.run", name, "--here", "--minutes", str(minutes)]


def is_found(name: str) -> bool:
    """Whether a decoder that is slow on purpose is found, and the input that shows it is kept."""
    shutil.rmtree(LEARNT / name, ignore_errors=True)
    command = alone(name, PROOF_S / 60)
    code = subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode
    return code != 0 and any((LEARNT / name / "found").glob("crash-*"))


def children_cpu_s() -> float:
    """What the processes that this one has ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fuzz(name: str, seconds: int) -> None:
    """Fuzz a decoder; ends this process."""
    is_planted = name in PLANTED
    decoder = PLANTED[name] if is_planted else DECODERS[name]
    found = LEARNT / name / "found" if is_planted else CORPUS / name
    learnt = LEARNT / name / "learnt" if is_planted else LEARNT / name
    for folder in (learnt, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(decoder.seeds()):
        (learnt / f"seed-{number}").write_bytes(seed)
    atheris.Setup(
        [
            name,
            str(learnt),
            str(found),
            f"-artifact_prefix={found}/",
            f"-max_total_time={seconds}",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-rss_limit_mb={MEMORY_MIB_MAX}",
            f"-timeout={WAIT_S_MAX}",
            "-print_final_stats=1",
            "-verbosity=0",
        ],
        judged(decoder.read, CPU_S_MAX if is_planted else INPUT_CPU_S_MAX),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
