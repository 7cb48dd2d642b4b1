"""Reads SNOMED CT's expression constraint language as far as to say whether a text is one.

Grammar: https://confluence.ihtsdotools.org/display/DOCECL (brief syntax); filters in double braces
are taken as they stand.
"""

import re

_TOKEN = re.compile(
    r"""\s*(?:/\*.*?\*/\s*)*(?:
    (?P<filter>\{\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}\})
    |(?P<operator><<!|<<|<!|>>!|>>|>!|!!>|!!<|<(?!=)|>(?!=))
    |(?P<comparator>!=|<=|>=|=)
    |(?P<concept>[0-9]{6,18})(?:\s*\|[^|]*\|)?
    |(?P<value>\#-?[0-9]+(?:\.[0-9]+)?|"(?:[^"\\]|\\.)*")
    |(?P<cardinality>\[\s*[0-9]+\s*\.\.\s*(?:[0-9]+|\*)\s*\])
    |(?P<word>AND|OR|MINUS|R|true|false)\b
    |(?P<mark>[\^*(){}:.,])
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_END = ""


class _NotEcl(Exception):
    """The text is no expression constraint; the argument says where."""


def ecl_fault(text: str) -> str | None:
    """Return what cannot be read, ``"<< 234" at 8``; None: the text is an expression constraint."""
    try:
        _Reader(text).read()
    except _NotEcl as fault:
        return str(fault)
    return None


class _Reader:
    """Descends through the grammar, one token ahead; nesting is bounded by the text's length."""

    _DEEPEST = 60

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self._at = 0
        self._depth = 0
        self._kind, self._token = "", ""
        self._next()

    def read(self) -> None:
        self._expression()
        if self._kind != _END:
            raise self._fault()

    def _next(self) -> None:
        if self._at >= len(self._text):
            self._kind, self._token = _END, ""
            return
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise _NotEcl(f'"{self._text[self._at :][:20].strip()}", {self._at + 1}')
        self._at = found.end()
        self._kind = str(found.lastgroup)
        self._token = found[self._kind].upper()

    def _fault(self) -> _NotEcl:
        return _NotEcl(f'"{self._token}", {self._at - len(self._token) + 1}')

    def _take(self, *tokens: str) -> bool:
        if self._token not in tokens or self._kind in {"value", _END}:
            return False
        self._next()
        return True

    def _require(self, token: str) -> None:
        if not self._take(token):
            raise self._fault()

    def _expression(self) -> None:
        """One sub-expression, refined or joined with others."""
        self._depth += 1
        if self._depth > self._DEEPEST:
            raise self._fault()
        self._operand()
        while self._take("AND", "OR", "MINUS", ",", "."):
            self._operand()
        if self._take(":"):
            self._refinement()
        self._depth -= 1

    def _operand(self) -> None:
        if self._kind == "operator":
            self._next()
        self._take("^")
        if self._take("("):
            self._expression()
            self._require(")")
        elif self._kind == "concept":
            self._next()
        else:
            self._require("*")
        while self._kind == "filter":
            self._next()

    def _refinement(self) -> None:
        self._group()
        while self._take("AND", "OR", ","):
            self._group()

    def _group(self) -> None:
        if self._kind == "cardinality":
            self._next()
        if self._take("{"):
            self._refinement()
            self._require("}")
        elif (self._kind, self._token) == ("mark", "("):
            self._next()
            self._refinement()
            self._require(")")
        else:
            self._attribute()

    def _attribute(self) -> None:
        if self._kind == "cardinality":
            self._next()
        self._take("R")
        self._operand()
        if self._kind == "operator" and self._token in {"<", ">"}:
            self._kind = "comparator"
        if self._kind != "comparator":
            raise self._fault()
        self._next()
        if self._kind == "value" or self._token in {"TRUE", "FALSE"}:
            self._next()
        else:
            self._operand()
