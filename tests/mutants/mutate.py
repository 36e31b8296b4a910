"""Small faults in C sources: one change at a time, of the kind that a tired engineer makes."""
import re
import typing

COMPARISONS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\])+\'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*',
                     re.S | re.M)


class Mutant(typing.NamedTuple):
    """A change of one place in a file."""

    line: int
    function: str
    what: str
    text: str    # of the line, without blanks around it
    source: str  # of the whole file

    def key(self):
        """What names it when lines move: for the table of those that change nothing."""
        return f"{self.function}: {self.what}: {self.text}"


def blank(source):
    """The source with its comments, strings, characters and directives as blanks."""
    return BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), source)


def closing(text, at):
    """Where the parenthesis that opens at this place is closed."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    raise ValueError("a parenthesis is not closed")


def operators(code):
    """(begin, end, replacement, what)"""
    for m in re.finditer(r"(?<![<>=!+*/|&^-])(==|!=|<=|>=|<|>)(?![<>=])", code):
        yield m.start(), m.end(), COMPARISONS[m[1]], f"{m[1]} becomes {COMPARISONS[m[1]]}"
    for m in re.finditer(r"&&|\|\|", code):
        other = "||" if m[0] == "&&" else "&&"
        yield m.start(), m.end(), other, f"{m[0]} becomes {other}"
    for m in re.finditer(r"!(?=[\w(*])", code):
        yield m.start(), m.end(), "", "! goes"


def values(code):
    for m in re.finditer(r"(?<![\w.])(0x[0-9a-fA-F]+|\d+)(?![\w.])", code):
        n = int(m[1], 0)
        failure = code[:m.start()].endswith("return -")     # any but 0 is one
        for other in ([] if failure else [n + 1]) + ([n - 1] if n > 0 else []):
            yield m.start(), m.end(), str(other), f"{m[1]} becomes {other}"
    for m in re.finditer(r"\b(true|false)\b", code):
        other = "false" if m[1] == "true" else "true"
        yield m.start(), m.end(), other, f"{m[1]} becomes {other}"


def conditions(code):
    """Never and always: a negated condition is both, and easier to find."""
    for m in re.finditer(r"\bif \(", code):
        begin = m.end()
        end = closing(code, begin - 1)
        yield begin, end, "0 && (\0)", "the condition never holds"
        yield begin, end, "1 || (\0)", "the condition always holds"


def statements(code):
    """Early returns and the like go, and so do calls whose value nobody takes."""
    for m in re.finditer(r"(?<=\n)\t\t+((?:return|continue|break)\b[^;{}]*;)", code):
        yield m.start(1), m.end(1), ";", f"{m[1].split()[0].rstrip(';')} goes"
    for m in re.finditer(r"(?<=\n)\t+((?:\(void\))?[a-z_0-9]+\([^;{}]*\);)", code):
        if not re.match(r"if|for|while|switch|return", m[1]):
            yield m.start(1), m.end(1), ";", "call goes"


def function_at(code, at):
    """The name of the function that a place is in, or is behind."""
    names = re.findall(r"^[a-z][^;=\n]*?\b(\w+)\(", code[:at], re.M)
    return names[-1] if names else ""


def mutants(source):
    """All mutants of a C source, in the order of their lines."""
    code = blank(source)
    found = []
    for kind in (operators, values, conditions, statements):
        for begin, end, new, what in kind(code):
            line = source.count("\n", 0, begin) + 1
            text = source.split("\n")[line - 1].strip()
            new = new.replace("\0", source[begin:end])
            found.append(Mutant(line, function_at(code, begin), what, text, source[:begin] + new + source[end:]))
    return sorted(found)
