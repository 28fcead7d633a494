"""Throw bytes at every decoder: ``make fuzz MINUTES=60``, or one: ``... -m tests.fuzz.run needs``.

Each decoder gets its share of the time in a process of its own. What Atheris finds is written to
``tests/fuzz/corpus/NAME`` and stays there: ``tests/unit/test_corpus.py`` replays it for ever. What
it has learnt on the way lies in ``build/fuzz/NAME``, so that the next run goes on from there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["cantor", "firmware_bridge", "hil_rig"]):
    from tests.fuzz.decoders import DECODERS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
LEARNT = ROOT / "build" / "fuzz"
INPUT_BYTES_MAX = 16 * 1024
MEMORY_MIB_MAX = 2048
ONE_INPUT_S = 10


def main() -> int:
    """Fuzz one decoder in this process, or all in turn; the exit code."""
    options = argparse.ArgumentParser(prog="fuzz", description="throw bytes at every decoder")
    options.add_argument("decoder", nargs="*", choices=[[], *DECODERS], help="only these")
    options.add_argument("--minutes", type=float, default=60.0, help="for all together")
    options.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = options.parse_args()
    names = asked.decoder or list(DECODERS)
    seconds = max(1, int(60 * asked.minutes / len(names)))
    if asked.here:
        fuzz(names[0], seconds)
    failed = [name for name in names if not passes(name, asked.minutes / len(names))]
    print(f"{len(names)} decoders, {seconds} s each; finds in: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def passes(name: str, minutes: float) -> bool:
    """Whether a decoder held in a process of its own."""
    command = [sys.executable, "-m", "tests.fuzz.run", name, "--here", "--minutes", str(minutes)]
    print(f"--- {name}", flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def fuzz(name: str, seconds: int) -> None:
    """Fuzz a decoder; ends this process."""
    learnt, found = LEARNT / name, CORPUS / name
    for folder in (learnt, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(DECODERS[name].seeds()):
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
            f"-timeout={ONE_INPUT_S}",
            "-print_final_stats=1",
            "-verbosity=0",
        ],
        DECODERS[name].read,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
