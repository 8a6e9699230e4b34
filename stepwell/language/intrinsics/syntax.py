"""The grammar of intrinsic calls: `States.Format('Hello, {}', $.name)`.

Rules that must stay true here:
- Any text either compiles or raises SyntaxFault; no other exception leaves this file.
- In a quoted string a backslash escapes `'`, `{`, `}` and itself; any other use of it is a fault (recorded:
  test_illegal_escapes).
- Calls nest at most ten deep.
"""

from __future__ import annotations

import re

from stepwell.language.errors import SyntaxFault
from stepwell.language.intrinsics.call import Argument, Call, Intrinsic, Reference, Value
from stepwell.language.intrinsics.functions import FUNCTIONS
from stepwell.language.jsonpath import compile_path
from stepwell.language.scope import FEW
from stepwell.language.values import Json, loads

DEEPEST = 10

_NAME = re.compile(r"States\.([A-Za-z0-9]+)\(")
_STRING = re.compile(r"'((?:[^'\\]|\\['{}\\])*)'")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_KEYWORD = re.compile(r"(?:true|false|null)\b")
_KEYWORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BLANKS = re.compile(r"\s*")
_LONGEST_NUMBER = 400


def compile_intrinsic(text: str) -> Intrinsic:
    """The compiled call. Raises SyntaxFault (no such function, wrong number of arguments, not well formed)."""
    parser = _Parser(text)
    call = parser.call(depth=1)
    parser.end()
    if len(parser.references) > FEW:
        for reference in parser.references:
            reference.weighed = True
    return Intrinsic(text, call)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.references: list[Reference] = []
        self._blanks()

    def call(self, depth: int) -> Call:
        match = self._match(_NAME)
        if match is None:
            raise self._fault("a function's name is missing")
        function = FUNCTIONS.get(match[1])
        if function is None:
            raise self._fault(f"there is no function 'States.{match[1]}'")
        if depth > DEEPEST:
            raise self._fault(f"calls nest at most {DEEPEST} deep")
        arguments: list[Argument] = []
        self._blanks()
        while not self._take(")"):
            if arguments and not self._take(","):
                raise self._fault("',' or ')' is missing")
            self._blanks()
            # The template of States.Format keeps its escapes: there `\{}` is no place.
            arguments.append(self._argument(depth, keep_escapes=match[1] == "Format" and not arguments))
            self._blanks()
        if len(arguments) < function.least or (function.most is not None and len(arguments) > function.most):
            raise self._fault(f"States.{match[1]} does not take {len(arguments)} arguments")
        return Call(function.body, tuple(arguments), function.looks)

    def end(self) -> None:
        self._blanks()
        if self._at < len(self._text):
            raise self._fault("text follows the call")

    def _argument(self, depth: int, *, keep_escapes: bool) -> Argument:
        if self._text.startswith("$", self._at):
            self.references.append(Reference(compile_path(self._path())))
            return self.references[-1]
        if self._text.startswith("States.", self._at):
            return self.call(depth + 1)
        if match := self._match(_STRING):
            return Value(match[1] if keep_escapes else _ESCAPE.sub(r"\1", match[1]))
        if match := self._match(_NUMBER):
            return Value(self._number(match[0]))
        if match := self._match(_KEYWORD):
            return Value(_KEYWORDS[match[0]])
        raise self._fault("an argument is missing or not well formed")

    def _number(self, text: str) -> Json:
        if len(text) > _LONGEST_NUMBER:
            raise self._fault("a number is too long")
        try:
            return loads(text)
        except ValueError:
            raise self._fault(f"'{text}' is not a number") from None

    def _path(self) -> str:
        """The text of a path: up to the comma or parenthesis that belongs to the call."""
        start, open_brackets, quote = self._at, 0, ""
        while self._at < len(self._text):
            character = self._text[self._at]
            if quote:
                if character == "\\":
                    self._at += 1
                elif character == quote:
                    quote = ""
            elif character in "'\"" and open_brackets:
                quote = character
            elif character in "[(":
                open_brackets += 1
            elif character in "])" and open_brackets:
                open_brackets -= 1
            elif character in ",)" and not open_brackets:
                break
            self._at += 1
        return self._text[start : self._at].rstrip()

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _blanks(self) -> None:
        self._match(_BLANKS)

    def _fault(self, reason: str) -> SyntaxFault:
        return SyntaxFault(f"'{self._text}' is not an intrinsic function call: {reason} at character {self._at + 1}")
