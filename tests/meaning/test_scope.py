"""Documents: what is declared, defined, assumed and claimed, and what is in force where."""

from __future__ import annotations

import pytest
from short_documents import claims_of, understood

from derive.errors import IllTypedError, MeaningError
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Fact, Unread

N, D = t.Affine.name("N"), t.Affine.name("D")
VECTOR = r"Let $x, y \in \mathbb{R}^N$, $\gamma \in \mathbb{R}$ and $\epsilon > 0$."
MEAN = VECTOR + r" Let $\mu = \frac{1}{N} \sum_{i=1}^{N} x_i$ and $v_i = (x_i - \mu)^2$."
COLUMNS = (
    r"Let $X \in \mathbb{R}^{N \times D}$ and $\gamma \in \mathbb{R}^D$. "
    r"Let $\mu = \frac{1}{N} \sum_{i=1}^{N} x_i$, $\hat{X} = X - \mu$ and $Y = \gamma \hat{X}$. "
    r"The loss is $f : \mathbb{R}^{N \times D} \to \mathbb{R}$."
)
COLUMN = r"Take $x, \hat{x}, y \in \mathbb{R}^N$ and $\gamma, \mu \in \mathbb{R}$."
BACK = r"Again $X, \hat{X}, Y \in \mathbb{R}^{N \times D}$ and $\gamma, \mu \in \mathbb{R}^D$."


def kinds(text: str, *displays: str) -> list[str]:
    """The kind of each statement, in order."""
    words = {Claim: "claim", Unread: "unread"}
    items = understood(text, *displays).items
    return [item.kind if isinstance(item, Fact) else words[type(item)] for item in items]


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        (r"z \in \mathbb{R}^N", "declaration"),
        (r"f : \mathbb{R}^N \to \mathbb{R}", "declaration"),
        (r"\gamma > 0", "assumption"),
        (r"\gamma \neq 0", "assumption"),
        (r"s = \sum_i x_i", "definition"),
        (r"\delta_{ij} = x_i y_j", "claim"),
        (r"\delta_{jj} = 0", "claim"),
        (r"I_{jj} = 0", "claim"),
        (r"z_i = x_i + y_i", "definition"),
        (r"h(\gamma) = \gamma^2", "definition"),
        (r"\sigma^2 = \sum_i x_i^2", "definition"),
        (r"\mu = \gamma", "claim"),
        (r"x + y = y + x", "claim"),
        (r"x \approx y", "not judged"),
        ("x_i", "formula"),
        (r"z \in S", "unread"),
        (r"\frac{x}{ = y", "unread"),
    ],
)
def test_kind(formula: str, kind: str) -> None:
    assert kinds(MEAN, formula)[-1] == kind


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("x", r"\mathbf{x}", "unread"),
        (r"\boldsymbol{\mu}", r"\mu", "unread"),
        (r"\hat{x}", r"\hat{\mathbf{x}}", "unread"),
        (r"\mathbf{x}", r"\mathbf{x}", "declaration"),
        (r"\mathcal{L}", "L", "declaration"),
        (r"\mathbf{x}", r"\mathbf{X}", "declaration"),
    ],
)
def test_names_that_differ_in_weight_alone_are_not_both_declared(
    first: str, second: str, kind: str
) -> None:
    text = rf"Let ${first} \in \mathbb{{R}}^N$. Let ${second} \in \mathbb{{R}}^N$."
    assert kinds(text) == ["declaration", kind]


@pytest.mark.parametrize("display", [r"x_i + i = j_", r"x = = y"])
def test_a_bad_statement_does_not_stop_the_rest(display: str) -> None:
    found = understood(MEAN, display, "x = x").items
    assert isinstance(found[-1], Claim)
    assert found[-1].error is None
    assert isinstance(found[-2], Unread) and found[-2].has_relation


def test_symmetry_of_an_input_is_assumed() -> None:
    text = r"Let $A \in \mathbb{R}^{N \times N}$ with $A = A^\top$."
    meaning = understood(text, "A = A")
    assert meaning.contexts[-1].assumptions[0].sign == "=="


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Suppose", "assumption"),
        ("Hence", "claim"),
        ("Let us show that", "claim"),
        ("Suppose so; then", "claim"),
        ("Then assume", "assumption"),
    ],
)
def test_a_sum_of_inputs_is_given_or_claimed(word: str, kind: str) -> None:
    found = kinds(VECTOR + rf" {word} $\sum_i x_i = 1$.")
    assert found[-1] == kind


def test_an_inequality_declares_a_scalar() -> None:
    context = understood(VECTOR).contexts[-1]
    assert context.symbols[r"\epsilon"].shape == ()
    assert [a.sign for a in context.assumptions] == [">"]


def test_order_is_free_within_a_paragraph() -> None:
    text = r"Let $s = \sum_i q_i$ with $q_i = 2 x_i$ and $x \in \mathbb{R}^N$."
    context = understood(text).contexts[-1]
    assert list(context.definitions) == ["q", "s"]


