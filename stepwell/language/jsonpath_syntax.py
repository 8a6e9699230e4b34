"""The grammar of JSONPath, in the dialect of the Jayway library that AWS uses: text in, steps out.

Rules that must stay true here:
- Any text either parses or raises SyntaxFault; no other exception leaves this file.
- Nesting (filters in filters, brackets in brackets) is bounded, so that no text can exhaust the stack.
- So is the number of conditions, arguments and descents, which are compiled to functions: the rest costs little.
- A word without quotes in a filter is a text: AWS's own samples compare with such (`[?(@.TargetLanguageCode==es)]`).
- The grammar knows no values: what a step selects is `jsonpath_select`, what a filter means is `jsonpath_filter`.
"""

from __future__ import annotations

import math

from stepwell.language.errors import SyntaxFault, quoted
from stepwell.language.jsonpath_steps import (
    FUNCTIONS,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constant,
    Descend,
    Exists,
    Filter,
    Function,
    Index,
    Indexes,
    Name,
    Names,
    Not,
    Operand,
    Pattern,
    Query,
    Slice,
    Step,
    Wildcard,
)
from stepwell.language.values import Json

# Longer ones first: the first that fits is taken.
_SYMBOLS = ("===", "!==", "==", "!=", "<=", ">=", "=~", "<", ">")
_WORDS = ("in", "nin", "contains", "all", "size", "empty", "subsetof", "anyof", "noneof")
_KEYWORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_DEEPEST = 32
_MOST_PARTS = 1_000
_DIGITS = frozenset("0123456789")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_MOST_DIGITS = 18


