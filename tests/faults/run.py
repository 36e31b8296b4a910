#!/usr/bin/env python3
"""Look-ups in which a system call fails: run.py [STEP] fails each STEPth call (lookups.c); 1: all, with each error."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402  (the path above comes first)
from dsp import ROOT  # noqa: E402

BUILD = os.path.join(ROOT, "build")
# What a look-up runs. Memory is unit/memory's.
OBJECTS = ["host/" + name for name in (
    "host_object", "host_tables", "host_view", "listening_sockets", "mount_lookup", "mount_proof", "mount_table",
    "witness")] + [
    "system/kernel", "system/path_walk", "system/proc_file"]
# No system call, or one that never fails, or whose failure changes nothing.
HARMLESS = set("""_GLOBAL_OFFSET_TABLE_ __errno_location __isoc99_sscanf __memcpy_chk __memmove_chk __snprintf_chk
    __stack_chk_fail bsearch close closedir dirfd inet_ntop memchr memcmp memcpy memmove pidfd_open pthread_mutex_lock
    pthread_mutex_unlock qsort strcasecmp strchr strcmp strlen strncmp strrchr strtoul uname""".split())


def symbols(*words):
    said = subprocess.run(["nm", *words], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in said.splitlines() if re.search(r" [A-Za-z] ", line)}


def forgotten():
    """Functions of the C library that a look-up calls, and for which lookups.c has no fault."""
    used = symbols("-u", *(f"{BUILD}/src/{name}.o" for name in OBJECTS), f"{BUILD}/src/system/file.o")
    own = symbols("--defined-only", *(f"{BUILD}/libdsp-{name}.a" for name in ("common", "core")))
    wrapped = {name.removeprefix("__wrap_") for name in symbols(f"{BUILD}/tests/faults/lookups.o")
               if name.startswith("__wrap_")}
    # file_replace in file.c has these, and no look-up calls it.
    writes = {"write", "fchmod", "fchown", "lstat", "mkostemp", "rename", "unlink"}
    return sorted(used - own - wrapped - HARMLESS - writes)


def main():
    missing = forgotten()
    said = subprocess.run([f"{BUILD}/faults/lookups", *(sys.argv[1:] or ["7"])], check=False, stdout=subprocess.PIPE,
                          text=True)
    plan = re.search(r"^1\.\.(\d+)", said.stdout, re.M)
    tap.relay(said.stdout.splitlines())
    if not plan:
        tap.failed("lookups", f"it ended with status {said.returncode}")
    elif plan[1] == "0":
        tap.skipped("lookups", "this needs root")
    else:
        name = "each system call of a look-up can fail"
        if missing:
            tap.failed(name, f"lookups.c and FAULTS in tests.mk have no fault for {', '.join(missing)}")
        else:
            tap.passed(name)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
