"""controls.tsv, the Pod Security Standards' controls: each has requests in cases/controls.cases that it denies and that it allows,
and what the table says denies them does so."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "..", "cases")
sys.path.insert(0, CASES)
import reader  # noqa: E402
import tools  # noqa: E402


def check(results):
    made, cases = reader.read_file(os.path.join(CASES, "controls.cases"))
    results.check("controls.cases is in its format", not made, str(made))
    sections = {}
    for case in cases:
        sections.setdefault(case.title, []).append(case)
    for row in tools.read_table("controls.tsv"):
        title = f"{row['LEVEL']}: {row['CONTROL']}"
        outcomes = [outcome for case in sections.get(title, []) for outcome in case.outcomes]
        words = row["BY"].split()
        reasons = {reason for verdict, reason in outcomes if verdict == "deny"}
        missing = [word for word in words if word not in reasons and not ("require" in reasons and word in CONDITIONS)]
        if not words:
            results.check(f"{title}: nothing is to be tried", not outcomes, title)
            continue
        results.check(f"{title}: requests that violate it, and that it permits, are tried",
                      not missing and any(verdict == "allow" for verdict, _ in outcomes),
                      f"controls.cases has none for {' '.join(missing) or 'an allow'}")


CONDITIONS = ("user", "no_new_privileges", "cap_drop", "cap_add", "sysctls", "mount_types")
