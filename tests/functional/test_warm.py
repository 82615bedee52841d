# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm interpreter of a node: what a module finds and does is what it finds and does without. Needs root."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils import basic as ansible_basic
from conftest import BIN
from lab_nodes import HV1, alive, connection, made, pids, wait_until

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.warm import ENDING, NAME
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils import warm

# What ansible-core 2.19 runs a module with.
COMMAND = f"/bin/sh -c '{sys.executable} && sleep 0'"
SERVED_BY = "import os; print(open(f'/proc/{os.getppid()}/comm').read().strip())"


class Hv1:
    """The node hv1 of a lab, and both ways to execute a module in it."""

    def __init__(self, lab):
        self.pid = pids(made(lab, HV1))["hv1"]
        self._warm = connection(lab, "hv1", ansible_netns_warm=True)
        self._cold = connection(lab, "hv1", ansible_netns_warm=False)

    def warm(self, source):
        """Status, output and errors of a module, executed by the warm interpreter if one can serve."""
        # It is another one in each phase of a test, and equal environments share an interpreter.
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        return self._warm.exec_command(COMMAND, in_data=source.encode())

    def cold(self, source):
        return self._cold.exec_command(COMMAND, in_data=source.encode())

    def served_by(self):
        """The name of the process that starts a module."""
        return self.warm(SERVED_BY)[1].decode().strip()

    def interpreters(self):
        """The PIDs of all processes of the node's warm interpreters, seen from the machine, in the order of their start."""
        found = {}
        namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
        for folder in Path("/proc").glob("[0-9]*"):
            # One may end meanwhile; until its parent has asked for its status, its links are refused (EACCES).
            with contextlib.suppress(OSError):
                if (folder / "comm").read_text().strip() == NAME and os.readlink(folder / "ns/pid") == namespace:
                    found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        return sorted(found, key=lambda pid: (found[pid], pid))


@pytest.fixture
def hv1(lab, monkeypatch):
    # Where nothing is buffered, nothing can be lost.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    node = Hv1(lab)
    wait_until(lambda: node.served_by() == NAME, "served by a warm interpreter")
    return node


# The same results

