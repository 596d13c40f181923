"""The known ways out of a sandbox, as data: expressions that a job evaluates, and the outcomes that are right.

Each expression is evaluated in a process of its own inside the job. Its outcome is its value, or the name of the error
number that it raises. ``PRELUDE`` has the functions that the expressions use.
"""

from __future__ import annotations

from collections.abc import Mapping

PRELUDE = r'''
import ctypes, errno, fcntl, glob, json, os, platform, socket, stat, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
column = 0 if platform.machine() == "x86_64" else 1

def call(numbers, *arguments):
    """A system call by its number on (x86_64, aarch64)."""
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(ctypes.c_long(numbers[column]), *plain) == -1:
        raise OSError(ctypes.get_errno(), "")
    return "done"

def c(name, *arguments):
    """A function of the C library."""
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "")
    return "done"

def write(path, text=b"x"):
    file = os.open(path, os.O_WRONLY)
    os.write(file, text)
    return "done"

def attempt(way):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            outcome = eval(way)
        except OSError as error:
            outcome = errno.errorcode.get(error.errno, str(error.errno))
        except BaseException as error:
            outcome = repr(error)
        os.write(writer, str(outcome).encode())
        os._exit(0)
    os.close(writer)
    output = b"".join(iter(lambda: os.read(reader, 65536), b""))
    os.close(reader)
    os.waitpid(pid, 0)
    return output.decode()
'''

DENIED = "EPERM|EACCES|EROFS|ENOENT|ENOSYS|ESRCH"

