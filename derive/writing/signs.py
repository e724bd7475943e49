"""The signs that the writers share, and the spaces between factors."""

from __future__ import annotations

from dataclasses import dataclass

from derive.reading.syntax import (
    BigOperator,
    Chain,
    Derivative,
    Expr,
    Frac,
    Group,
    List,
    Name,
    Number,
    Prime,
    Product,
    Relation,
    Subscript,
    Sum,
    Transpose,
)
from derive.writing.brackets import core
from derive.writing.symbols import (
    ASCII_OPERATORS,
    ASCII_RELATIONS,
    BRACKETS,
    LETTERS,
    OPERATORS,
    RELATIONS,
    ascii_text,
    printable,
)


@dataclass(frozen=True, slots=True)
class Style:
    """How to print a line: in ASCII or Unicode, with spaces around signs or (`tight`) without."""

    ascii: bool = False
    tight: bool = False

    @property
    def minus(self) -> str:
        return "-" if self.ascii else "−"

    @property
    def comma(self) -> str:
        return "," if self.tight else ", "

    def around(self, sign: str) -> str:
        """The sign with a space on either side, or none; a sign of letters always has them."""
        return sign if self.tight and not sign[0].isalpha() else f" {sign} "


def mark_text(node: Transpose) -> str:
    """The exponent of a transpose, `⊤` or `−⊤`."""
    return "−⊤" if node.mark.startswith("-") else "⊤"


def relation_text(node: Relation, style: Style) -> str:
    """The sign of a relation."""
    sign = RELATIONS.get(node.sign, printable(node.sign.lstrip("\\")))
    return ASCII_RELATIONS.get(sign, ascii_text(sign)) if style.ascii else sign


def operator_text(operator: str, style: Style) -> str:
    """The sign of a product."""
    sign = OPERATORS.get(operator, printable(operator.lstrip("\\")))
    return ASCII_OPERATORS.get(sign, ascii_text(sign)) if style.ascii else sign


def function_text(function: str, style: Style) -> str:
    """The name of a known function: `exp`, `Γ`."""
    return ascii_text(function) if style.ascii else LETTERS.get(function, printable(function))


def sign_text(node: Derivative, style: Style) -> str:
    """The sign of differentiation, `∂` or `d`."""
    return "d " if style.ascii else "∂" if node.sign == "\\partial" else "d"


def gap(left: Expr, right: Expr) -> str:
    """What stands between two factors that are written side by side: a space or nothing."""
    match left, right:
        case Number(), Number():
            return " · "
        case _, Number():
            return " "
        case (
            (Name() | Prime(base=Name())),
            Group(opening="(", body=Name() | Number() | Subscript() | List()),
        ):
            return ""
        case Group(), _ if isinstance(core(right), Group):
            return ""
        case _:
            return "" if is_letter(left) and is_letter(right) else " "


def is_letter(node: Expr) -> bool:
    """Whether this is a number or a name of one letter, perhaps with scripts."""
    match core(node):
        case Number():
            return True
        case Name(letter=letter):
            return len(letter) == 1 or letter.startswith("\\")
        case _:
            return False


def shown_brackets(node: Group) -> tuple[str, str]:
    """The brackets of a group; braces, invisible in TeX, show where the group would be lost."""
    left, right = BRACKETS.get(node.opening, "("), BRACKETS.get(node.closing, ")")
    lost = isinstance(node.body, Sum | Product | Frac | Chain | BigOperator | Derivative)
    return ("(", ")") if node.opening == "{" and lost else (left, right)
