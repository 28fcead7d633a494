"""A sandboxed worker is started: three processes, of which one runs people's code.

The *launcher* is the pool's child and stays outside. It leaves the namespaces and starts *init*,
the first process of the new ones, which builds the view, gives up all rights and starts the
*worker*.
When the worker ends, init ends, and the kernel ends all that the worker has started; the launcher
ends as the worker did, so that the pool sees what became of it. If the launcher is killed, so is
init.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cantor.workers.sandbox import gate, kernel, landlock
from cantor.workers.sandbox.filters import program_of
from cantor.workers.sandbox.root import Root
from cantor.workers.sandbox.syscalls import MACHINES
from cantor.workers.sandbox.view import WRITABLE, view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.workers.sandbox.levels import Limits, Sandbox
    from cantor.workers.sandbox.view import View

USER_INSIDE = 1000
USER_FOR_ROOT = 65520
"""What root's workers are outside: nobody's number, in no range that others give out.
Source: systemd's list of users and groups."""
FAILED = 71
"""The exit code when the sandbox cannot be made: EX_OSERR."""
_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)
_OOM_SCORE = "800"
"""When memory ends, what runs in a sandbox is ended before the agent."""
_STATUS = struct.Struct("=i")


def enter(sandbox: Sandbox, parent: int, keep: Sequence[int], door: int | None = None) -> int:
    """Go into the sandbox. Returns in the worker only: the number that its process has outside.

    ``parent`` is the pool's process, ``keep`` are the descriptors that the worker needs. To be
    called before there are threads.

    ``door`` is for programs that are no workers: the launcher answers there what
    :mod:`cantor.workers.sandbox.gate` asks, and leaves a SIGTERM to their group to the program.

    If the sandbox cannot be made, the process ends with :data:`FAILED` and says why on standard
    error.
    """
    status, worker_status = os.pipe()
    go, say_go = os.pipe()
    try:
        view = view_of(sandbox)
        _leave_namespaces(sandbox)
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # is for the worker alone
    except OSError as error:
        _fail(error)
    init = os.fork()
    if init:
        os.close(worker_status)
        os.close(go)
        _launcher(init, say_go, status, keep, door)
    if door is not None:
        os.close(door)
    os.close(status)
    os.close(say_go)
    host_processes = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _close_in(sandbox, view, go)
    except OSError as error:
        _fail(error)
    worker = os.fork()
    if worker:
        _init(worker, worker_status, [host_processes, *keep])
    number = int(os.readlink("self", dir_fd=host_processes))
    os.close(host_processes)
    os.close(worker_status)
    kernel.set_dumpable(True)
    return number


def _leave_namespaces(sandbox: Sandbox) -> None:
    """Into new namespaces, with one user; a process that stays outside says which."""
    launcher = os.getpid()
    users = [(os.geteuid(), os.getegid())]
    if os.geteuid() == 0:
        users.insert(0, (USER_FOR_ROOT, USER_FOR_ROOT))
        with suppress(PermissionError):  # root of a namespace that has no others
            os.setgroups(sorted({Path(path).stat().st_gid for path in sandbox.devices}))
    ready, say_ready = os.pipe()
    mapper = os.fork()
    if mapper == 0:
        os.close(say_ready)
        _exit_with(lambda: _map(Path(f"/proc/{launcher}"), ready, users))
    os.close(ready)
    network = 0 if sandbox.level == "net" else kernel.CLONE_NEWNET
    try:
        kernel.unshare(_NAMESPACES | network)
        os.write(say_ready, b".")
    finally:
        os.close(say_ready)
        _, status = os.waitpid(mapper, 0)
    if status:
        number = os.waitstatus_to_exitcode(status)
        raise OSError(number, f"{os.strerror(number)} (the user of the sandbox)")
    if network and sandbox.has_loopback:
        gate.raise_loopback()


def _map(launcher: Path, ready: int, users: Sequence[tuple[int, int]]) -> int:
    """Say who the launcher is outside: the first that this process may give it."""
    number = 0
    if not os.read(ready, 1):
        return number
    (launcher / "setgroups").write_text("deny", encoding="ascii")
    for user, group in users:
        try:
            (launcher / "uid_map").write_text(f"{USER_INSIDE} {user} 1", encoding="ascii")
            (launcher / "gid_map").write_text(f"{USER_INSIDE} {group} 1", encoding="ascii")
        except OSError as error:
            number = error.errno or FAILED
        else:
            return 0
    return number


def _close_in(sandbox: Sandbox, view: View, go: int) -> None:
    """In init: see only what may be seen, and give up every right."""
    Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    root = Root(view)
    os.setresgid(USER_INSIDE, USER_INSIDE, USER_INSIDE)
    os.setresuid(USER_INSIDE, USER_INSIDE, USER_INSIDE)
    kernel.die_with_parent(signal.SIGKILL)
    if not os.read(go, 1):  # the launcher has ended before that could be said
        os._exit(FAILED)
    os.close(go)
    root.enter(sandbox.limits)
    _set_limits(sandbox.limits)
    kernel.drop_capabilities()
    has_loopback, machine = sandbox.has_loopback, MACHINES[os.uname().machine]
    own = (*WRITABLE, *view.writable)
    landlock.restrict(sandbox.level, own, view.devices, has_loopback=has_loopback)
    kernel.install_filter(program_of(sandbox.level, machine, has_loopback=has_loopback))


def _set_limits(limits: Limits) -> None:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    data = limits.data_bytes or pages * page_bytes // 2
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_RTPRIO, 0),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_DATA, data),
    ):
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def _init(worker: int, tell: int, unneeded: Sequence[int]) -> NoReturn:
    """The first process inside: buries what dies, and ends with the worker."""
    kernel.set_dumpable(False)
    _close(unneeded)
    _close_streams()
    while True:
        with suppress(ChildProcessError):
            pid, status = os.wait()
            if pid == worker:
                os.write(tell, _STATUS.pack(status))
                os._exit(0)


def _launcher(
    init: int, say_go: int, status: int, unneeded: Sequence[int], door: int | None
) -> NoReturn:
    """Waits, and ends as the worker did."""
    if door is not None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):
        os.write(say_go, b".")
    _close((say_go, *unneeded))
    _close_streams()
    if door is not None:
        _keep_door(door, status)
    told = os.read(status, _STATUS.size)
    _, of_init = os.waitpid(init, 0)
    end = _STATUS.unpack(told)[0] if len(told) == _STATUS.size else of_init
    if os.WIFSIGNALED(end):
        number = os.WTERMSIG(end)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(end))


def _keep_door(door: int, status: int) -> None:
    """Answer what is asked at the door until the program's end is told."""
    with socket.socket(fileno=door) as asked:
        while status not in select.select([door, status], [], [])[0]:
            if not gate.answer(asked):
                return


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _close_streams() -> None:
    """The pool hears that nothing more comes when the worker alone has closed them."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def _exit_with(work: Callable[[], int]) -> NoReturn:
    code = FAILED
    try:
        code = work()
    except OSError as error:
        code = error.errno or FAILED
    finally:
        os._exit(code)


def _fail(error: OSError) -> NoReturn:
    place = f" ({error.filename})" if error.filename else ""
    os.write(2, f"sandbox: {error.strerror or error}{place}\n".encode())
    os._exit(FAILED)