class PathParser:
    """A cursor over the text of one path."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0
        self._depth = 0
        self._parts = 0

    def parse(self) -> tuple[str, tuple[Step, ...]]:
        """The root (`$`, `$$`, or `$name`) and the steps of the whole text. Raises SyntaxFault."""
        root = self._root()
        steps = self._steps(ends="")
        if self._at < len(self._text):
            raise self._fault("unexpected text")
        return root, steps

    # --- the path -------------------------------------------------------------------------------------------------

    def _root(self) -> str:
        if not self._take("$"):
            raise SyntaxFault("A path starts with '$'")
        if self._take("$"):
            return "$$"
        start = self._at
        while self._at < len(self._text) and (self._text[self._at] == "_" or self._text[self._at].isalnum()):
            self._at += 1
        name = self._text[start : self._at]
        if name and not name.isidentifier():
            raise self._fault("a variable's name starts with a letter")
        return "$" + name

    def _steps(self, ends: str) -> tuple[Step, ...]:
        """Steps up to the end of the text, or up to one of the characters `ends`."""
        steps: list[Step] = []
        while self._at < len(self._text) and self._text[self._at] not in ends:
            if steps and isinstance(steps[-1], Function):
                raise self._fault("a function ends a path")
            if self._take(".."):
                self._count_part()
                step = self._bracket() if self._sees("[") else self._dotted(ends)
                if isinstance(step, Function):
                    raise self._fault("'..' needs a name, an index or a filter")
                steps.append(Descend(step))
            elif self._take("."):
                steps.append(self._bracket() if self._sees("[") else self._dotted(ends))
            elif self._sees("["):
                steps.append(self._bracket())
            else:
                break
        return tuple(steps)

    def _dotted(self, ends: str) -> Step:
        """What follows a dot: a name, `*`, or a function."""
        if self._take("*"):
            return Wildcard()
        start = self._at
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in ".[(" or character in ends or character.isspace() or character in ")]'\"":
                break
            self._at += 1
        name = self._text[start : self._at]
        if not name:
            raise self._fault("a name is missing")
        if self._take("("):
            return self._function(name)
        return Name(name)

    def _function(self, name: str) -> Step:
        if name not in FUNCTIONS:
            raise self._fault(f"there is no function '{quoted(name)}'")
        self._enter()
        arguments: list[Operand] = []
        self._blanks()
        while not self._take(")"):
            if arguments:
                self._need(",")
            self._count_part()
            arguments.append(self._operand(",)"))
            self._blanks()
        self._leave()
        return Function(name, tuple(arguments))

    def _bracket(self) -> Step:
        self._need("[")
        self._enter()
        self._blanks()
        if self._take("*"):
            step: Step = Wildcard()
        elif self._take("?"):
            self._blanks()
            self._need("(")
            step = Filter(self._any_of())
            self._need(")")
        elif self._sees("'") or self._sees('"'):
            step = self._quoted_names()
        else:
            step = self._numbers()
        self._blanks()
        self._need("]")
        self._leave()
        return step

    def _quoted_names(self) -> Step:
        names = [self._string()]
        self._blanks()
        while self._take(","):
            self._blanks()
            names.append(self._string())
            self._blanks()
        return Name(names[0]) if len(names) == 1 else Names(tuple(names))

    def _numbers(self) -> Step:
        first = self._optional_integer()
        self._blanks()
        if self._take(":"):
            stop, step = self._optional_integer(), None
            self._blanks()
            if self._take(":"):
                step = self._optional_integer()
                if step == 0:
                    raise self._fault("the step of a slice is not 0")
            return Slice(first, stop, step)
        if first is None:
            raise self._fault("an index, a name, a slice, '*' or a filter is missing")
        indexes = [first]
        while self._take(","):
            following = self._optional_integer()
            if following is None:
                raise self._fault("an index is missing")
            indexes.append(following)
            self._blanks()
        return Index(first) if len(indexes) == 1 else Indexes(tuple(indexes))

    def _optional_integer(self) -> int | None:
        self._blanks()
        start = self._at
        self._take("-")
        while self._at < len(self._text) and self._text[self._at] in _DIGITS:
            self._at += 1
        digits = self._text[start : self._at]
        if digits == "":
            return None
        if digits == "-" or len(digits) > _MOST_DIGITS:
            raise self._fault("not a usable index")
        return int(digits)

    # --- filters --------------------------------------------------------------------------------------------------

    def _any_of(self) -> Condition:
        conditions = [self._all_of()]
        while self._take("||"):
            conditions.append(self._all_of())
        return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))

    def _all_of(self) -> Condition:
        conditions = [self._one()]
        while self._take("&&"):
            conditions.append(self._one())
        return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))

    def _one(self) -> Condition:
        self._blanks()
        self._enter()
        if self._sees("!") and not self._sees("!="):
            self._need("!")
            condition: Condition = Not(self._one())
        elif self._take("("):
            condition = self._any_of()
            self._need(")")
        else:
            condition = self._comparison()
        self._leave()
        self._blanks()
        return condition

    def _comparison(self) -> Condition:
        self._count_part()
        left = self._operand(" =<>!&|),\t\r\n")
        self._blanks()
        operator = self._operator()
        if operator is None:
            if not isinstance(left, Query):
                raise self._fault("a comparison is missing")
            return Exists(left)
        self._blanks()
        right = self._operand(" &|)\t\r\n")
        if (operator == "=~") != isinstance(right, Pattern) or isinstance(left, Pattern):
            raise self._fault("'=~' needs a pattern on its right, and nothing else takes one")
        return Comparison(left, operator, right)

    def _operator(self) -> str | None:
        for symbol in _SYMBOLS:
            if self._take(symbol):
                return symbol
        start = self._at
        while self._at < len(self._text) and self._text[self._at].isalpha():
            self._at += 1
        word = self._text[start : self._at].lower()
        if word in _WORDS:
            return word
        self._at = start
        return None

    def _operand(self, ends: str) -> Operand:
        self._blanks()
        if self._sees("@") or self._sees("$"):
            from_root = self._text[self._at] == "$"
            self._at += 1
            return Query(from_root, self._steps(ends))
        if self._sees("/"):
            return self._pattern()
        return Constant(self._constant())

    def _pattern(self) -> Pattern:
        self._need("/")
        start = self._at
        while self._at < len(self._text) and self._text[self._at] != "/":
            self._at += 2 if self._text[self._at] == "\\" else 1
        pattern = self._text[start : self._at].replace("\\/", "/")
        self._need("/")
        start = self._at
        while self._at < len(self._text) and self._text[self._at].isalpha():
            self._at += 1
        return Pattern(pattern, self._text[start : self._at])

    # --- literals -------------------------------------------------------------------------------------------------

    def _constant(self) -> Json:
        self._blanks()
        if self._sees("'") or self._sees('"'):
            return self._string()
        if self._take("["):
            return self._array()
        if self._take("{"):
            return self._object()
        start = self._at
        while self._at < len(self._text) and (self._text[self._at].isalnum() or self._text[self._at] in "+-._"):
            self._at += 1
        word = self._text[start : self._at]
        if word in _KEYWORDS:
            return _KEYWORDS[word]
        return word if word[:1].isalpha() else self._number(word)

    def _number(self, word: str) -> int | float:
        if word.isascii() and word[:1] in "-0123456789" and word[-1:].isdigit():
            try:
                number = int(word) if word.removeprefix("-").isdigit() else float(word)
            except ValueError:
                number = math.nan
            if isinstance(number, int) or math.isfinite(number):
                return number
        raise self._fault("a literal is missing")

    def _array(self) -> Json:
        self._enter()
        items: list[Json] = []
        self._blanks()
        while not self._take("]"):
            if items:
                self._need(",")
            items.append(self._constant())
            self._blanks()
        self._leave()
        return items

    def _object(self) -> Json:
        self._enter()
        members: dict[str, Json] = {}
        self._blanks()
        while not self._take("}"):
            if members:
                self._need(",")
                self._blanks()
            name = self._string()
            self._blanks()
            self._need(":")
            members[name] = self._constant()
            self._blanks()
        self._leave()
        return members

    def _string(self) -> str:
        quote = self._text[self._at : self._at + 1]
        if quote not in ("'", '"'):
            raise self._fault("a quoted string is missing")
        self._at += 1
        parts: list[str] = []
        while not self._take(quote):
            if self._at >= len(self._text):
                raise self._fault("a quote is not closed")
            character = self._text[self._at]
            self._at += 1
            parts.append(self._escape() if character == "\\" else character)
        text = "".join(parts)
        try:  # joins the halves of a character that is written as two escapes
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._fault("half a character") from None

    def _escape(self) -> str:
        if self._at >= len(self._text):
            raise self._fault("a quote is not closed")
        character = self._text[self._at]
        self._at += 1
        if character != "u":
            return _ESCAPES.get(character, character)
        digits = self._text[self._at : self._at + 4]
        self._at += 4
        if len(digits) < 4 or not _HEXADECIMAL.issuperset(digits):
            raise self._fault("'\\u' needs four hexadecimal digits")
        return chr(int(digits, 16))

    # --- the cursor -----------------------------------------------------------------------------------------------

    def _sees(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise self._fault(f"'{text}' is missing")

    def _blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._fault("nested too deeply")

    def _leave(self) -> None:
        self._depth -= 1

    def _count_part(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise self._fault(f"more than {_MOST_PARTS:,} conditions, arguments and '..'; put some into a state before")

    def _fault(self, reason: str) -> SyntaxFault:
        return SyntaxFault(f"'{quoted(self._text)}' is not a JSONPath: {reason} at character {self._at + 1}")
