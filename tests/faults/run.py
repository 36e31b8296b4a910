#!/usr/bin/env python3
"""Look-ups in which a system call fails: run.py [STEP] fails each STEPth call (lookups.c); 1: all, with each error."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dsp import ROOT  # noqa: E402  (the path above comes first)

BUILD = os.path.join(ROOT, "build")
# What a look-up runs. Memory is unit/memory's.
OBJECTS = ["host/" + name for name in ("host_object", "host_view", "listening_sockets", "mount_lookup", "mount_table")] + [
    "system/path_walk", "system/proc_file"]
# No system call, or one that never fails, or whose failure changes nothing.
HARMLESS = set("""_GLOBAL_OFFSET_TABLE_ __stack_chk_fail __errno_location __snprintf_chk __memcpy_chk __memmove_chk close
    closedir dirfd inet_ntop memchr memcmp memcpy memmove qsort strchr strcmp strlen strncmp strtoul""".split())


def symbols(*words):
    said = subprocess.run(["nm", *words], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in said.splitlines() if re.search(r" [A-Za-z] ", line)}


def forgotten():
    """Functions of the C library that a look-up calls, and for which lookups.c has no fault."""
    used = symbols("-u", *(f"{BUILD}/src/{name}.o" for name in OBJECTS), f"{BUILD}/src/system/file.o")
    own = symbols("--defined-only", *(f"{BUILD}/libdsp-{name}.a" for name in ("common", "core")))
    wrapped = {name.removeprefix("__wrap_") for name in symbols(f"{BUILD}/tests/faults/lookups.o")
               if name.startswith("__wrap_")}
    writes = {"write"}  # file.c has it, for others
    return sorted(used - own - wrapped - HARMLESS - writes)


def main():
    missing = forgotten()
    said = subprocess.run([f"{BUILD}/faults/lookups", *(sys.argv[1:] or ["7"])], check=False, stdout=subprocess.PIPE,
                          text=True).stdout
    plan = re.search(r"^1\.\.(\d+)", said, re.M)
    print(re.sub(r"^1\.\..*\n", "", said, flags=re.M), end="")
    if not plan or plan[1] == "0":
        print(f"1..{plan[1] if plan else 1}")
        return 0 if plan else 1
    count = int(plan[1]) + 1
    print(f"{'not ' if missing else ''}ok {count} - each system call of a look-up can fail")
    if missing:
        print(f"# lookups.c and FAULTS in tests.mk have no fault for {', '.join(missing)}")
    print(f"1..{count}")
    return 1 if missing or "\nnot ok" in said else 0


if __name__ == "__main__":
    sys.exit(main())
