"""Do what a page says: run its blocks in order, with real processes, in a folder of their own.

    python -m docs.generate.walkthrough PAGE FOLDER

Each *machine* of a page is a folder for ``CANTOR_HOME``. Variables that a block sets hold for the
blocks after it. Where the system allows it, the caller starts this in a network namespace of its
own, so that the ports and addresses of the pages are free.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import yaml
from docs.generate.blocks import Block, blocks_of

from cantor.scheduling.needs import parse
from galaxy.loader import PipelineFile
from galaxy.registry import Registry, is_pushed

ROOT = Path(__file__).resolve().parents[2]
BLOCK_S_MAX = 120.0
HUB_ADDRESS = "10.77.0.1"
LOOPBACK = "127.0.0.1"


class StepError(Exception):
    """A block does not do what its page says."""


class Walkthrough:
    """One page that is being done."""

    def __init__(self, folder: Path, *, own_network: bool) -> None:
        self.folder = folder
        self.own_network = own_network
        self.output = ""
        self._state = folder / "variables.sh"
        self._running: list[subprocess.Popen[bytes]] = []
        self.work = folder / "clone"
        self.work.mkdir(parents=True)
        for name in ("agent", "configs", "hil-tests"):
            (self.work / name).symlink_to(ROOT / name)

    def do(self, block: Block) -> None:
        """Run or check one block.

        Raises:
            StepError: it does not do what the page says.
        """
        if block.title:
            target = (self.work / block.title).resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text + "\n", encoding="utf-8")
        if block.fate == "checked":
            check(block)
        elif block.fate == "output":
            self._compare(block)
        elif block.fate == "run":
            self._run(block)

    def close(self) -> None:
        """End what still runs."""
        for process in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _run(self, block: Block) -> None:
        if "until" in block.options and "again" not in block.options:
            self._start(block)
            return
        text, again = block.options.get("again until", ""), "again until" in block.options
        deadline_s = time.monotonic() + BLOCK_S_MAX
        wanted = int(block.options.get("exit", "0"))
        while True:
            code, self.output = self._finish(block)
            if code == wanted and text in self.output:
                return
            if not again or time.monotonic() > deadline_s:
                message = f"{block.place}: exit code {code}, not {wanted}:\n{self.output}"
                raise StepError(message)
            time.sleep(0.2)  # as a person asks again

    def _finish(self, block: Block) -> tuple[int, str]:
        command = self._command(block)
        try:
            done = subprocess.run(  # noqa: S603 -- what the pages say
                command,
                cwd=self.work,
                env=self._variables(block),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=BLOCK_S_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"{block.place}: not done after {BLOCK_S_MAX:.0f} s: {error.output!r}"
            raise StepError(message) from error
        return done.returncode, done.stdout.decode(errors="replace")

    def _start(self, block: Block) -> None:
        """Start what goes on running, and wait for the text that says that it is ready."""
        log = self.folder / f"line-{block.line}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 -- what the pages say
                self._command(block),
                cwd=self.work,
                env=self._variables(block),
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._running.append(process)
        deadline_s = time.monotonic() + BLOCK_S_MAX
        while block.options["until"] not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline_s:
                message = f"{block.place}: it did not get ready:\n{log.read_text(errors='replace')}"
                raise StepError(message)
            time.sleep(0.05)
        self.output = log.read_text(errors="replace")

    def _command(self, block: Block) -> list[str]:
        text = block.text if self.own_network else block.text.replace(HUB_ADDRESS, LOOPBACK)
        if block.language == "python":
            script = self.work / (block.title or f"line-{block.line}.py")
            script.write_text(text + "\n", encoding="utf-8")
            return [sys.executable, str(script)]
        state = shlex.quote(str(self._state))
        load = f"[ -f {state} ] && . {state}\n" if self._state.exists() else ""
        keep = f"\nexport -p | grep -vE ' (CANTOR_HOME|PWD|OLDPWD|SHLVL|_)=' > {state}\n"
        if "until" in block.options:
            return ["bash", "-euo", "pipefail", "-c", f"{load}exec env {text}"]
        return ["bash", "-euo", "pipefail", "-c", f"{load}set -a\n{text}{keep}"]

    def _variables(self, block: Block) -> dict[str, str]:
        home = self.folder / block.options.get("machine", "home")
        paths = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"]
        return os.environ | {
            "CANTOR_HOME": str(home),
            "HOME": str(self.folder),
            "PATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": f"{self.work}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        }

    def _compare(self, block: Block) -> None:
        """What was printed has the lines of the block, in order."""
        lines = [line for line in block.text.splitlines() if line.strip()]
        pattern = r"[\s\S]*?".join(_pattern(line) for line in lines)
        if re.search(pattern, self.output, re.MULTILINE) is None:
            message = f"{block.place}: the page says\n{block.text}\nbut this is\n{self.output}"
            raise StepError(message)


def _pattern(line: str) -> str:
    """A line of a page: any space for a space, anything for …"""
    words = [re.escape(word).replace("…", ".*?") for word in line.split()]
    return r"^\s*" + r"[ \t]+".join(words) + r"[ \t]*$"


def check(block: Block) -> None:
    """Read a file as the program reads it.

    Raises:
        StepError: it is wrong.
    """
    try:
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        else:
            problems = _pipeline_problems(block)
            if problems:
                message = f"{block.place}: {'; '.join(problems)}"
                raise StepError(message)
    except (ValueError, yaml.YAMLError) as error:
        message = f"{block.place}: {error}"
        raise StepError(message) from error


def _pipeline_problems(block: Block) -> list[str]:
    content = yaml.safe_load(block.text)
    if not (isinstance(content, dict) and "filters" in content and "kind" not in content):
        return []
    file = PipelineFile(block.text, block.title or block.place)
    filters = file.pipeline.filters.values() if file.pipeline else ()
    if any(is_pushed(spec.type) for spec in filters):  # an agent knows those: the page asks it
        return [str(file.error(problem)) for problem in file.problems]
    return [str(file.error(problem)) for problem in file.check(Registry.default(), parse)]


def main(page: str, folder: str) -> int:
    """Do one page; 1 if it does not do what it says."""
    walk = Walkthrough(Path(folder), own_network=os.environ.get("DOCS_OWN_NETWORK") == "1")
    try:
        for block in blocks_of(ROOT / page, page):
            walk.do(block)
    except StepError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        walk.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
