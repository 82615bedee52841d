# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The warm interpreter of a node: a Python that forks for each module, instead of a new one that starts for each.

It is the program that the connection plugin sends to the interpreter's standard input, where Ansible sends a module, with a call of
``serve`` at its end. So its arguments, search path, environment and streams are those that a module finds, and it can use nothing
but Python's own library. What makes a module slow to start is done once:

- The libraries in ``PRELOADED`` are imported. When a file of theirs has changed, the interpreter ends instead of serving.
- A module brings its own ``module_utils`` in a zip file. They are executed anew for each module, from that file; only what they
  compile to is kept, under the hash of the source. So a module never meets another version of what it brought.

What a preloaded library reads when it is imported is the interpreter's: ``ovs.util.PROGRAM_NAME`` is empty, as is ``sys.argv[0]`` then.

The client talks over a socket (SOCK_SEQPACKET) of its own for each module:

    HELLO, from here; then one byte with four descriptors, from the client: the module's source, and its standard streams;
    then the status as four bytes, from here, when the module has ended. Until then each byte from the client is the number of
    a signal for the module's process group.

    serve            one for each key, in a session of its own
      keeper         one for each connection: leads a session and its process group, waits, tells the status
        module       returns from ``serve``
"""

from __future__ import annotations

import contextlib
import gc
import glob
import hashlib
import importlib
import importlib.abc
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import types
import zipimport

HELLO = b"."
STATUS = struct.Struct("!i")
#: The name of the process, for who looks at the node's processes. A module has the interpreter's.
NAME = "vxlanlab-warm"
# Seconds without a module after which it ends: a lab that nobody works with needs no memory.
IDLE = 60

# What Ansible's and this collection's module_utils import.
PRELOADED = (
    "argparse ast base64 bisect bz2 calendar configparser copy csv ctypes dataclasses datetime decimal difflib email.message email.utils"
    " encodings.idna errno fcntl fnmatch getpass glob grp gzip hashlib heapq hmac html http.client inspect ipaddress itertools json locale"
    " logging lzma mimetypes numbers optparse pathlib pickle pkgutil platform pprint pwd queue random re runpy secrets select selectors"
    " shelve shlex shutil socket sqlite3 ssl stat string struct subprocess syslog tarfile tempfile termios textwrap timeit tokenize"
    " traceback tty types typing unicodedata unittest.mock urllib.parse urllib.request uuid warnings weakref zipfile zlib"
    " netaddr ovs.db.idl ovs.stream ovsdbapp.backend.ovs_idl.command ovsdbapp.backend.ovs_idl.connection"
    " ovsdbapp.backend.ovs_idl.transaction ovsdbapp.schema.open_vswitch.impl_idl typing_extensions"
)
# They remember what they have seen of the machine, so each module imports them itself.
FORGOTTEN = ("platform",)


def serve(listening: int, folder: str) -> None:
    """Serve clients of the listening descriptor until it is idle. Returns in a process that has executed a module.

    ``folder``: where compiled code is kept; in the node, only for root.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    own_name = _rename(NAME)
    started = time.time_ns()
    # Not every kernel has it. Without, this process ends here, and serves nobody.
    os.close(os.pidfd_open(os.getpid()))
    _preload()
    known = {path: _stamp(path) for path in _files()}
    # A file that was written while it was imported, within what the clock of files may lag; threads would not be in a fork.
    if max(known.values())[0] > started - 1_000_000_000 or threading.active_count() > 1:
        os._exit(0)
    gc.collect()
    gc.freeze()
    listener = socket.socket(fileno=listening)
    listener.set_inheritable(False)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    keepers: dict[int, int] = {}
    while True:
        events = poll.poll(None if keepers else IDLE * 1000)
        if not events:
            os._exit(0)
        for file, _event in events:
            if file in keepers:
                os.waitpid(keepers.pop(file), 0)
                poll.unregister(file)
                os.close(file)
                continue
            connection, _address = listener.accept()
            if any(_stamp(path) != stamp for path, stamp in known.items()):
                os._exit(0)
            keeper = os.fork()
            if not keeper:
                listener.close()
                files = _keep(connection)
                _execute(files, folder, own_name)
                return
            connection.close()
            pidfd = os.pidfd_open(keeper)
            keepers[pidfd] = keeper
            poll.register(pidfd, select.POLLIN)


def _preload() -> None:
    for name in PRELOADED.split():
        # What cannot be imported here fails in the module that wants it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for name in FORGOTTEN:
        sys.modules.pop(name, None)