PROBE = """
import faulthandler, gc, json, locale, os, platform, resource, signal, socket, stat, sys, tempfile, threading, time, warnings

def kind(number):
    mode = os.fstat(number).st_mode
    return [name for name in ("S_ISFIFO", "S_ISREG", "S_ISCHR", "S_ISSOCK") if getattr(stat, name)(mode)]

def fds():
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = kind(int(number))
        except OSError:
            pass  # that of the listing
    return found

mask = os.umask(0)
os.umask(mask)
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
print(json.dumps({
    "fds": fds(),
    "environ": dict(os.environ),
    "cwd": os.getcwd(),
    "argv": [sys.argv, sys.orig_argv],
    "umask": mask,
    "stdin": [sys.stdin.read(), os.read(0, 1).decode(), sys.stdin.closed],
    "path": sys.path,
    "main": sorted(vars(sys.modules["__main__"])),
    "special": [__name__, __doc__, __package__, repr(__spec__), __loader__.__class__.__name__ if __loader__ else None, "__file__" in globals()],
    "is main": vars(sys.modules["__main__"]) is globals(),
    "flags": [list(sys.flags), sys.warnoptions, sys.dont_write_bytecode, sys.pycache_prefix, sys.executable, sys.prefix],
    "warnings": [repr(one) for one in warnings.filters],
    "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.name, s.mode] for s in (sys.stdin, sys.stdout, sys.stderr)],
    "locale": [locale.setlocale(locale.LC_CTYPE), locale.setlocale(locale.LC_ALL, ""), locale.getpreferredencoding(), sys.getfilesystemencoding()],
    "time": [os.environ.get("TZ"), time.tzname, time.timezone, time.strftime("%z")],
    "status": {name: status[name] for name in
               ("Name", "Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapEff", "CapBnd", "Seccomp", "Threads")},
    "command line": open("/proc/self/cmdline").read(),
    "limits": open("/proc/self/limits").read(),
    "others": [open("/proc/self/" + name).read() for name in ("oom_score_adj", "timerslack_ns", "coredump_filter", "cgroup")],
    "namespaces": {name: os.readlink("/proc/self/ns/" + name) for name in os.listdir("/proc/self/ns")},
    "signals": {str(number): str(signal.getsignal(number)).split(" at ")[0] for number in signal.valid_signals()},
    "priority": [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
    "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.gettrace(), sys.getrecursionlimit()],
    "gc": [gc.isenabled(), gc.get_threshold()],
    "threads": [thread.name for thread in threading.enumerate()],
    "children": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime,
    "host": [platform.node(), socket.gethostname()],
    "temporary": [tempfile.tempdir, tempfile.gettempdir()],
    "faulthandler": faulthandler.is_enabled(),
}))
"""
WORLDS = {
    "as it is": {},
    "in another language": {"LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"},
    "without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "in another time zone": {"TZ": "Asia/Tokyo"},
    "with options for Python": {"PYTHONPATH": "/run/one:/run/two", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error::FutureWarning"},
    "with odd variables": {"EMPTY": "", "LINES": "a\nb", "ODD": os.fsdecode(b"\xff")},
}


@pytest.mark.parametrize("world", WORLDS)
def test_a_module_finds_what_it_finds_in_an_interpreter_of_its_own(hv1, world, monkeypatch):
    for name, value in WORLDS[world].items():
        monkeypatch.setenv(name, value)
    umask = os.umask(0o027)
    try:
        wait_until(lambda: hv1.served_by() == NAME, "served by a warm interpreter")
        warm_status, warm_output, warm_errors = hv1.warm(PROBE)
        status, output, errors = hv1.cold(PROBE)
    finally:
        os.umask(umask)
    assert (warm_status, warm_errors) == (status, errors) == (0, b"")
    assert json.loads(warm_output) == json.loads(output)


ENDS = {
    "a status": "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)",
    "words": "import sys; sys.exit('words')",
    "nothing": "",
    "no status": "import sys; sys.exit()",
    "an error": "def fail():\n    raise ValueError('wrong')\n\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    fail()",
    "an error of syntax": "print('not reached')\nthis is: wrong",
    "an error that a hook tells": "import sys\nsys.excepthook = lambda *error: print(error[0], file=sys.stderr)\nraise ValueError",
    "at once": "import os; print('lost'); os._exit(5)",
    "what was registered": "import atexit; atexit.register(print, 'registered'); print('done')",
    "what was registered last": "import atexit, sys\natexit.register(sys.exit, 3)\natexit.register(print, 'first')\nsys.exit(2)",
    "a file that was not closed": "file = open('/dev/stdout', 'w'); file.write('written')",
    "one in a function": "def work():\n    file = open('/dev/stdout', 'w'); file.write('written')\n    raise SystemExit(4)\n\nwork()",
    "one in a function that failed": "def work():\n    file = open('/dev/stdout', 'w'); file.write('written')\n    1 / 0\n\nwork()",
    "one of another module": "import types, sys\nsys.modules['mine'] = types.ModuleType('mine')\nsys.modules['mine'].file = open('/dev/stdout', 'w')\n"
    "sys.modules['mine'].file.write('written')",
    "one of a library": "import json\njson.file = open('/dev/stdout', 'w'); json.file.write('written')",
    "one of Python itself": "import builtins\nbuiltins.file = open('/dev/stdout', 'w'); builtins.file.write('written')",
    "a pipe to a program": "import subprocess\ncat = subprocess.Popen(['cat'], stdin=subprocess.PIPE, text=True); cat.stdin.write('written')",
    "an output that was replaced": "import io, sys; print('out'); print('err', file=sys.stderr); sys.stdout = io.StringIO(); sys.stderr = None",
    "a last word of a library's": "import os\nclass Last:\n    def __del__(self):\n        os.write(1, b'last')\n\nlast = Last()",
    "a shelf": "import shelve, tempfile, dbm.dumb\nshelf = shelve.Shelf(dbm.dumb.open(tempfile.mkdtemp() + '/s'), writeback=True); shelf['a'] = [1]",
    "a pool": "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(2); print(pool.map(abs, [-1, 2]))",
    "a logger": "import logging\nlogging.basicConfig(filename='/dev/stdout', level=1); logging.info('x')",
    "threads that never end": "import threading\ndef helper():\n    return 1\n\ndef work():\n    while True:\n        helper()\n\n"
    "for number in range(4):\n    threading.Thread(target=work, daemon=True).start()\n\nheld = [[number] for number in range(100_000)]",
    "a child": "import os, sys\npid = os.fork()\nif not pid:\n    print('child'); sys.exit(7)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "a generator": "def work():\n    try:\n        yield 1\n    finally:\n        print('closed')\n\nworking = work(); next(working)",
    "a hook that ends it": "import sys\nsys.excepthook = lambda *error: sys.exit(5)\nraise ValueError",
    "a status too large": "import sys; sys.exit(2 ** 70)",
    "a last word": "class Last:\n    def __del__(self):\n        print('last')\n\n_last = Last()",
    "a full output": "import os, sys; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('lost')",
    "a status of bytes": "import sys; sys.exit(256 + 7)",
    "a status below nothing": "import sys; sys.exit(-1)",
    "True": "import sys; sys.exit(True)",
    "an interrupt": "raise KeyboardInterrupt",
    "a thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')",
    "SIGKILL": "import os; print('lost'); os.kill(os.getpid(), 9)",
    "SIGPIPE": "import os, signal; signal.signal(13, signal.SIG_DFL); os.kill(os.getpid(), 13)",
    "SIGTERM": "import os; os.kill(os.getpid(), 15)",
    "a closed output": "import os; print('out', flush=True); os.close(1); os.close(2)",
    "another program": "import os; os.execvp('sh', ['sh', '-c', 'echo other; exit 4'])",
    "source in UTF-8": "# -*- coding: utf-8 -*-\nprint(ascii('ä'))",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_module_ends_as_it_ends_in_an_interpreter_of_its_own(hv1, end):
    assert hv1.warm(ENDS[end]) == hv1.cold(ENDS[end])
    assert hv1.served_by() == NAME


def test_a_module_may_signal_its_group(hv1):
    source = "import os, signal; signal.signal(15, lambda *unused: print('heard', flush=True)); os.killpg(0, 15); os.killpg(0, 9)"
    status, output, errors = hv1.warm(source.replace("os.killpg(0, 9)", "print('done')"))
    assert (status, output, errors) == (0, b"heard\ndone\n", b"")
    assert hv1.warm(source) == (137, b"heard\n", warm.LOST + b"Killed\n")


# A keeper that goes on only when its module has ended.
SLOW_KEEPER = """
fork = os.fork

def fork_slowly():
    pid = fork()
    if pid and os.getsid(0) == os.getpid():
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid

os.fork = fork_slowly
"""


@pytest.mark.parametrize("number", ENDING)
def test_a_module_may_signal_its_group_before_its_keeper_goes_on(hv1, number, monkeypatch):
    program = f"{warm.program()}\n{SLOW_KEEPER}"
    monkeypatch.setattr(warm, "program", lambda: program)
    source = f"import os, signal; signal.signal({number:d}, lambda *unused: print('heard')); os.killpg(0, {number:d})"
    for unused in range(2):
        assert hv1.warm(source) == (0, b"heard\n", b"")
    assert hv1.served_by() == NAME


def test_all_of_a_large_output_arrives(hv1):
    source = "import sys; sys.stdout.write('o' * 9_000_000); sys.stderr.write('e' * 5_000_000); sys.stdout.write('.')"
    assert hv1.warm(source) == (0, b"o" * 9_000_000 + b".", b"e" * 5_000_000)


def test_large_source_arrives(hv1):
    source = f"text = {'x' * 9_000_000!r}\nprint(len(text))"
    assert hv1.warm(source) == (0, b"9000000\n", b"")


def test_modules_do_not_see_what_others_did(hv1):
    source = (
        "import builtins, json, os, random; print(hasattr(builtins, 'left'), hasattr(json, 'left'), os.environ.get('LEFT'), os.getcwd())\n"
    )
    left = "builtins.left = json.left = 1; os.environ['LEFT'] = '1'; os.chdir('/run'); print(random.random())\n"
    outputs = [hv1.warm(source + left)[1].splitlines() for unused in range(3)]
    assert [lines[0] for lines in outputs] == [b"False False None /"] * 3
    assert len({lines[1] for lines in outputs}) == 3, "the same random numbers"


@pytest.mark.parametrize("way", ["warm", "cold"])
def test_a_child_in_the_background_is_waited_for_while_it_holds_the_output(hv1, tmp_path, way):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    source = f"import subprocess; subprocess.Popen(['sh', '-c', 'read word <{fifo}; echo $word']); print('done', flush=True)"
    results = []
    running = threading.Thread(target=lambda: results.append(getattr(hv1, way)(source)))
    running.start()
    with fifo.open("w") as words:
        # It has opened the fifo: the module has ended, or does.
        assert running.is_alive() and not results
        words.write("late\n")
    running.join(20)
    # Which of the two writes first is the scheduler's affair.
    [(status, output, errors)] = results
    assert (status, sorted(output.split()), errors) == (0, [b"done", b"late"], b"")


def test_a_daemon_outlives_the_module(hv1):
    source = "import subprocess; print(subprocess.Popen(['tail', '-f', '/dev/null'], stdout=-3, stderr=-3, start_new_session=True).pid)"
    daemon = int(hv1.warm(source)[1])
    assert hv1.warm(f"import os; os.kill({daemon}, 0); print(open('/proc/{daemon}/comm').read())")[:2] == (0, b"tail\n\n")


@pytest.mark.parametrize("way", ["1", "0"])
def test_an_interrupted_playbook_ends_the_module(lab, hv1, tmp_path, way):
    (tmp_path / "hosts").write_text(
        f"hv1 ansible_connection=vxlanlab.vtep.netns ansible_netns_lab={lab} ansible_python_interpreter={sys.executable}\n"
    )
    os.mkfifo(tmp_path / "started")
    script = f"sh -c 'echo $PPID >{tmp_path}/started; exec tail -f /dev/null'"
    command = [BIN / "ansible", "-i", tmp_path / "hosts", "hv1", "-m", "ansible.builtin.command", "-a", script]
    env = os.environ | {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_NETNS_WARM": way}
    ansible = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    with ansible:
        module = (tmp_path / "started").read_text().strip()
        # One that comes while it forks can leave ansible-core 2.19 hanging, whatever the connection.
        for _attempt in range(3):
            ansible.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                ansible.communicate(timeout=20)
                break
        assert ansible.returncode is not None
    # The module, and what it had started: both were in its group.
    gone = f"import os, subprocess; print(os.path.exists('/proc/{module}'), subprocess.call(['pgrep', '-x', 'tail'], stdout=-3))"
    wait_until(lambda: hv1.cold(gone)[1] == b"False 1\n", "the end of the module")


# Nothing stale


def test_a_library_that_was_changed_is_read_anew(hv1, tmp_path, monkeypatch):
    library = tmp_path / "netaddr.py"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    source = "import netaddr; print(netaddr.value)"
    for value in (1, 2, 3):
        library.write_text(f"value = {value}\n")
        os.utime(library, (1_000_000_000, 1_000_000_000))
        # Python itself takes compiled code for that of a file with the same time and size.
        for compiled in tmp_path.glob("__pycache__/*"):
            compiled.unlink()
        assert hv1.warm(source) == (0, f"{value}\n".encode(), b"")
        wait_until(lambda: hv1.served_by() == NAME, "served by a warm interpreter")
        assert hv1.warm(source) == (0, f"{value}\n".encode(), b"")


def test_a_library_that_comes_before_another_is_found(hv1, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    wait_until(lambda: hv1.served_by() == NAME, "served by a warm interpreter")
    (tmp_path / "csv.py").write_text("value = 'new'\n")
    assert hv1.warm("import csv; print(csv.value)") == (0, b"new\n", b"")


def test_what_a_module_brings_along_is_its_own(hv1, tmp_path):
    archive = tmp_path / "payload.zip"
    source = f"import sys; sys.path.insert(0, {str(archive)!r})\nimport package.part; print(package.part.value, package.part.__file__)\n"
    parts = [f"value = {value}\n\ndef fail():\n    raise ValueError\n" for value in (1, 2, 1)]
    for value, part in zip((1, 2, 1), parts):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(zipfile.ZipInfo("package/__init__.py"), "")
            file.writestr(zipfile.ZipInfo("package/part.py"), part)
        assert hv1.warm(source) == (0, f"{value} {archive}/package/part.py\n".encode(), b"")
        failing = source + "package.part.fail()\n"
        assert hv1.warm(failing) == hv1.cold(failing)
    kept = {path.name for path in Path(f"/proc/{hv1.pid}/root/{warm.FOLDER}").glob("*/*")}
    assert {hashlib.sha256(part.encode()).hexdigest() for part in ("", *parts)} <= kept
    moved = archive.rename(tmp_path / "moved.zip")
    assert hv1.warm(source.replace(str(archive), str(moved)))[1] == f"1 {moved}/package/part.py\n".encode()
    assert hv1.served_by() == NAME


# What there is of each of Ansible's modules that one of its own has imported, and where its code says that it is from.
LOOK = """
import inspect, json, pathlib, sys, types
from ansible.module_utils.basic import AnsibleModule

def codes(value, seen):
    if isinstance(value, types.CodeType):
        yield value
        for one in value.co_consts:
            yield from codes(one, seen)
    elif id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, type):
            for one in list(vars(value).values()):
                yield from codes(one, seen)
        elif isinstance(value, property):
            for one in (value.fget, value.fset, value.fdel):
                yield from codes(one, seen)
        elif isinstance(value, (classmethod, staticmethod)):
            yield from codes(value.__func__, seen)
        elif isinstance(value, types.FunctionType):
            yield from codes(inspect.unwrap(value).__code__, seen)

def look(module):
    return {
        "words": {name: str(value) for name, value in vars(module).items() if isinstance(value, (str, pathlib.PurePath, int, bool))},
        "names": sorted(vars(module)),
        "from": sorted({code.co_filename for value in list(vars(module).values()) for code in codes(value, set())}),
        "archive": getattr(module.__loader__, "archive", None),
        "spec": [module.__spec__.name, module.__spec__.origin, module.__spec__.has_location, module.__spec__.submodule_search_locations]
            if module.__spec__ else None,
        "path": list(getattr(module, "__path__", [])),
        "is its parent's": getattr(sys.modules.get(module.__name__.rpartition(".")[0]), module.__name__.rpartition(".")[2], None) is module,
    }

module = AnsibleModule({"how": {}})
found = {name: look(one) for name, one in sys.modules.items() if name.startswith("ansible.") and isinstance(one, types.ModuleType)}
module.deprecate("old", version="9.9.9")
if module.params["how"] == "fail":
    module.run_command(["false"], cwd=3)
module.exit_json(found=found)
"""


@pytest.mark.parametrize("how", ["look", "fail"])
def test_what_ansible_brings_along_is_as_if_it_were_executed(lab, ansible, hv1, tmp_path, how):
    library = tmp_path / "library"
    library.mkdir()
    (library / "look.py").write_text(LOOK)
    told = []
    for way in ("1", "0"):
        env = {"ANSIBLE_LIBRARY": str(library), "ANSIBLE_NETNS_WARM": way, "ANSIBLE_DISPLAY_TRACEBACK": "always"}
        ran = ansible("ansible", "hv1", "-vvv", "-m", "look", "-a", f"how={how}", **env)
        text = ran.stderr + ran.stdout.partition(" EXEC ")[2]
        # The zip file is in a folder with a name that is new each time. What a stack begins with are the lines that read standard input.
        lines = [line for line in text.splitlines() if '"<stdin>"' not in line]
        told.append(re.sub(r"(_payload_|/home/tmp/ansible-local-)\w+", r"\1", "\n".join(lines)))
    warm_told, told = told
    assert warm_told == told
    assert "payload.zip/ansible/module_utils/basic.py" in told


def test_ansible_is_executed_anew_if_a_part_of_it_is_another(hv1, tmp_path):
    archive = tmp_path / "payload.zip"
    root = Path(ansible_basic.__file__).parents[2]
    files = {str(path.relative_to(root)): path.read_bytes() for path in (root / "ansible/module_utils").rglob("*.py")}
    files |= {"ansible/__init__.py": b"", "ansible/module_utils/__init__.py": b""}
    changed = "ansible/module_utils/common/text/formatters.py"
    source = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\nfrom ansible.module_utils.common.text import formatters\n"
        "from ansible.module_utils import basic\nprint(getattr(formatters, 'VALUE', 0), basic.human_to_bytes.__module__, basic.__file__)\n"
        "print(basic.human_to_bytes('1K'))"
    )
    for value in (0, 1, 0):
        new = f"\nVALUE = {value}\n\ndef human_to_bytes(*unused):\n    return 'new'\n".encode() if value else b""
        with zipfile.ZipFile(archive, "w") as file:
            for name, data in files.items():
                file.writestr(zipfile.ZipInfo(name), data + new if name == changed else data)
        told = f"{value} ansible.module_utils.common.text.formatters {archive}/ansible/module_utils/basic.py\n{'new' if value else 1024}\n"
        assert hv1.warm(source) == (0, told.encode(), b"") == hv1.cold(source)


# Who is not served


def test_what_needs_another_interpreter_gets_one(lab, ansible, hv1, tmp_path):
    os.symlink(sys.executable, tmp_path / "python3")
    served = r"cat /proc/$(sed -n 's/^PPid:\t//p' /proc/$PPID/status)/comm"
    other_ways = {
        "other Python": {"vars": {"ansible_python_interpreter": str(tmp_path / "python3")}},
        "environment": {"environment": {"ONE": "1"}},
        "async": {"async": 30, "poll": 1, "vars": {"ansible_async_dir": "/run/async"}},
        "no pipelining": {"vars": {"ansible_pipelining": False}},
        "switched off": {"vars": {"ansible_netns_warm": False}},
    }
    ways = {"warm": {}, "as root": {"become": True}, **other_ways, "warm again": {}}
    tasks = [
        {"name": name, "ansible.builtin.shell": served, "register": f"way{number}", **way}
        for number, (name, way) in enumerate(ways.items())
    ]
    names = dict(enumerate(ways))
    tasks.append(
        {
            "ansible.builtin.copy": {
                "content": "{{ {" + ", ".join(f"'{name}': way{number}.stdout" for number, name in names.items()) + "} | to_json }}",
                "dest": str(tmp_path / "served.json"),
            },
            "delegate_to": "localhost",
            "vars": {"ansible_connection": "local"},
        }
    )
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "hv1", "gather_facts": False, "tasks": tasks}]))
    ran = ansible("ansible-playbook", tmp_path / "play.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    served_by = json.loads((tmp_path / "served.json").read_text())
    assert {name for name, parent in served_by.items() if parent == NAME} == set(ways) - set(other_ways), served_by


@pytest.mark.parametrize(
    ("command", "served"),
    [
        (COMMAND, True),
        (f"/bin/sh -c {sys.executable}", True),
        ("/bin/sh -c '/no/such/python3 && sleep 0'", False),
        (f"/bin/sh -c 'ONE=1 {sys.executable} && sleep 0'", False),
        (f"/bin/sh -c '{sys.executable} /run/module.py && sleep 0'", False),
        (f"""/bin/sh -c 'sudo -H -S -n  -u nobody /bin/sh -c '"'"'echo SUCCESS ; {sys.executable}'"'"' && sleep 0'""", False),
        ("/bin/sh -c 'echo ~ && sleep 0'", False),
        ("an open 'quote", False),
    ],
)
def test_only_the_plain_call_of_the_own_python_is_served(command, served, monkeypatch):
    monkeypatch.setattr(warm, "has_terminal", lambda: False)
    assert warm.is_served(command) == served


def test_a_process_with_a_terminal_is_not_served():
    program = f"from {warm.__name__} import is_served\nprint(is_served({COMMAND!r}))"
    asked = [["script", "-qec", f'{sys.executable} -c "$PROGRAM"', "/dev/null"], ["setsid", "-w", sys.executable, "-c", program]]
    env = os.environ | {"PROGRAM": program}
    said = [
        subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout for command in asked
    ]
    assert [words.strip() for words in said] == ["False", "True"]


@pytest.mark.parametrize("lacking", ["del os.pidfd_open", "os.pidfd_open = lambda *unused: open('/no/such/call')"])
def test_where_it_cannot_run_modules_do(hv1, monkeypatch, lacking):
    changed_program(monkeypatch, "import zipimport\n", f"import zipimport\n{lacking}\n")
    assert hv1.served_by() == "sh"
    assert hv1.warm("print(1)") == (0, b"1\n", b"")


def changed_program(monkeypatch, text, other):
    program = warm.program()
    assert text in program
    monkeypatch.setattr(warm, "program", lambda: program.replace(text, other))


# Its life


def test_many_modules_at_once_share_one_interpreter(lab):
    hv1 = Hv1(lab)
    results = []
    ready = threading.Barrier(20)

    def run():
        ready.wait(20)
        results.append(hv1.warm(SERVED_BY))

    clients = [threading.Thread(target=run) for unused in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert results == [(0, NAME.encode() + b"\n", b"")] * 20
    wait_until(lambda: len(hv1.interpreters()) == 1, "left with one interpreter")


class Waiting:
    """A module that is at work until it is told to end."""

    def __init__(self, hv1, folder):
        self.start, self.end = folder / "start", folder / "end"
        os.mkfifo(self.start)
        os.mkfifo(self.end)
        source = f"open({str(self.start)!r}, 'w').close(); open({str(self.end)!r}).read(); print('done')"
        pool = ThreadPoolExecutor(1)
        self._result = pool.submit(hv1.warm, source)
        pool.shutdown(wait=False)
        self.start.read_text()

    def result(self):
        return self._result.result(20)


def test_a_killed_interpreter_is_told_and_the_next_module_is_executed(hv1, tmp_path):
    module = Waiting(hv1, tmp_path)
    server, keeper = hv1.interpreters()
    # Group and session of one module.
    os.killpg(keeper, signal.SIGKILL)
    status, output, errors = module.result()
    assert (status, output) == (137, b"") and errors == warm.LOST + b"Killed\n"
    assert hv1.served_by() == NAME and server in hv1.interpreters()


def test_a_module_outlives_the_interpreter_that_started_it(hv1, tmp_path):
    module = Waiting(hv1, tmp_path)
    os.kill(hv1.interpreters()[0], signal.SIGKILL)
    module.end.write_text("")
    assert module.result() == (0, b"done\n", b"")
    assert hv1.served_by() == NAME


def test_it_ends_when_nobody_needs_it_and_starts_again(hv1, monkeypatch):
    changed_program(monkeypatch, "\nIDLE = 60\n", "\nIDLE = 0.2\n")
    before = hv1.interpreters()
    assert hv1.served_by() == NAME
    # One of before may end as well, where another test touches what it has imported.
    wait_until(lambda: set(hv1.interpreters()) <= set(before), "the end of the idle one")
    assert hv1.served_by() == NAME


def test_it_does_not_end_while_a_module_is_at_work(hv1, tmp_path, monkeypatch):
    changed_program(monkeypatch, "\nIDLE = 60\n", "\nIDLE = 0.2\n")
    before = hv1.interpreters()
    module = Waiting(hv1, tmp_path)
    during = set(hv1.interpreters()) - set(before)
    idle_end = time.monotonic() + 0.6
    wait_until(lambda: time.monotonic() > idle_end, "over")
    assert during and during <= set(hv1.interpreters())
    module.end.write_text("")
    assert module.result() == (0, b"done\n", b"")


def test_nothing_is_left_of_it_when_the_node_is_killed(lab, tmp_path):
    hv1 = Hv1(lab)
    wait_until(lambda: hv1.served_by() == NAME, "served by a warm interpreter")
    module = Waiting(hv1, tmp_path)
    used = hv1.interpreters()
    assert len(used) == 2
    os.kill(hv1.pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in used), "the end of all")
    with pytest.raises(AnsibleConnectionFailure, match="does not run"):
        module.result()
    # All that it writes is in a folder of this name, or named after the module. The locks are those of labs, this one's or another's.
    left = [path for folder in ("/run", "/tmp", "/dev/shm") for path in Path(folder).glob("vxlanlab.vtep*")]
    assert not [path for path in left if path.suffix != ".lock"]


def test_nodes_of_the_same_name_have_each_their_own(lab, other_lab):
    one, other = Hv1(lab), Hv1(other_lab)
    for node in (one, other):
        wait_until(lambda node=node: node.served_by() == NAME, "served by a warm interpreter")
    namespace = "import os; print(os.readlink('/proc/self/ns/pid'))"
    assert one.warm(namespace) == one.cold(namespace) != other.warm(namespace) == other.cold(namespace)
    made(lab, state="absent")
    assert other.served_by() == NAME
