"""The wording of messages, place and caret included, word for word."""

from __future__ import annotations

import pytest
from judging import judged

VECTOR = "$x \\in \\mathbb{R}^N$.\n\n"

MESSAGES = [
    (
        VECTOR + "$$\\frac{\\partial x_i}{\\partial x_j = 1$$",
        "d.md:3:38: expected a closing brace, the formula ends here\n"
        "$$\\frac{\\partial x_i}{\\partial x_j = 1$$\n"
        "                                     ^",
    ),
    (
        "$$\\sum_{i=1}^{N} x_i + = 3$$",
        "d.md:1:24: expected an expression, not =\n"
        "$$\\sum_{i=1}^{N} x_i + = 3$$\n"
        "                       ^",
    ),
    (
        "$$\\frob{x} = 1$$",
        "d.md:1:3: unknown command \\frob\n$$\\frob{x} = 1$$\n  ^^^^^",
    ),
    (
        "Then $a = b and no more.",
        "d.md:1:6: $ is not closed\nThen $a = b and no more.\n     ^\nclose it or escape it",
    ),
    (
        VECTOR + "$$x_i = y_i + z$$",
        "d.md:3:9: y is not declared\n"
        "$$x_i = y_i + z$$\n"
        "        ^^^\n"
        "Declare it before this line, for example $ y \\in \\mathbb{R} $, or define it by an "
        "equation.",
    ),
    (
        VECTOR + "$$\\frac{\\partial^3 x_i^2}{\\partial x_i^2} = 2$$",
        "d.md:3:3: the derivative is of order 3 above and of order 2 below\n"
        "$$\\frac{\\partial^3 x_i^2}{\\partial x_i^2} = 2$$\n"
        "  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        VECTOR + "$$\\sum_{i=1}^N x_i = x$$",
        "d.md:3:3: left side is a scalar, right side has shape (N)\n"
        "$$\\sum_{i=1}^N x_i = x$$\n"
        "  ^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        VECTOR + "$$\\sum_{i=1}^N x_j = x_k$$",
        "d.md:3:3: the index k is free on the right side and not on the left\n"
        "$$\\sum_{i=1}^N x_j = x_k$$\n"
        "  ^^^^^^^^^^^^^^^^^^^^^^\n"
        "Sum over k, or write it on the left side too.",
    ),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES, ids=lambda text: text[-30:])
def test_the_message_names_the_place_and_what_to_do(text: str, message: str) -> None:
    checked = judged(text, "d.md")
    errors = [item.error for item in checked.unread]
    errors += [claim.error for claim, _ in checked.judged if claim.error]
    assert [str(error) for error in errors] == [message]