def _files() -> set[str]:
    """All files that this process consists of, the folders in which Python looks for them, and what tells it of these folders."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        mapped = {line.rstrip("\n").split(maxsplit=5)[-1] for line in maps}
    imported = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    # The first entry of the path is empty: the working directory.
    folders = {os.path.abspath(folder) for folder in sys.path}
    telling = {path for folder in folders for path in glob.glob(f"{glob.escape(folder)}/*.pth")} | {f"{sys.prefix}/pyvenv.cfg"}
    return {path for path in {*mapped, *imported, *folders, *telling} if path.startswith("/")}


def _stamp(path: str) -> tuple[int, int]:
    """Differs after any change of the file, or of the folder's names."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_ctime_ns, status.st_ino


def _keep(connection: socket.socket) -> tuple[int, ...]:
    """Lead the session of one module. Returns in the module's process, with its source and its standard streams."""
    os.setsid()
    try:
        connection.send(HELLO)
        _byte, files, _flags, _address = socket.recv_fds(connection, 1, 4)
    except OSError:
        files = []
    if len(files) != 4:
        os._exit(0)  # the client does without
    module = os.fork()
    if not module:
        connection.detach()
        return tuple(files)
    # What ends the group leaves this process, which has to tell of it. The module has the signals as they were.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for file in files:
        os.close(file)
    poll = select.poll()
    end = os.pidfd_open(module)
    poll.register(end, select.POLLIN)
    poll.register(connection, select.POLLIN)
    # A client that goes away without a signal leaves the module at work, as it leaves a process of its own.
    while end not in [file for file, _event in poll.poll()]:
        told = _receive(connection)
        if told:
            os.killpg(0, told[0])
        else:
            poll.unregister(connection)
    _pid, status = os.waitpid(module, 0)
    with contextlib.suppress(OSError):
        connection.send(STATUS.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except OSError:
        return b""


def _execute(files: tuple[int, ...], folder: str, name: str) -> None:
    """Execute a module's source as Python executes its standard input."""
    source, *streams = files
    with open(source, "rb", closefd=False) as file:
        file.seek(0)
        text = file.read()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    _rename(name)
    time.tzset()
    importlib.invalidate_caches()
    sys.path_hooks[sys.path_hooks.index(zipimport.zipimporter)] = lambda path: ZipImporter(path, folder)
    main = types.ModuleType("__main__")
    main.__dict__.update({key: value for key, value in vars(sys.modules["__main__"]).items() if key.startswith("__")}, __doc__=None)
    sys.modules["__main__"] = main
    try:
        exec(compile(text, "<stdin>", "exec", dont_inherit=True), main.__dict__)
    except Exception as error:
        # Told by Python's own end of the program, it would begin with the lines of this file.
        trace = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        raise SystemExit(1) from None


def _rename(name: str) -> str:
    """Give this process another name, and return the one it had."""
    with open("/proc/self/comm", "r+", encoding="utf-8") as file:
        before = file.read().rstrip("\n")
    with open("/proc/self/comm", "w", encoding="utf-8") as file:
        file.write(name)
    return before


class ZipImporter(zipimport.zipimporter):
    """Imports from a zip file, and compiles no source that was compiled before."""

    def __init__(self, path: str, folder: str) -> None:
        super().__init__(path)
        self._folder = folder
        self._sources: dict[str, bytes] = {}

    def get_filename(self, fullname: str) -> str:
        """The path of a module, which Python's own importer compiles it for."""
        ending = "/__init__.py" if self.is_package(fullname) else ".py"
        path = f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}{ending}"
        try:
            if path not in self._sources:
                self._sources[path] = self.get_data(path)
        except OSError:  # only its compiled form is there
            return super().get_filename(fullname)
        return path

    def get_code(self, fullname: str) -> types.CodeType:
        """The code of a module."""
        path = self.get_filename(fullname)
        code = None
        if path in self._sources:
            # It is about files beside the sources. Ours are not.
            unwanted, sys.dont_write_bytecode = sys.dont_write_bytecode, False
            try:
                code = Source(path, self._sources[path], self._folder).get_code(fullname)
            finally:
                sys.dont_write_bytecode = unwanted
        return code or super().get_code(fullname)


class Source(importlib.abc.SourceLoader):
    """A source whose compiled form is kept under its hash, instead of beside it."""

    def __init__(self, path: str, source: bytes, folder: str) -> None:
        self._path = path
        self._source = source
        self._kept = f"{folder}/{hashlib.sha256(source).hexdigest()}"

    def get_filename(self, fullname: str) -> str:
        """The source's path."""
        return self._path

    def path_stats(self, path: str) -> dict[str, int]:
        """What Python holds against the compiled form; the hash has said it already."""
        return {"mtime": 0, "size": len(self._source)}

    def get_data(self, path: str) -> bytes:
        """The source; for any other path, its compiled form."""
        if path == self._path:
            return self._source
        with open(self._kept, "rb") as file:
            return file.read()

    def set_data(self, path: str, data: bytes) -> None:
        """Keep the compiled form."""
        new = f"{self._kept}.{os.getpid()}"
        with contextlib.suppress(OSError):
            with open(new, "wb") as file:
                file.write(data)
            os.replace(new, self._kept)
