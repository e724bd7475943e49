"""The commands of a formula: fonts and words, environments, layout, separators."""

from __future__ import annotations

import re
from collections.abc import Sequence

from derive.reading import vocabulary as words
from derive.reading.heads import FunctionHead, Nabla, Partial
from derive.reading.scanner import AT_A_POINT, COMMAND, Scanner
from derive.reading.span import Source, Span
from derive.reading.syntax import Dots, Name, Words
from derive.reading.tokens import Token, reading_error

MAX_LENGTH = 20_000

_SPACED_WORD = re.compile(r"\s*\{((?:[a-z]|\\[,;:! ]|[ ~])+)\}")
_FONT_ARGUMENT = re.compile(
    r"\s*(?:\{(?P<braced>[A-Za-z0-9 \-]+)\}|(?P<brace>\{\s*)?\\(?P<command>[A-Za-z]+)"
    r"(?(brace)\s*\}|)|(?P<single>[A-Za-z0-9]))"
)
_RELATION = re.compile(
    r"\s*(?:\{\s*)?(:=|=:|=|<|>|\\(?:"
    + "|".join(sorted(words.RELATIONS, key=len, reverse=True))
    + r")(?![A-Za-z]))(?:\s*\})?"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9\-]*")


class CommandScanner(Scanner):
    """Reads one formula; see `scan`."""

    # ---- commands ----------------------------------------------------------------------------

    def command(self, start: int) -> None:
        match = COMMAND.match(self.text, start)
        if match is None:
            self.at = start + 1
            self.wrong("a backslash at the end of the formula", start)
            return
        self.at = match.end()
        whole, name = match.group(), match.group()[1:]
        if name == "\\":
            self.row(start)
        elif whole in words.OPENING:
            self.bracket_open(words.OPENING[whole], start)
        elif whole in words.CLOSING:
            self.bracket_close(words.CLOSING[whole], start)
        elif name == "|":
            self.bar(start, double=True)
        else:
            if name == "operatorname" and self.text.startswith("*", self.at):
                self.at += 1
            self.named(name, start)

    def row(self, start: int) -> None:
        match = re.compile(r"\*?(?:\s*\[\s*-?[\d.]+\s*[a-z]{2}\s*\])?").match(self.text, self.at)
        assert match
        self.at = match.end()
        if self.in_cases:
            self.emit("ROWSEP", "\\\\", start, self.at)
        elif self.top or self.rows:
            self.open.clear()
            self.need = []
            self.columns = 0
            self.emit("ROW", "\\\\", start, self.at)
        elif self.open[-1].commas:
            self.emit("COMMA", ",", start, self.at)

    def named(self, name: str, start: int) -> None:
        """A command by its name, in the order of the tables."""
        if name in ("begin", "end"):
            self.environment(name, start)
        elif name in words.FONTS:
            self.font(name, start)
        elif name in ("lvert", "rvert", "vert", "lVert", "rVert", "Vert"):
            forced = {"l": "left", "r": "right"}.get(name[0], "")
            self.bar(start, double="V" in name, forced=forced)
        elif name in words.FRACTIONS:
            self.command_with_arguments("FRAC", name, 2, start)
        elif name == "sqrt":
            self.command_with_arguments("SQRT", name, 1, start)
        elif name in words.ACCENTS:
            self.command_with_arguments("ACCENT", name, 1, start)
        elif name in ("underbrace", "overbrace"):
            self.command_with_arguments("UNDER", name, 1, start)
        else:
            self.plain(name, start)

    def plain(self, name: str, start: int) -> None:
        """A command without arguments that are read as such."""
        if name == "partial":
            self.atom(Partial(), start, self.at)
        elif name == "nabla":
            self.atom(Nabla(), start, self.at)
        elif name in words.FUNCTIONS or (
            name in words.SPELLED and re.match(r"\s*(?:\\left\s*)?\(", self.text[self.at :])
        ):
            self.atom(FunctionHead(name), start, self.at)
        elif name in words.GREEK:
            self.atom(Name("\\" + name), start, self.at)
        elif name in words.BIG:
            self.emit("BIG", name, start, self.at)
        elif name in words.OPERATORS:
            self.emit("OP", words.OPERATORS[name], start, self.at)
        elif name in words.RELATIONS:
            self.emit("REL", words.RELATIONS[name], start, self.at)
        elif name in words.DOTS:
            self.atom(Dots("\\" + name), start, self.at)
        else:
            self.layout(name, start)

    def layout(self, name: str, start: int) -> None:
        """A command that is layout, a separator, or not read."""
        if name in ("quad", "qquad") or name in words.IMPLICATIONS:
            if self.top:
                self.emit("SEP", name, start, self.at)
        elif name in ("newline", "cr"):
            self.row(start)
        elif name in words.DECORATED:
            note = self.argument()
            self.decorated(name, note, start)
        elif name in words.TRANSPARENT:
            self.transparent(name)
        elif name == "color" or name in words.LAYOUT_WITH_ARGUMENT:
            self.skip_star()
            self.argument()
            if name == "color":
                self.transparent(name)
        elif name in words.LAYOUT:
            self.sizing(name)
        elif name == "not":
            self.negation(start)
        elif name == "forall":
            self.emit("WORDS", "for all", start, self.at)
        elif name == "intertext":
            self.emit("WORDS", self.argument().strip().lower(), start, self.at)
        elif name == "arg":
            self.selection(start)
        elif name in words.UNREAD:
            advice = words.INSTEAD.get(name, "")
            self.wrong(f"{words.UNREAD[name]} (\\{name}) is not read", start, advice)
        elif name in "%$#&_":
            self.wrong(f"unexpected \\{name}", start)
        else:
            self.wrong(f"unknown command \\{name}", start)

    def skip_star(self) -> None:
        if self.text.startswith("*", self.at):
            self.at += 1

    def sizing(self, name: str) -> None:
        if name not in words.SIZING:
            return
        match = re.compile(r"\s*(\.|\\?\|)?").match(self.text, self.at)
        assert match
        mark = match.group(1)
        if mark == "." and name in ("left", "right"):
            self.at = match.end()
        elif mark in ("|", "\\|") and (name in ("left", "right") or name[-1] in "lr"):
            start, self.at = match.start(1), match.end()
            side = "left" if name == "left" or name[-1] == "l" else "right"
            if side == "right" and not (self.open and self.open[-1].mark in ("|", "\\|", "||")):
                self.wrong("a bar that marks where to evaluate is not read", start, AT_A_POINT)
                return
            self.bar(start, double=mark != "|", forced=side)
        self.sized = True

    def decorated(self, name: str, note: str, start: int) -> None:
        """`\\overset{def}{=}`, `\\textcolor{red}{x}`: the second argument is read."""
        match = _RELATION.match(self.text, self.at)
        sign = match and words.RELATIONS.get(match[1].lstrip("\\"), match[1])
        if name in ("stackrel", "overset", "underset") and match and sign:
            self.at = match.end()
            if sign in ("=", "\\equiv") and re.search(r"def|triangle|\bDelta\b", note):
                sign = ":="
            elif sign == "=" and note.strip() in words.NOT_EQUAL:
                sign = f"\\overset{{{note.strip()}}}{{=}}"
            self.emit("REL", sign, start, self.at)
        elif name in ("stackrel", "overset", "underset"):
            self.wrong(f"\\{name} is read only with a relation sign", start)
        else:
            self.transparent(name)

    def selection(self, start: int) -> None:
        r"""`\arg\max` is one word; so is `\arg \min`."""
        match = re.compile(r"\s*(?:\\,|\\!)?\s*\\(max|min)(?![A-Za-z])").match(self.text, self.at)
        if match is None:
            self.wrong("unknown command \\arg", start)
            return
        self.at = match.end()
        self.atom(FunctionHead("arg" + match[1], "operatorname"), start, self.at)

    def negation(self, start: int) -> None:
        match = re.compile(r"\s*(=|<|>|\\in\b)").match(self.text, self.at)
        if match is None:
            self.wrong("\\not before something other than a relation", start)
            return
        self.at = match.end()
        self.emit("REL", words.NEGATED[match.group(1)], start, self.at)

    def transparent(self, name: str) -> None:
        """The braces of the argument are layout; what stands in them is read in place."""
        match = re.compile(r"\s*\{").match(self.text, self.at)
        if match is None:
            return
        self.at = match.end()
        if name == "substack":
            self.emit("LBRACE", "{", match.start(), self.at)
        self.push("}", silent=name != "substack", commas=name == "substack")

    def argument(self) -> str:
        """The raw text of the next argument, skipped."""
        match = re.compile(r"\s*").match(self.text, self.at)
        assert match
        at = match.end()
        if not self.text.startswith("{", at):
            single = COMMAND.match(self.text, at)
            self.at = single.end() if single else min(at + 1, len(self.text))
            return self.text[at : self.at]
        depth, k = 0, at
        while k < len(self.text):
            char = self.text[k]
            depth += (char == "{") - (char == "}")
            k += 2 if char == "\\" else 1
            if depth == 0:
                break
        self.at = min(k, len(self.text))
        return self.text[at + 1 : self.at - 1]

    # ---- fonts, words, environments ------------------------------------------------------------

    def font(self, name: str, start: int) -> None:
        """`\\mathbf x`, `\\mathrm{exp}`, `\\text{for all}`: a name, a function or words."""
        match = _FONT_ARGUMENT.match(self.text, self.at)
        if match is None:
            spaced = _SPACED_WORD.match(self.text, self.at)
            if spaced and name.startswith("operatorname"):
                self.at = spaced.end()
                self.running_text(name, "".join(re.findall(r"\b[a-z]+", spaced[1])), start)
            elif name in words.TEXT_FONTS and re.match(r"\s*\{", self.text[self.at :]):
                self.running_text(name, self.argument(), start)
            else:
                self.command_with_arguments("FONT", name, 1, start)
            return
        self.at = match.end()
        if match.group("command"):
            self.font_on_command(name, match.group("command"), match, start)
            return
        content = match.group("braced") or match.group("single")
        content = content.strip() if name in words.TEXT_FONTS else "".join(content.split())
        self.running_text(name, content, start)

    def font_on_command(self, font: str, command: str, match: re.Match[str], start: int) -> None:
        if command in words.GREEK:
            self.atom(Name("\\" + command, font), start, self.at)
            return
        self.at = match.start()
        self.command_with_arguments("FONT", font, 1, start)

    def running_text(self, font: str, content: str, start: int) -> None:
        """The content of a text or font command: a name if it is one word, else words."""
        content = " ".join(content.replace("~", " ").replace("\\ ", " ").split())
        word = _WORD.fullmatch(content)
        text_like = font in words.TEXT_FONTS
        connecting = content.lower() in words.CONNECTING and len(content) > 1
        separates = self.top or self.in_cases
        if content.isdigit():
            self.atom(Name(content, font), start, self.at)
        elif content in words.FUNCTIONS and font != "mathbf":
            self.atom(FunctionHead(content, font), start, self.at)
        elif word and not (text_like and connecting and separates and not self.need):
            self.atom(Name(content, font), start, self.at)
        elif not text_like:
            self.wrong(f"expected a name in \\{font}{{…}}", start)
        elif separates and not self.need:
            if content:
                self.emit("WORDS", content.lower(), start, self.at)
        else:
            self.atom(Words(content), start, self.at)

    def environment(self, which: str, start: int) -> None:
        name = self.argument()
        plain = name.rstrip("*")
        if name in words.CASES or plain in words.CASES:
            self.cases(which, start)
        elif plain in words.ENVIRONMENTS:
            if which == "begin" and plain in ("alignat", "alignedat"):
                self.argument()
            if which == "begin":
                self.optional_argument()
        else:
            self.unknown(name, which, start)

    def unknown(self, name: str, which: str, start: int) -> None:
        """An environment that is not read, up to its end: one finding."""
        pattern = re.compile(r"\\(begin|end)\{" + re.escape(name) + r"\}")
        depth = int(which == "begin")
        while depth and (match := pattern.search(self.text, self.at)):
            self.at = match.end()
            depth += 1 if match[1] == "begin" else -1
        advice = ""
        if name.rstrip("*") in words.MATRICES:
            advice = "Declare a name for the array and state its entries: A_{11} = a."
        self.wrong(f"the environment {name!r} is not read", start, advice)

    def optional_argument(self) -> None:
        match = re.compile(r"\[[tbc]\]").match(self.text, self.at)
        if match:
            self.at = match.end()

    def cases(self, which: str, start: int) -> None:
        if which == "begin":
            self.emit("CASES", "cases", start, self.at)
            self.push("cases")
            return
        while self.open and self.open[-1].mark != "cases":
            self.open.pop()
        self.emit("ENDCASES", "cases", start, self.at)
        if self.open:
            self.pop()


def scan(
    text: str, source: Source, offsets: Sequence[int], rows_separate: bool = False
) -> list[Token]:
    """The tokens of one formula; `offsets` maps each character of the text to the source.

    With `rows_separate` a row ends even inside open brackets (to recover after an error).
    Raises ReadingError when the formula is too long or nested too deep.
    """
    if len(text) > MAX_LENGTH:
        raise reading_error(
            f"a formula of more than {MAX_LENGTH} characters", source,
            Span(offsets[0], offsets[0] + 1), "divide it into several displays",
        )  # fmt: skip
    return CommandScanner(text, source, offsets, rows_separate).scan()
