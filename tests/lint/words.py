#!/usr/bin/env python3
"""Phrases that this project does not use: words.py [FILE]...

words.tsv has them, with what to say instead, and the files that are looked at when none is given.
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATED = re.compile(r"<!-- table: .*?<!-- end of table -->|^```console$.*?^```$", re.S | re.M)


def read_rows():
    """(the covered files, {pattern: what to say})"""
    files, phrases = [], {}
    with open(os.path.join(HERE, "words.tsv"), encoding="utf-8") as table:
        rows = [line.rstrip("\n").split("\t") for line in table if line.strip() and line[0] != "#"]
    for name, text in rows:
        if name == "covered":
            for pattern in text.split():
                files += sorted(glob.glob(pattern, recursive=True))
        elif name != "PHRASE":
            # A line may end within a phrase, and a comment or a quotation begin again.
            words = name.replace(" ", r"""["\\n\s*#>]+""")
            phrases[re.compile(rf"(?<![\w-]){words}(?![\w-])", re.I)] = text
    return files, phrases


def find(path, phrases):
    with open(path, encoding="utf-8") as source:
        text = source.read()
    text = GENERATED.sub(lambda part: "\n" * part[0].count("\n"), text)
    for pattern, instead in phrases.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: \"{' '.join(match[0].split())}\": {instead}"


def main():
    files, phrases = read_rows()
    findings = [finding for path in sys.argv[1:] or files if os.path.isfile(path)
                for finding in find(path, phrases)]
    print("\n".join(findings))
    return 1 if findings or not files else 0


if __name__ == "__main__":
    sys.exit(main())
