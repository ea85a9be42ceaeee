"""A disk that fails on command: an SQLite VFS over the real one. Use its `name` where a store takes `vfs`."""

import itertools
import threading

import apsw

COUNTER = itertools.count()


class FaultyDisk(apsw.VFS):
    """`fault` is one of "", "full", "read-only", "io", "hang", "short"; `skip` lets that many writes pass first."""

    def __init__(self):
        self.name = f"faulty-{next(COUNTER)}"
        self.fault = ""
        self.skip = 0
        self.released = threading.Event()
        super().__init__(self.name, "")

    def xOpen(self, name, flags):
        return FaultyFile(self, name, flags)

    def hang(self):
        self.released.clear()
        self.fault = "hang"

    def release(self):
        self.fault = ""
        self.released.set()

    def meet(self):
        if not self.fault:
            return
        if self.skip > 0:
            self.skip -= 1
            return
        if self.fault == "hang":
            self.released.wait(30)
        elif self.fault == "full":
            raise apsw.FullError("full")
        elif self.fault == "read-only":
            raise apsw.ReadOnlyError("read-only")
        elif self.fault == "io":
            raise apsw.IOError("io")


class FaultyFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        self.disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        self.disk.meet()
        super().xWrite(data, offset)

    def xSync(self, flags):
        if self.disk.fault == "no-sync":
            raise apsw.IOError("sync")
        self.disk.meet()
        super().xSync(flags)

    def xTruncate(self, size):
        self.disk.meet()
        super().xTruncate(size)