def test_a_paragraph_with_where_belongs_to_the_display_before() -> None:
    text = "$$ s = 2 u $$\n\nwhere $u \\in \\mathbb{R}$.\n\n$$ s = u + u $$"
    (claim,) = claims_of(text)
    assert claim.error is None


def test_a_name_declared_later_is_not_in_force() -> None:
    first, second = claims_of("Some text.", "u + u = 2 u", r"u \in \mathbb{R}", "u + u = 2 u")
    assert isinstance(first.error, MeaningError) and "u is not declared" in first.error.message
    assert second.error is None


def test_definitions_stand_in_order_of_dependence() -> None:
    context = understood(MEAN).contexts[-1]
    assert list(context.definitions) == [r"\mu", "v"]
    assert context.symbols["v"].shape == (N,)
    assert context.definitions["v"].parameters == ("i",)


def test_a_circle_has_no_meaning() -> None:
    claims = claims_of(VECTOR + " Let $a = b + 1$ and $b = a + 1$.")
    assert {str(c.error and c.error.message) for c in claims} == {
        "a is defined in terms of itself",
        "b is defined in terms of itself",
    }


def test_a_definition_that_does_not_fit_is_ill_typed() -> None:
    (claim,) = claims_of(r"Let $x \in \mathbb{R}^N$, $s \in \mathbb{R}$ and $s = x$.")
    assert isinstance(claim.error, IllTypedError)
    assert claim.error.message == "left side is a scalar, right side has shape (N)"


def test_defining_anew_drops_the_old_definition() -> None:
    meaning = understood(MEAN, r"\mu := \sum_i x_i")
    assert any("defined anew" in note.text for note in meaning.notes)
    body = meaning.contexts[-1].definitions[r"\mu"].body
    assert isinstance(body, t.Sum)


def test_one_context_while_nothing_changes() -> None:
    claims = claims_of(MEAN, "x = x", "y = y", r"\mu = \mu")
    assert len({id(claim.context) for claim in claims}) == 1


# ---- objectives and outputs -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "outputs"),
    [
        (r"$y_i = 2 x_i$", ["y"]),
        (r"$s = \sum_i x_i$ and $y_i = s x_i$", ["y"]),
        (r"$y_i = 2 x_i$ and $z_i = x_i$", ["y", "z"]),
        (r"$y_i = 2 x_i$. Then $\frac{\partial f}{\partial y}$ is given. Let $s_i = x_i^2$", ["y"]),
        (r"$y_i = 2 x_i$ and $g = \frac{\partial f}{\partial y}$", ["y"]),
    ],
)
def test_outputs(after: str, outputs: list[str]) -> None:
    text = r"Let $x \in \mathbb{R}^N$, $f : \mathbb{R}^N \to \mathbb{R}$ and " + after + "."
    context = understood(text, r"\frac{\partial f}{\partial x} = 0").contexts[-1]
    assert [symbol.key for symbol in context.outputs["f"]] == outputs


def test_helpers_of_the_text_are_no_outputs() -> None:
    text = r"Let $x \in \mathbb{R}^N$, $f : \mathbb{R}^N \to \mathbb{R}$ and $y_i = 2 x_i$."
    claim = r"\frac{\partial f}{\partial x} = 2 \frac{\partial f}{\partial y}"
    context = understood(text, claim, "s_i = x_i^2").contexts[-1]
    assert [symbol.key for symbol in context.outputs["f"]] == ["y"]


def test_a_loss_of_a_name_is_an_objective() -> None:
    context = understood(r"Let $y \in \mathbb{R}^N$ and $L = \ell(y)$.").contexts[-1]
    assert context.symbols["L"].role == "objective"
    assert [symbol.key for symbol in context.outputs["L"]] == ["y"]


def test_d_names_are_gradients_of_the_one_objective() -> None:
    text = r"Let $x \in \mathbb{R}^N$, $f : \mathbb{R}^N \to \mathbb{R}$ and $y_i = 2 x_i$."
    (claim,) = claims_of(text, "dx_i = 2 dy_i")
    left = claim.readings[0].left
    assert isinstance(left, t.Derivative)
    assert (left.target.key, left.at) == ("x", (t.Affine.name("i"),))


# ---- columns ----------------------------------------------------------------------------------


def test_small_letters_are_rows_and_entries() -> None:
    row, entry = claims_of(COLUMNS, "x_i = x_i", r"x_{ij} = x_{ij}")
    assert row.readings[0].left.shape == (D,)
    assert [bound.high for bound in entry.readings[0].free] == [N, D]


def test_a_column_takes_the_definitions_of_its_capitals() -> None:
    context = understood(COLUMNS + "\n\n" + COLUMN, "x = x").contexts[-1]
    assert context.symbols["y"].shape == (N,)
    assert not {"X", r"\hat{X}", "Y"} & context.symbols.keys()
    assert set(context.definitions) == {r"\mu", r"\hat{x}", "y"}
    assert [symbol.key for symbol in context.outputs["f"]] == ["y"]


