"""Runs a command as if the kernel were ten years old: `old_kernel.py COMMAND…`. Whatever call Linux has
learnt since 4.9 (2016) fails with ENOSYS (seccomp(2)); what calls it has to do without."""
import ctypes
import errno
import os
import struct
import sys

# The first call that 4.9 did not have (statx), and the one behind the last that it had. Numbers from
# 424 on are the same everywhere, and all of them are younger.
FIRST_YOUNGER = {"x86_64": 332, "aarch64": 291}
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def program(machine):
    steps = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, ARCHITECTURE[machine]), (RETURN, 0, 0, KILL),
             (LOAD, 0, 0, 0), (AT_LEAST, 0, 1, FIRST_YOUNGER[machine]),
             (RETURN, 0, 0, ERROR | errno.ENOSYS), (RETURN, 0, 0, ALLOW)]
    return len(steps), b"".join(struct.pack("HBBI", *step) for step in steps)


def filter_calls():
    """For this process and all that it becomes or starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    count, steps = program(os.uname().machine)
    text = ctypes.create_string_buffer(steps, len(steps))
    head = struct.pack("HxxxxxxP", count, ctypes.addressof(text))
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0)):
        if libc.prctl(*(ctypes.c_char_p(word) if isinstance(word, bytes) else ctypes.c_ulong(word)
                        for word in call)) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    filter_calls()
    os.execvp(sys.argv[1], sys.argv[1:])
