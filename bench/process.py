"""Processes of a measurement: started in groups of their own, measured in /proc, ended for certain.

A process is measured and ended together with its descendants, because some peers fork (socat one
per connection, sshd one per session, nginx its worker).
"""
import contextlib
import ctypes
import os
import pathlib
import select
import signal
import subprocess
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
END_PATIENCE_S = 0.5
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>
LISTEN = "0A"  # a socket's state in proc(5), /proc/net/tcp
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """A system or a figure can not be had; the text says why, and the run goes on without it."""


class Process:
    """A child with its output in DIRECTORY/NAME.log; with talk=True stdin and stdout are pipes."""

    def __init__(self, name, argv, directory, talk=False):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [str(word) for word in argv], cwd=directory, start_new_session=True,
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talk else log, stderr=log, text=True,
                preexec_fn=_die_with_parent)

    def last_words(self):
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else "no output"

    def check(self):
        if self.popen.poll() is not None:
            raise Failed(f"{self.name} ended with {self.popen.returncode}: {self.last_words()}")

    def wait_for(self, condition, what, timeout_s=10.0):
        """Waits until condition() is true; fails at once when the process has ended before."""
        while not condition():
            self.check()
            if time.monotonic() > self.started + timeout_s:
                raise Failed(f"{self.name}: no {what} in {timeout_s:.0f} s: {self.last_words()}")
            time.sleep(0.0005)  # the resolution of a start-up time

    def read_line(self, timeout_s):
        """One line of stdout of a process with talk=True, which writes whole lines at once."""
        if not select.select([self.popen.stdout], [], [], timeout_s)[0]:
            raise Failed(f"{self.name}: no answer in {timeout_s:.0f} s")
        line = self.popen.stdout.readline()
        if not line:
            self.popen.wait()
            raise Failed(self.last_words())
        return line

    def family(self):
        return _descendants(self.popen.pid)

    def cpu_seconds(self):
        return sum(_cpu_seconds(pid) for pid in self.family())

    def pss_bytes(self):
        return sum(_pss_bytes(pid) for pid in self.family())

    def pipe_ends(self):
        """Descriptors that are pipes. The links go away when a descriptor does: skip those."""
        ends = 0
        for pid in self.family():
            with _may_be_gone(), os.scandir(f"/proc/{pid}/fd") as descriptors:
                for descriptor in descriptors:
                    with _may_be_gone():
                        ends += os.readlink(descriptor.path).startswith("pipe:")
        return ends


def end(processes):
    """Ends these and their descendants: asked first, killed half a second later.

    A pidfd stays with its process, so no number that was given out anew is ever hit, and it tells
    the end of processes that are not our children (sshd's sessions, in groups of their own).
    """
    handles, orphans = [], []
    for process in processes:
        for pid in process.family():
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(pid))
                orphans += [pid] if pid != process.popen.pid else []
    try:
        for number, patience_s in (signal.SIGTERM, END_PATIENCE_S), (signal.SIGKILL, 5):
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
            if _all_ended(handles, patience_s):
                break
    finally:
        for handle in handles:
            os.close(handle)
    for process in processes:
        process.popen.wait()
        for pipe in process.popen.stdin, process.popen.stdout:
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
    for pid in orphans:
        with contextlib.suppress(ChildProcessError):  # its parent has waited for it
            os.waitpid(pid, os.WNOHANG)


def adopt_orphans():
    """Descendants whose parent ends first become children of this process, which waits for them."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def listening(port):
    """True if some socket listens on this TCP port.

    Looks instead of connecting: a probe would be a client to every relay. The table begins with
    the listeners, so that what follows (thousands in TIME_WAIT) is not read.
    """
    for table in "/proc/net/tcp", "/proc/net/tcp6":
        with contextlib.suppress(FileNotFoundError), open(table) as lines:
            next(lines)
            for line in lines:
                _, local, _, state, *_ = line.split()
                if state != LISTEN:
                    break
                if int(local.rsplit(":", 1)[1], 16) == port:
                    return True
    return False


def _die_with_parent():
    """In the child: even if the bench is killed outright, nothing stays behind."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _may_be_gone():
    """Processes and their descriptors may end while they are looked at."""
    return contextlib.suppress(FileNotFoundError, ProcessLookupError)


def _all_ended(handles, patience_s):
    waiting = select.poll()
    for handle in handles:
        waiting.register(handle, select.POLLIN)
    left, deadline = len(handles), time.monotonic() + patience_s
    while left and (remaining := deadline - time.monotonic()) > 0:
        for handle, _ in waiting.poll(remaining * 1000):
            waiting.unregister(handle)
            left -= 1
    return not left


def _descendants(pid):
    """This process and all below it, as they are now."""
    family = [pid]
    for member in family:
        for children in pathlib.Path(f"/proc/{member}/task").glob("*/children"):
            with _may_be_gone():
                family += map(int, children.read_text().split())
    return family


def _cpu_seconds(pid):
    """User and system time of all threads, and of the children it has waited for.

    stat counts in ticks (10 ms) and knows threads that have ended; schedstat counts in ns and knows
    only the living (proc(5)). Both are lower bounds, so the greater is nearer to the truth.
    """
    with _may_be_gone():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        own, waited_for = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        running_ns = 0
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with _may_be_gone():
                running_ns += int((thread / "schedstat").read_text().split()[0])
        return max(own / TICKS_PER_S, running_ns / 1e9) + waited_for / TICKS_PER_S
    return 0.0


def _pss_bytes(pid):
    """Resident data, pages shared by n processes counted as 1/n each (proc(5), smaps_rollup).

    Without the pages of files: they are code, no stream needs more of it, and their share falls
    when an unrelated process maps the same library.
    """
    with _may_be_gone():
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except PermissionError:
            raise Failed(f"the memory of process {pid} may not be read") from None
        return 1024 * sum(int(line.split()[1]) for line in text.splitlines()
                          if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return 0
