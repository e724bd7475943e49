"""One claim in depth: which claims a line names, and what is said about each."""

from __future__ import annotations

import pytest
from judging import understood
from rich.console import Console

from derive.errors import UsageError
from derive.judgement.verdict import Limits
from derive.meaning.terms import Term
from derive.meaning.to_syntax import to_syntax
from derive.report.explain import Explanation, explain, sides_of, split_place
from derive.report.explained import print_explanations
from derive.report.sides import MOST_TERMS, Sides
from derive.report.terminal import Screen
from derive.writing.to_linear import linear

MEAN = r"$x \in \mathbb{R}^N$, $a, b \in \mathbb{R}$, $m = \frac{1}{N} \sum_{i=1}^{N} x_i$." "\n\n"
NORM = (
    r"$x, g \in \mathbb{R}^N$, $\epsilon > 0$, $m = \frac{1}{N} \sum_{i=1}^{N} x_i$, "
    r"$v = \frac{1}{N} \sum_{i=1}^{N} (x_i - m)^2$, $\sigma = \sqrt{v + \epsilon}$, "
    r"$z_i = \frac{x_i - m}{\sigma}$." + "\n\n"
)
SCALED = r"$x, p, t \in \mathbb{R}^N$, $s \in \mathbb{R}$, $s > 0$, $y_i = s x_i$." + "\n\n"


def one(text: str) -> Explanation:
    """The explanation of the only claim on the third line."""
    (found,) = explain(understood(text), 3)
    return found


def sides(text: str) -> Sides:
    found = one(text).sides
    assert isinstance(found, Sides)
    return found


def text(term: Term | None) -> str | None:
    return None if term is None else linear(to_syntax(term))


# ---- the sides ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "left", "right"),
    [
        (MEAN + r"$$\sum_i x_i = N m$$", "Nm", "Nm"),
        (MEAN + r"$$\frac{\partial m}{\partial x_j} = 1$$", "1/N", "1"),
        (NORM + r"$$\frac{\partial v}{\partial x_j} = m$$", "2/N · (xⱼ − m)", "m"),
        (NORM + r"$$\frac{\partial \sigma}{\partial x_j} = z_j$$", "zⱼ/N", "zⱼ"),
        (NORM + r"$$\frac{\partial z_i}{\partial x_j} = \delta_{ij} \quad i \neq j$$", None, "0"),
        (
            NORM + r"$$\frac{\partial z_i}{\partial x_j} = z_i z_j$$",
            "1/σ · (δᵢⱼ − 1/N − (zᵢzⱼ)/N)",
            "zᵢzⱼ",
        ),
        (MEAN + r"$$x + x = m$$", None, None),
        (MEAN + r"$$x = 2 x$$", "xᵢ", "2xᵢ"),
        (MEAN + r"$$\max(a, b) = b$$", "b + 𝟙_{a−b>0} (a − b)", "b"),
    ],
)
def test_both_sides_in_the_names_of_the_author(
    document: str, left: str | None, right: str | None
) -> None:
    found = one(document)
    if left is None and right is None:
        assert (found.reading, found.sides) == (None, "")
        return
    assert isinstance(found.sides, Sides)
    assert left in (None, text(found.sides.left.term))
    assert right in (None, text(found.sides.right.term))


@pytest.mark.parametrize(
    ("document", "difference", "ratio"),
    [
        (MEAN + r"$$a b = a b$$", None, None),
        (MEAN + r"$$a b = 2 a b$$", "−ab", "1/2"),
        (MEAN + r"$$a b = - a b$$", "2ab", "−1"),
        (MEAN + r"$$2 a = 2 b$$", "2 (a − b)", None),
        (MEAN + r"$$a a = b b$$", "(a − b)(a + b)", None),
        (MEAN + r"$$2 a = 0$$", "2a", None),
        (MEAN + r"$$\sum_{i=1}^{N} (x_i - m)^2 = \sum_{i=1}^{N} x_i^2 - m^2$$", None, None),
        (MEAN + r"$$\frac{\partial m}{\partial x_j} = x_j$$", None, None),
        (NORM + r"$$\frac{\partial \sigma}{\partial x_j} = \sigma z_j$$", None, "1/(Nσ)"),
        (NORM + r"$$\frac{\partial v}{\partial x_j} = 2 (x_j - m)$$", None, "1/N"),
        (NORM + r"$$\sum_{i=1}^{N} z_i^2 = N$$", "−(Nε)/σ²", "v/σ²"),
        (
            NORM + r"$$\frac{\partial z_i}{\partial x_j} = \frac{1}{\sigma}(1 - \frac{1}{N} "
            r"- \frac{1}{N} z_i z_j)$$",
            "1/σ · (δᵢⱼ − 1)",
            None,
        ),
        (SCALED + r"$$\frac{\partial y_i}{\partial x_j} = \delta_{ij}$$", None, "s"),
        (SCALED + r"$$\frac{\partial y_i}{\partial x_j} = s$$", "s (δᵢⱼ − 1)", "δᵢⱼ"),
    ],
)
def test_difference_and_ratio(document: str, difference: str | None, ratio: str | None) -> None:
    found = sides(document)
    assert found.equal == (document.endswith("a b = a b$$"))
    assert (found.difference is None) == found.equal
    if difference is not None:
        assert text(found.difference) == difference
    assert text(found.ratio) == ratio


