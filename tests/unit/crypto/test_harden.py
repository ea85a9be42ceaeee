import json
import subprocess
import sys

PROGRAM = """
import json, resource
from dataclasses import asdict
from wardkeep.crypto.harden import harden_process
report = asdict(harden_process(lock_memory={lock}))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
report["locked_kb"] = int(status["VmLck"].split()[0])
report["core"] = resource.getrlimit(resource.RLIMIT_CORE)[0]
print(json.dumps(report))
"""


def harden(lock: bool, limit: str = "") -> dict:
    program = limit + PROGRAM.format(lock=lock)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def test_report_says_what_the_kernel_says():
    report = harden(lock=True)
    assert report["core_off"] is True
    assert report["core"] == 0
    assert report["dumpable_off"] is True
    # a process without leave to lock must say so, one with leave must show locked pages
    assert report["memory_locked"] == (report["locked_kb"] > 0)
    assert report["memory_locked"] or report["detail"]


def test_memory_lock_not_asked_for_is_not_claimed():
    report = harden(lock=False)
    assert report["memory_locked"] is False
    assert report["locked_kb"] == 0