_KERNEL = {
    "mount a tmpfs": "c('mount', b'x', b'/mnt', b'tmpfs', 0, None)",
    "remount /usr writable": "c('mount', None, b'/usr', None, 0x20 | 0x1000, None)",
    "bind / elsewhere": "c('mount', b'/', b'/tmp', None, 0x1000 | 0x4000, None)",
    "unmount /proc": "c('umount2', b'/proc', 2)",
    "unmount /usr": "c('umount2', b'/usr', 2)",
    "pivot_root": "call((155, 41), b'/tmp', b'/tmp')",
    "chroot": "os.chroot('/tmp')",
    "open_tree": "call((428, 428), -100, b'/', 1)",
    "move_mount": "call((429, 429), -100, b'/tmp', -100, b'/usr', 0)",
    "fsopen": "call((430, 430), b'tmpfs', 0)",
    "mount_setattr": "call((442, 442), -100, b'/usr', 0, 0, 0)",
    "a user namespace": "c('unshare', 0x10000000)",
    "a mount namespace": "c('unshare', 0x20000)",
    "a network namespace": "c('unshare', 0x40000000)",
    "a cgroup namespace": "c('unshare', 0x2000000)",
    "clone into a user namespace": "call((56, 220), 0x10000000 | 17, 0, 0, 0, 0)",
    "clone3": "call((435, 435), 0, 0)",
    "join init's mounts": "c('setns', os.open('/proc/1/ns/mnt', 0), 0)",
    "join init's user namespace": "c('setns', os.open('/proc/1/ns/user', 0), 0)",
    "map users": "write('/proc/self/uid_map', b'0 0 1')",
    "add_key": "call((248, 217), b'user', b'x', b'y', 1, -3)",
    "request_key": "call((249, 218), b'user', b'x', 0, -3)",
    "keyctl": "call((250, 219), 0, -3, 1)",
    "bpf": "call((321, 280), 0, 0, 0)",
    "perf_event_open": "call((298, 241), 0, 0, -1, -1, 0)",
    "userfaultfd": "call((323, 282), 0)",
    "io_uring": "call((425, 425), 8, 0)",
    "open_by_handle_at": "call((304, 265), -100, 0, 0)",
    "init_module": "call((175, 105), 0, 0, b'')",
    "finit_module": "call((313, 273), 0, b'', 0)",
    "kexec_load": "call((246, 104), 0, 0, 0, 0)",
    "acct": "c('acct', b'/tmp/acct')",
    "swapon": "c('swapon', b'/tmp/swap', 0)",
    "reboot": "c('reboot', 0)",
    "the kernel's log": "c('klogctl', 3, ctypes.create_string_buffer(10), 10)",
    "set the clock": "call((227, 112), 0, ctypes.create_string_buffer(16))",
    "settimeofday": "call((164, 170), ctypes.create_string_buffer(16), 0)",
    "rename the host": "socket.sethostname('x')",
    "be nicer than others": "os.nice(-5)",
    "another group": "os.setgroups([0])",
    "push input into a terminal": "fcntl.ioctl(0, 0x5412, b'x')",
    "TIOCLINUX": "fcntl.ioctl(0, 0x541C, b'x')",
    "make a device": "os.mknod('/tmp/mem', stat.S_IFCHR | 0o600, os.makedev(1, 1))",
    "a raw socket": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "bring an interface up": "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 0))",
}
_SOCKETS = {
    name: f"socket.socket({family}, {kind}) and 'made'"
    for name, family, kind in (
        ("a packet socket", 17, 3),
        ("vsock", 40, 1),
        ("the kernel's cryptography", 38, 5),
        ("bluetooth", 31, 3),
        ("RDS", 21, 5),
        ("TIPC", 30, 1),
        ("CAN", 29, 3),
    )
}
_FILES = {
    "core_pattern": "write('/proc/sys/kernel/core_pattern', b'|/tmp/x')",
    "modprobe": "write('/proc/sys/kernel/modprobe', b'/tmp/x')",
    "sysrq": "write('/proc/sysrq-trigger', b'c')",
    "vm settings": "write('/proc/sys/vm/drop_caches', b'3')",
    "be killed last": "write('/proc/self/oom_score_adj', b'-1000')",
    "kcore": "os.open('/proc/kcore', 0)",
    "/dev/mem": "os.open('/dev/mem', 0)",
    "/dev/kmsg": "os.open('/dev/kmsg', 0)",
    "the disk": "os.open('/dev/vda', 0) if os.path.exists('/dev/vda') else os.open('/dev/sda', 0)",
    "/dev/kvm": "os.open('/dev/kvm', 2)",
    "/dev/fuse": "os.open('/dev/fuse', 2)",
    "control groups": "os.listdir('/sys/fs/cgroup')",
    "release_agent": "write('/sys/fs/cgroup/memory/release_agent')",
    "kernel settings of devices": "write('/sys/devices/system/cpu/cpu0/online', b'0')",
    "shadow": "os.open('/etc/shadow', 0)",
    "passwd": "write('/etc/passwd')",
    "hosts": "write('/etc/hosts')",
    "the system": "os.open('/usr/lib/x', os.O_CREAT | os.O_WRONLY)",
    "a program": "os.chmod('/usr/bin/env', 0o777)",
    "the environment": "os.open(sys.prefix + '/x', os.O_CREAT | os.O_WRONLY)",
    "the environment's programs": "os.truncate(os.path.realpath(sys.executable), 0)",
    "times in the environment": "os.utime(sys.prefix)",
    "modes in the environment": "os.chmod(sys.prefix, 0o777)",
    "attributes in the environment": "os.setxattr(sys.prefix, 'user.x', b'x')",
    "the runtime": "os.open('/opt/sagewright/lib/sagewright_runtime/__init__.py', os.O_WRONLY)",
}
WAYS: Mapping[str, tuple[str, str]] = {
    **{name: (way, DENIED) for name, way in (_KERNEL | _FILES).items()},
    **{name: (way, "EAFNOSUPPORT") for name, way in _SOCKETS.items()},
    "another user": ("os.setuid(1)", "EINVAL"),
    "the runtime's place": ("os.rename('/opt/sagewright/lib/sagewright_runtime', '/opt/sagewright/lib/x')", "EBUSY"),
    "init, whose memory is open to us, has no right that we lack": (
        "[[line for line in open(f'/proc/{pid}/status') if line.startswith(('Cap', 'Seccomp:', 'NoNewPrivs'))]"
        " for pid in (1, 'self')].count([line for line in open('/proc/1/status')"
        " if line.startswith(('Cap', 'Seccomp:', 'NoNewPrivs'))])",
        "2",
    ),
    "a raw netlink socket changes nothing": (
        "socket.socket(16, 3, 0).send(struct.pack('IHHIIBBHiII', 32, 16, 5, 1, 0, 0, 0, 0, 1, 1, 1)) == 32 and 'sent'",
        f"sent|{DENIED}",
    ),
    "a link into the environment": ("os.link(os.path.realpath(sys.executable), '/tmp/python')", f"EXDEV|{DENIED}"),
    "a name of its own for a file of another mount": ("os.link('/opt/ml/code/train.py', '/tmp/t')", "EXDEV"),
    "devices": (
        "sorted({os.path.basename(p) for p in glob.glob('/dev/*')} - {'core', 'console'})",
        r"\['fd', 'full', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', "
        r"'zero'\]",
    ),
    "init's root is ours": ("sorted(os.listdir('/proc/1/root')) == sorted(os.listdir('/'))", f"True|{DENIED}"),
    "init's environment": ("open('/proc/1/environ').read()", rf"(PATH=[^\0]*\0)?|{DENIED}"),
    "descriptors of others": (
        "sorted(os.readlink(f) for p in glob.glob('/proc/[0-9]*') if os.access(p + '/fd', 5)"
        " for f in glob.glob(p + '/fd/*') if os.path.lexists(f) and not os.readlink(f).startswith('pipe:')"
        " and os.readlink(f) not in ('/dev/null', 'anon_inode:[eventfd]', 'anon_inode:[signalfd]')"
        " and '/proc/' not in os.readlink(f))",
        r"\[\]",
    ),
    "a program in memory has no more rights": (
        "[line.split()[1] for line in os.popen('grep -E \"^(CapEff|NoNewPrivs)\" /proc/self/status')]",
        r"\['0+', '1'\]",
    ),
    "mounts that can be written": (
        "sorted(line.split()[1] for line in open('/proc/self/mounts') if line.split()[3].startswith('rw')"
        " and line.split()[1] != '/' and not line.split()[1].startswith(('/dev', '/proc')))",
        r"\['/opt/ml', '/root', '/tmp'\]",
    ),
}


def script(ways: Mapping[str, tuple[str, str]] = WAYS) -> str:
    """A program that evaluates all expressions and prints a JSON object: name → outcome."""
    expressions = {name: way for name, (way, _) in ways.items()}
    return f"{PRELUDE}\nprint(json.dumps({{name: attempt(way) for name, way in {expressions!r}.items()}}))\n"