def test_nothing_is_divided_by_a_delta() -> None:
    found = sides(SCALED + r"$$x_i x_j = \frac{\partial y_i}{\partial x_j}$$")
    assert found.ratio is None


def test_a_long_form_is_cut_and_counted() -> None:
    found = sides(MEAN + r"$$(a + b + x_1 + x_2)^4 = a$$")
    assert found.left.left_out == 35 - MOST_TERMS


def test_a_limit_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    document = MEAN + r"$$(a + b)^2 = a^2 + 2 a b + b^2$$"
    (found,) = explain(understood(document), 3, limits=Limits(terms=2))
    assert found.judgement.verdict == "undecided"
    assert isinstance(found.sides, str)
    print_explanations([found], Screen(Console(width=80, highlight=False, markup=False)))
    out = capsys.readouterr().out
    assert "? undecided" in out
    assert "no normal form: " + found.sides in " ".join(out.split())


# ---- how it was read ------------------------------------------------------------------------


def test_names_stand_with_shape_kind_and_definition() -> None:
    found = one(NORM + r"$$\frac{\partial \sigma}{\partial x_j} = z_j$$")
    rows = {row.symbol.key: row for row in found.names}
    assert [key for key, row in rows.items() if row.occurs] == [r"\sigma", "x", "z"]
    assert {key for key, row in rows.items() if not row.occurs} == {"m", "v", r"\epsilon"}
    assert (rows["x"].kind, rows["x"].shape) == ("input", "shape (N)")
    assert (rows["z"].kind, rows["z"].line) == ("defined", 1)
    assert rows["z"].definition is not None
    assert linear(rows["z"].definition) == "zᵢ = (xᵢ − m)/σ"


def test_readings_say_what_became_of_them() -> None:
    chain = r"$x \in \mathbb{R}$, $u = x^2$, $w = x u$." + "\n\n"
    direct = one(chain + r"$$\frac{\partial w}{\partial x} = u$$")
    assert [r.outcome for r in direct.readings] == ["not proved", "proved"]
    total = one(chain + r"$$\frac{\partial w}{\partial x} = 3 u$$")
    assert [r.outcome for r in total.readings] == ["proved", "not needed"]
    neither = one(chain + r"$$\frac{\partial w}{\partial x} = 5 u$$")
    assert [r.outcome for r in neither.readings] == ["refuted", "refuted"]
    assert "total" in neither.readings[0].words
    assert "direct" in neither.readings[1].words
    assert one(chain + r"$$w = u$$").readings == ()


def test_every_rule_has_a_law() -> None:
    found = one(MEAN + r"$$\frac{\partial m}{\partial x_j} = \frac{1}{N}$$")
    assert [law.name for law in found.rules] == list(found.judgement.rules)
    chain_rule = found.rules[0]
    assert linear(chain_rule.law) == "∂m²/∂xⱼ = 4mxⱼ"
    assert [linear(given) for given in chain_rule.given] == ["m = ∑ᵢ₌₁ᴺ xᵢ²"]


@pytest.mark.parametrize(
    ("claim", "wanted"),
    [
        (r"m = x_k", ("a scalar", "a scalar with the free index k")),
        (r"m = x", ("a scalar", "shape (N)")),
        (r"x_i = x_k", ("a scalar with the free index i", "a scalar with the free index k")),
        (r"m = x_{i} x_{j} + q", None),
    ],
)
def test_ill_typed_sides(claim: str, wanted: tuple[str, str] | None) -> None:
    item = one(MEAN + f"$${claim}$$").item
    assert sides_of(item) == wanted  # type: ignore[arg-type]