def test_a_capital_out_of_force_is_named_in_the_error() -> None:
    (claim,) = claims_of(COLUMNS + "\n\n" + COLUMN, "X = X")
    assert claim.error is not None
    assert claim.error.message.startswith("X is out of force here: since line 3")


def test_capitals_come_back() -> None:
    meaning = understood(COLUMNS + "\n\n" + COLUMN + "\n\n" + BACK, "x_i = x_i")
    context = meaning.contexts[-1]
    assert context.symbols[r"\mu"].shape == (D,)
    assert not {"x", r"\hat{x}", "y"} & context.symbols.keys()
    assert [symbol.key for symbol in context.outputs["f"]] == ["Y"]
    assert meaning.claims[0].readings[0].left.shape == (D,)


# ---- conditions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("For $i \\neq j$\n\n$$ x_i x_j = x_i $$", 1),
        ("For $i \\neq j$ we have\n$$ x_i x_j = x_i $$", 1),
        ("$$ x_i x_j = x_i \\quad \\text{for } i \\neq j $$", 1),
        ("It holds that $x_i x_j = x_i$ for $i \\neq j$.", 1),
        ("Take $i \\neq j$. Something else.\n\n$$ x_i x_j = x_i $$", 0),
        ("For $i \\neq j$\n\n$$ x_i y_i = x_i $$", 0),
        ("$$ x_i x_j = x_i $$", 0),
    ],
)
def test_condition(text: str, count: int) -> None:
    (claim,) = claims_of(VECTOR + "\n\n" + text)
    assert claim.error is None
    assert len(claim.readings[0].condition) == count


def test_a_chain_in_a_row_of_cases_is_a_claim_under_its_condition() -> None:
    display = (
        r"\frac{\partial x_i}{\partial x_j} = "
        r"\begin{cases} 1 = 2 - 1 & i = j \\ 0 & i \neq j \end{cases}"
    )
    whole, row = claims_of(VECTOR, display)
    assert isinstance(whole.readings[0].right, t.Cases)
    assert whole.readings[0].condition == ()
    assert len(row.condition) == 1


def test_a_note_under_a_brace_is_one_more_link() -> None:
    claims = claims_of(VECTOR, r"2 \underbrace{(x_i - x_i)}_{= 0} + 1 = 1")
    assert len(claims) == 2
    assert all(claim.error is None for claim in claims)


# ---- readings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "notes"),
    [
        (r"\frac{\partial v_i}{\partial x_j} = 0", ["", "derivatives are direct"]),
        (r"\frac{\partial \mu}{\partial x_j} = 0", [""]),
        (r"x \cdot y = \gamma", [""]),
        (r"x \cdot y = x", [""]),
        (r"(x \cdot y) x = (x \cdot y) y", ["", "the dot between vectors acts element by element"]),
    ],
)
def test_candidates(claim: str, notes: list[str]) -> None:
    (found,) = claims_of(MEAN, claim)
    assert [reading.note.split(":")[0] for reading in found.readings] == notes


@pytest.mark.parametrize(("option", "reading"), [("total", "total"), ("direct", "direct")])
def test_option_partials(option: str, reading: str) -> None:
    text = f"---\nderive:\n  partials: {option}\n---\n" + MEAN
    (claim,) = claims_of(text, r"\frac{\partial v_i}{\partial x_j} = 0")
    assert [found.partials for found in claim.readings] == [reading]


def test_two_square_matrices_multiply_as_matrices() -> None:
    text = r"Let $A, B \in \mathbb{R}^{N \times N}$."
    (claim,) = claims_of(text, "A B = B A")
    kinds_of = [type(reading.left) for reading in claim.readings]
    assert kinds_of == [t.MatrixProduct]


def test_summation_convention() -> None:
    text = "---\nderive:\n  summation: einstein\n---\n" + VECTOR
    (claim,) = claims_of(text, r"\gamma x_i = \gamma x_i + x_i (x_j y_j - y_j x_j)")
    assert claim.error is None
    assert [bound.name for bound in claim.readings[0].free] == ["i"]


def test_a_fixed_index_is_never_summed() -> None:
    text = "---\nderive:\n  summation: einstein\n---\n" + VECTOR
    text += r" The class is $T$ with $1 \le T \le N$. Let $c = x_T$."
    context = understood(text, "c = x_T").contexts[-1]
    assert context.definitions["c"].parameters == ("T",)


@pytest.mark.parametrize(
    ("claim", "shape"),
    [
        (r"\mathbf{1}^\top x = \sum_i x_i", ()),
        (r"I x = x", (N,)),
        (r"(I - \frac{1}{N} \mathbf{1} \mathbf{1}^\top) x = x", (N,)),
        (r"\mathbf{1}_D = x", None),
        (r"I_N x = x", (N,)),
        (r"A \mathbf{1} = x", (N,)),
    ],
)
def test_ones_and_identity_take_the_size_that_fits(claim: str, shape: t.Shape | None) -> None:
    (found,) = claims_of(VECTOR + r" Let $A \in \mathbb{R}^{N \times D}$.", claim)
    assert [reading.left.shape for reading in found.readings[:1]] == (
        [] if shape is None else [shape]
    )
