"""The system call filter, where the kernel takes it."""

import struct
import subprocess
import sys

import pytest

from sagewright.backends import seccomp
from sagewright.environments.bubblewrap import find_bwrap


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_lands_inside_and_the_end_answers(machine: str) -> None:
    code = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    assert len(code) < 256
    for place, (operation, jump_true, jump_false, _) in enumerate(code):
        if operation & 0x07 == 0x05:
            assert max(jump_true, jump_false) + place + 1 < len(code)
    assert code[-1][0] == 0x06


@pytest.mark.skipif(find_bwrap() is None or not seccomp.supported(), reason="no bubblewrap or no table here")
def test_forbidden_calls_answer_and_work_goes_on(tmp_path) -> None:  # type: ignore[no-untyped-def]
    filter_file = tmp_path / "filter"
    filter_file.write_bytes(seccomp.program())
    script = """if True:
        import ctypes, errno, platform, threading
        column = 0 if platform.machine() == "x86_64" else 1
        libc = ctypes.CDLL(None, use_errno=True)
        calls = {"unshare": (272, 97), "keyctl": (250, 219), "mount": (165, 40), "io_uring_setup": (425, 425)}
        for name, numbers in {**calls, "clone3": (435, 435)}.items():
            answer = libc.syscall(numbers[column], 0, 0, 0, 0, 0)
            print(name, answer, errno.errorcode[ctypes.get_errno()])
        answer = libc.syscall((56, 220)[column], 0x10000000 | 17, 0, 0, 0, 0)
        print("clone", answer, errno.errorcode[ctypes.get_errno()])
        print("ioctl", libc.ioctl(0, 0x5412, b"x"), errno.errorcode[ctypes.get_errno()])
        thread = threading.Thread(target=print, args=["a thread"]); thread.start(); thread.join()
    """
    with filter_file.open("rb") as file:
        done = subprocess.run(
            [find_bwrap(), "--seccomp", str(file.fileno()), "--dev-bind", "/", "/", sys.executable, "-c", script],
            pass_fds=(file.fileno(),), capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
    assert done.stdout.splitlines() == [
        "unshare -1 EPERM", "keyctl -1 EPERM", "mount -1 EPERM", "io_uring_setup -1 ENOSYS", "clone3 -1 ENOSYS",
        "clone -1 EPERM", "ioctl -1 EPERM", "a thread",
    ]  # fmt: skip