# ---- which claims ---------------------------------------------------------------------------

SEVERAL = (
    MEAN
    + r"""$$
\sum_{i=1}^{N} x_i
= N m
= m N
$$

$$
a
+ b
= b
+ a
$$

Also $a = a$ and $b = b$, and $m = m = m$.

$$\frac{a$$ and $a \frac{= b$
"""
)


@pytest.mark.parametrize(
    ("line", "column", "wanted"),
    [
        (3, None, [5, 6]),
        (4, None, [5]),
        (5, None, [5]),
        (6, None, [6]),
        (9, None, [12]),
        (10, None, [12]),
        (11, None, [12]),
        (13, None, [12]),
        (14, None, [12]),
        (16, None, [16, 16, 16, 16]),
        (16, 9, [16]),
        (18, None, [18]),
    ],
)
def test_the_claims_of_a_line(line: int, column: int | None, wanted: list[int]) -> None:
    found = explain(understood(SEVERAL), line, column)
    assert [explanation.line for explanation in found] == wanted


def test_a_column_picks_the_nearest_claim() -> None:
    columns = [e.column for e in explain(understood(SEVERAL), 16)]
    assert columns == sorted(columns)
    for column in columns:
        (found,) = explain(understood(SEVERAL), 16, column)
        assert found.column == column


@pytest.mark.parametrize(
    ("document", "line", "message", "advice"),
    [
        (SEVERAL, 1, "which holds a declaration and a definition", "line 5."),
        (SEVERAL, 15, "no claim stands on line 15 of test.md", "lines 12 and 16."),
        (SEVERAL, 99, "test.md ends at line 18; there is no line 99", ""),
        (MEAN + "Words.\n", 3, "no claim stands on line 3", "The document makes no claim."),
        ("", 1, "no claim stands on line 1", "The document makes no claim."),
    ],
)
def test_no_claim(document: str, line: int, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(understood(document), line)
    assert message in caught.value.message
    assert caught.value.advice.endswith(advice)


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("batchnorm:79", ("batchnorm", 79, None)),
        ("a/b.md:7:12", ("a/b.md", 7, 12)),
        ("a.md:7:12:", ("a.md", 7, 12)),
        ("C:\\a.md:7", ("C:\\a.md", 7, None)),
    ],
)
def test_split_place(place: str, wanted: tuple[str, int, int | None]) -> None:
    assert split_place(place) == wanted


@pytest.mark.parametrize("place", ["", ":", "batchnorm", "batchnorm:", ":3", "a:x", "a:0", "a:-1"])
def test_a_malformed_place_is_refused(place: str) -> None:
    with pytest.raises(UsageError):
        split_place(place)


@pytest.mark.parametrize(
    ("document", "left"),
    [
        (
            r"$x \in \mathbb{R}^N$, $Z = \sum_{k=1}^{N} \exp(x_k)$, $p_i = \frac{\exp(x_i)}{Z}$."
            "\n\n" + r"$$\frac{\partial p_i}{\partial x_j} = p_i$$",
            "pᵢ (δᵢⱼ − pⱼ)",
        ),
        (
            r"$x, y \in \mathbb{R}^N$, $d_i = x_i - y_i$." + "\n\n"
            r"$$\sum_{k=1}^{N} (x_i - y_i)^2 = x_i$$",
            "Ndᵢ²",
        ),
        (
            r"$x, w \in \mathbb{R}^N$, $a \in \mathbb{R}$, $a > 0$, $s = \sqrt{a + 1}$." + "\n\n"
            r"$$\sum_{i=1}^{N} \frac{x_i}{(a + 1)^{\frac{3}{2}}} = 1$$",
            "1/s³ · ∑ᵢ₌₁ᴺ xᵢ",
        ),
        (
            r"$x \in \mathbb{R}^N$, $p_i = \exp(x_i)$, $q_i = \exp(x_i^2)$." + "\n\n"
            r"$$p_i + 0 = q_i$$",
            "exp(xᵢ)",
        ),
        (
            r"$a, x \in \mathbb{R}$, $u = \exp(x^{30} + a^{31})$." + "\n\n"
            r"$$\exp(x^{30}) \exp(a^{31}) - 1 = x$$",
            "u − 1",
        ),
    ],
)
def test_a_part_that_has_a_name_is_called_by_it(document: str, left: str) -> None:
    assert text(sides(document).left.term) == left
