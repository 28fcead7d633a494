"""Secrets reach a process as files in memory, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cantor.base.errors import SecretError
from cantor.base.secret_names import VARIABLE
from cantor.node.secrets.handing import Handed
from cantor.tasks import secret as reading

CHILD = """
import os, sys
import cantor
path = os.environ["PASSWORD"]
assert open(path, "rb").read() == open(path, "rb").read() == cantor.secret_bytes("mail")
assert oct(os.stat(path).st_mode & 0o777) == "0o400", oct(os.stat(path).st_mode)
number = int(path.rpartition("/")[2])
for change in (lambda: os.pwrite(number, b"x", 0), lambda: os.ftruncate(number, 0)):
    try:
        change()
    except OSError:
        continue
    raise SystemExit("it can be changed")
told = open("/proc/self/environ", "rb").read() + open("/proc/self/cmdline", "rb").read()
sys.stdout.write("in clear" if cantor.secret_bytes("mail") in told else cantor.secret("mail")[::-1])
"""


def test_a_process_reads_them_and_its_environment_and_command_line_do_not_hold_them() -> None:
    handed = Handed({"mail": b"canary-" + b"1", "other": b"\xff\0"}, is_closed_in=False)
    told = {"PASSWORD": "secret://mail", "LEVEL": "info"}
    environment = handed.environment(told)
    assert environment["LEVEL"] == "info"
    assert "canary-1" not in str(environment)

    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env={**os.environ, **environment},
        pass_fds=handed.descriptors,
        capture_output=True,
        text=True,
        check=False,
    )
    handed.close()

    assert (done.stdout, done.returncode) == ("1-yranac", 0), done.stderr


def test_nothing_is_left_open_when_it_is_closed() -> None:
    handed = Handed({"mail": b"x"}, is_closed_in=False)
    (number,) = handed.descriptors
    handed.close()
    handed.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_what_was_not_given_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = Handed({"mail": b"\xff"}, is_closed_in=False)
    monkeypatch.setenv(VARIABLE, handed.environment({})[VARIABLE])
    assert reading.secret_bytes("mail") == b"\xff"
    with pytest.raises(SecretError, match="it has mail"):
        reading.secret("other")
    with pytest.raises(SecretError, match="is no text"):
        reading.secret("mail")
    handed.close()
    with pytest.raises(SecretError, match="has not inherited it"):
        reading.secret("mail")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SecretError, match="none at all"):
        reading.secret("mail")
