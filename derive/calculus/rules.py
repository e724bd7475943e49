"""The table of laws: for every rule its name for people and its law, in the document language.

A law is a small document: declarations, then one equation. The tests read each law, judge it
with the oracle, prove it, and look for the rule in the trace of the proof.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A law of the calculus. `law` is a document whose proof uses the rule."""

    name: str
    law: str


SUM_RULE = Rule(
    "sum rule",
    r"$x \in \mathbb{R}^N$. "
    r"$$\frac{\partial (x_i + x_k)}{\partial x_j} = \delta_{ij} + \delta_{kj}$$",
)
PRODUCT_RULE = Rule(
    "product rule",
    r"$a, b \in \mathbb{R}$. $$\frac{\partial (a b)}{\partial a} = b$$",
)
POWER_RULE = Rule(
    "power rule",
    r"$a \in \mathbb{R}$. $$\frac{\partial a^3}{\partial a} = 3 a^2$$",
)
FUNCTION_RULE = Rule(
    "chain rule through a function",
    r"$a \in \mathbb{R}$. $$\frac{\partial \exp(2 a)}{\partial a} = 2 \exp(2 a)$$",
)
KINK_RULE = Rule(
    "the derivative away from a kink",
    r"$a \in \mathbb{R}$. "
    r"$$\frac{\partial |a|}{\partial a} = \begin{cases} 1 & a > 0 \\ -1 & a < 0 \\ "
    r"0 & \text{otherwise} \end{cases}$$",
)
SIGN_CASES = Rule(
    "cases on the sign",
    r"$a, b \in \mathbb{R}$. $$\max(a, b) + \min(a, b) = a + b$$",
)
OPAQUE_RULE = Rule(
    "an unknown function has one value for equal arguments",
    r"$a \in \mathbb{R}$, $g : \mathbb{R} \to \mathbb{R}$. $$g(a + a) - g(2 a) = 0$$",
)
EXTREME_RULE = Rule(
    "the largest entry of an array is one number",
    r"$x \in \mathbb{R}^N$. $$\sum_{i=1}^{N} \max(x) = N \max(x)$$",
)
DEFINITION_RULE = Rule(
    "chain rule through a definition",
    r"$x \in \mathbb{R}^N$, $m = \sum_{i=1}^{N} x_i^2$. "
    r"$$\frac{\partial m^2}{\partial x_j} = 4 m x_j$$",
)
SECOND_RULE = Rule(
    "a derivative is written out and differentiated again",
    r"$a \in \mathbb{R}$, $p = a^3$, $q = p^2$. "
    r"$$\frac{\partial}{\partial a} \frac{\partial q}{\partial a} = 30 a^4$$",
)
LOSS_RULE = Rule(
    "the loss is differentiated along every path",
    r"$x \in \mathbb{R}^N$, $a \in \mathbb{R}$, $y_i = a x_i$, $f : \mathbb{R}^N \to \mathbb{R}$. "
    r"$$\frac{\partial f}{\partial a} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_i} x_i$$",
)
ENTRY_RULE = Rule(
    "an entry by an entry is a delta",
    r"$x \in \mathbb{R}^N$. $$\frac{\partial x_i}{\partial x_j} = \delta_{ij}$$",
)
INDEPENDENCE_RULE = Rule(
    "what does not depend on the variable has derivative zero",
    r"$x, t \in \mathbb{R}^N$. $$\frac{\partial t_i}{\partial x_j} = 0$$",
)
TERMWISE_RULE = Rule(
    "a sum is differentiated term by term",
    r"$x \in \mathbb{R}^N$. $$\frac{\partial}{\partial x_j} \sum_{i=1}^{N} x_i^2 = 2 x_j$$",
)
PRODUCT_OVER_RULE = Rule(
    "a product over an index is differentiated factor by factor",
    r"$x \in \mathbb{R}^N$. $$\frac{\partial}{\partial x_j} \prod_{i=1}^{N} x_i = "
    r"\frac{1}{x_j} \prod_{i=1}^{N} x_i$$",
)
PRODUCT_OVER = Rule(
    "the product of a product is the product of the products",
    r"$x, y \in \mathbb{R}^N$. $$\prod_{i=1}^{N} x_i y_i = "
    r"\left(\prod_{i=1}^{N} x_i\right) \left(\prod_{k=1}^{N} y_k\right)$$",
)
INVERSE_RULE = Rule(
    "the derivative of an inverse",
    r"$X \in \mathbb{R}^{N \times N}$. $$\frac{\partial (X^{-1})_{ij}}{\partial X_{kl}} = "
    r"-(X^{-1})_{ik} (X^{-1})_{lj}$$",
)
DETERMINANT_RULE = Rule(
    "the derivative of a determinant",
    r"$X \in \mathbb{R}^{N \times N}$. "
    r"$$\frac{\partial \det X}{\partial X_{ij}} = \det X \, (X^{-1})_{ji}$$",
)
CANCELLATION = Rule(
    "a matrix meets its inverse",
    r"$X \in \mathbb{R}^{N \times N}$, $b \in \mathbb{R}^N$. $$X X^{-1} b = b$$",
)
INVERSE_OF_PRODUCT = Rule(
    "inverse and determinant of a product of square matrices",
    r"$X, Y \in \mathbb{R}^{N \times N}$. $$(X Y)^{-1} = Y^{-1} X^{-1}$$",
)
DELTA_PICKS = Rule(
    "a delta picks one term of the sum",
    r"$a \in \mathbb{R}^N$. $$\sum_{i=1}^{N} \delta_{ij} a_i = a_j$$",
)
CONSTANT_SUM = Rule(
    "a constant is summed as often as the index runs",
    r"$a \in \mathbb{R}$, $x \in \mathbb{R}^N$. $$\sum_{i=1}^{N} a = N a$$",
)
FACTOR_OUT = Rule(
    "what does not depend on the index moves out of the sum",
    r"$a \in \mathbb{R}$, $x \in \mathbb{R}^N$. $$\sum_{i=1}^{N} a x_i = a \sum_{i=1}^{N} x_i$$",
)
LINEARITY = Rule(
    "sums are linear",
    r"$x, y \in \mathbb{R}^N$. "
    r"$$\sum_{i=1}^{N} (x_i + y_i) = \sum_{i=1}^{N} x_i + \sum_{i=1}^{N} y_i$$",
)
CONTRACTION = Rule(
    "sums change places",
    r"$x \in \mathbb{R}^N$, $y \in \mathbb{R}^M$, $A \in \mathbb{R}^{N \times M}$. "
    r"$$\sum_{i=1}^{N} x_i \sum_{k=1}^{M} A_{ik} y_k = "
    r"\sum_{k=1}^{M} y_k \sum_{i=1}^{N} x_i A_{ik}$$",
)
MEAN_DEVIATIONS = Rule(
    "deviations from the mean sum to zero",
    r"$x \in \mathbb{R}^N$, $m = \frac{1}{N} \sum_{i=1}^{N} x_i$. "
    r"$$\sum_{i=1}^{N} (x_i - m) = 0$$",
)
DEFINED_SUM = Rule(
    "a sum is replaced by the name defined from it",
    r"$x \in \mathbb{R}^N$, $q = \sum_{i=1}^{N} x_i^2$. $$\sum_{i=1}^{N} 3 x_i^2 = 3 q$$",
)
ASSUMED_SUM = Rule(
    "a sum has the value that is assumed",
    r"$t, x \in \mathbb{R}^N$. Assume $\sum_i t_i = 1$. "
    r"$$\sum_{i=1}^{N} t_i x_j = x_j$$",
)
SYMMETRY = Rule(
    "the indices of a symmetric matrix change places",
    r"$A \in \mathbb{R}^{N \times N}$, $A = A^\top$. $$A_{ij} - A_{ji} = 0$$",
)
UNFOLD = Rule(
    "the definition is inserted",
    r"$x \in \mathbb{R}^N$, $a \in \mathbb{R}$, $y_i = a x_i$. $$y_j = a x_j$$",
)
DISTRIBUTE = Rule(
    "the product is multiplied out",
    r"$a, b, c \in \mathbb{R}$. $$a (b + c) = a b + a c$$",
)
POWERS_ADD = Rule(
    "powers of one base are added",
    r"$a \in \mathbb{R}$, $a > 0$. $$a^{\frac{1}{2}} a^{-\frac{3}{2}} = a^{-1}$$",
)
COMMON_DENOMINATOR = Rule(
    "the sides are brought to a common denominator",
    r"$a, b \in \mathbb{R}$. $$\frac{a}{a + b} + \frac{b}{a + b} = 1$$",
)
BORDERS = Rule(
    "a sum over a part of an axis is the whole sum without its border terms",
    r"$x \in \mathbb{R}^N$. $$\sum_{i=1}^{N-1} (x_{i+1} - x_i) = x_N - x_1$$",
)
SPECIAL_LAWS = Rule(
    "the addition laws of sine, cosine and gamma",
    r"$a, b \in \mathbb{R}$. $$\sin(a + b) = \sin a \cos b + \cos a \sin b$$",
)
DIVISION = Rule(
    "what stands over a denominator is divided by it",
    r"$x \in \mathbb{R}^N$. "
    r"$$\sum_{i=1}^{N} \frac{1}{1 + x_i^2} + \sum_{i=1}^{N} \frac{x_i^2}{1 + x_i^2} = N$$",
)
LOGARITHM = Rule(
    "the logarithm of a product is the sum of the logarithms",
    r"$a, b \in \mathbb{R}$, $a > 0$, $b > 0$. $$\log(a b) = \log a + \log b$$",
)
CONDITION = Rule(
    "the condition on the indices decides a delta",
    r"$x \in \mathbb{R}^N$. $$\frac{\partial x_i}{\partial x_j} = 0 \quad i \neq j$$",
)
EQUAL_INDICES = Rule(
    "equal indices are identified",
    r"$x \in \mathbb{R}^N$. $$\delta_{ij} x_i = \delta_{ij} x_j$$",
)

RULES: tuple[Rule, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Rule)
)


class Trace:
    """The rules that fired, in the order in which each fired first."""

    def __init__(self) -> None:
        self._fired: dict[str, None] = {}

    def fire(self, rule: Rule) -> None:
        self._fired.setdefault(rule.name)

    def extend(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._fired.setdefault(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._fired)
