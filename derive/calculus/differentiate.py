"""Derivatives of index expressions by one entry of a named array.

The table below has one rule for each kind of node. Bound indices were made fresh when the
expression was lowered, so an index of the variable can never be captured. SymPy supplies the
derivatives of scalar functions; everything about indices is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr

from derive.calculus.indexed import (
    Delta,
    Entry,
    IndexSum,
    IndexValue,
    Jacobian,
    Order,
    Position,
    delta,
)
from derive.calculus.matrices import Determinant, OfMatrix, of_change
from derive.calculus.opaque import Extreme, OpaqueCall
from derive.calculus.piecewise import Oblige, Piecewise, refuse, slope
from derive.calculus.products import IndexProduct
from derive.calculus.rules import (
    DEFINITION_RULE,
    DETERMINANT_RULE,
    ENTRY_RULE,
    FUNCTION_RULE,
    INDEPENDENCE_RULE,
    INVERSE_RULE,
    KINK_RULE,
    POWER_RULE,
    PRODUCT_OVER_RULE,
    PRODUCT_RULE,
    SECOND_RULE,
    SUM_RULE,
    TERMWISE_RULE,
    Trace,
)
from derive.errors import UnsupportedError


def unexpanded(node: Jacobian) -> Expr:
    """Where no definition is at hand there is no second derivative."""
    raise UnsupportedError("second derivatives are not proved here")


def nameless() -> str:
    """Where no names are at hand there is no derivative of an inverse."""
    raise UnsupportedError("the derivative of an inverse is not proved here")


@dataclass(frozen=True)
class Differentiation:
    """The derivative by `target[by]`; `reach` tells which names each name depends on.

    `kinks` records that a term must not be zero where it is differentiated, `expand` writes a
    Jacobian out by one definition, `fresh` names bound indices.
    """

    reach: Mapping[str, frozenset[str]]
    target: str
    by: Position
    trace: Trace
    kinks: Oblige = refuse
    expand: Callable[[Jacobian], Expr] = unexpanded
    fresh: Callable[[], str] = nameless

    def total(self, expression: Expr) -> Expr:
        """Along every path of definitions; defined names become Jacobians."""
        return self._derive(expression, self._total_entry)

    def direct(self, expression: Expr) -> Expr:
        """By explicit occurrences only; every other name is held."""
        return self._derive(expression, self._direct_entry)

    def _derive(self, expression: Expr, of_entry: Callable[[Entry], Expr]) -> Expr:
        match expression:
            case Entry():
                return of_entry(expression)
            case Delta() | Order() | IndexValue():
                return sympy.S.Zero
            case IndexSum():
                inner = self._derive(expression.body, of_entry)
                if inner is sympy.S.Zero:
                    return inner
                self.trace.fire(TERMWISE_RULE)
                return IndexSum(inner, expression.index, expression.low, expression.high)
            case Jacobian():
                if of_entry == self._direct_entry:
                    raise UnsupportedError("an explicit derivative of a total one")
                self.trace.fire(SECOND_RULE)
                return self._derive(self.expand(expression), of_entry)
            case sympy.Add():
                self.trace.fire(SUM_RULE)
                return sympy.Add(*(self._derive(a, of_entry) for a in expression.args))
            case sympy.Mul():
                return self._product(expression, of_entry)
            case sympy.Pow():
                return self._power(expression, of_entry)
            case Piecewise():
                return self._piecewise(expression, of_entry)
            case IndexProduct():
                return self._product_over(expression, of_entry)
            case OfMatrix():
                return self._of_matrix(expression, of_entry)
            case Extreme():
                if self._derive(expression.body, of_entry) is sympy.S.Zero:
                    return sympy.S.Zero
                raise UnsupportedError("the largest entry of an array has no derivative rule")
            case sympy.Function() | OpaqueCall():
                return self._function(expression, of_entry)
        if expression.is_number or expression.is_Symbol:
            return sympy.S.Zero
        raise UnsupportedError(f"no derivative rule for {type(expression).__name__}")

    def _product(self, expression: Expr, of_entry: Callable[[Entry], Expr]) -> Expr:
        terms = []
        for position, factor in enumerate(expression.args):
            change = self._derive(factor, of_entry)
            if change is not sympy.S.Zero:
                others = expression.args[:position] + expression.args[position + 1 :]
                terms.append(sympy.Mul(change, *others))
        if sum(not factor.is_number for factor in expression.args) > 1:
            self.trace.fire(PRODUCT_RULE)
        return sympy.Add(*terms)

    def _power(self, expression: Expr, of_entry: Callable[[Entry], Expr]) -> Expr:
        base, exponent = expression.args
        if not exponent.is_Rational:
            raise UnsupportedError("a variable exponent")
        change = self._derive(base, of_entry)
        if change is sympy.S.Zero:
            return change
        self.trace.fire(POWER_RULE)
        return exponent * sympy.Pow(base, exponent - 1, evaluate=False) * change

    def _function(self, expression: Expr, of_entry: Callable[[Entry], Expr]) -> Expr:
        terms = []
        for position, argument in enumerate(expression.args):
            change = self._derive(argument, of_entry)
            if change is not sympy.S.Zero:
                self.trace.fire(FUNCTION_RULE)
                terms.append(expression.fdiff(position + 1) * change)
        return sympy.Add(*terms)

    def _product_over(self, node: IndexProduct, of_entry: Callable[[Entry], Expr]) -> Expr:
        change = self._derive(node.body, of_entry)
        if change is sympy.S.Zero:
            return change
        self.trace.fire(PRODUCT_OVER_RULE)
        self.kinks(node.term)
        return node.changed(change)

    def _of_matrix(self, node: OfMatrix, of_entry: Callable[[Entry], Expr]) -> Expr:
        change = self._derive(node.body, of_entry)
        if change is sympy.S.Zero:
            return change
        self.trace.fire(DETERMINANT_RULE if isinstance(node, Determinant) else INVERSE_RULE)
        self.kinks(node.term)
        return of_change(node, change, self.fresh)

    def _piecewise(self, node: Piecewise, of_entry: Callable[[Entry], Expr]) -> Expr:
        change = self._derive(node.argument, of_entry)
        if change is sympy.S.Zero:
            return change
        self.trace.fire(KINK_RULE)
        self.kinks(node.term)
        return slope(node) * change

    def _same_entry(self, entry: Entry) -> Expr:
        self.trace.fire(ENTRY_RULE)
        return sympy.Mul(*(delta(a, b) for a, b in zip(entry.at, self.by, strict=True)))

    def _direct_entry(self, entry: Entry) -> Expr:
        return self._same_entry(entry) if entry.key == self.target else self._held(entry)

    def _total_entry(self, entry: Entry) -> Expr:
        if entry.key == self.target:
            return self._same_entry(entry)
        if self.target not in self.reach.get(entry.key, ()):
            return self._held(entry)
        self.trace.fire(DEFINITION_RULE)
        return Jacobian(entry.key, entry.at, self.target, self.by)

    def _held(self, entry: Entry) -> Expr:
        if entry.key.startswith("∂"):
            output = entry.key.split("/", 1)[1]
            if self.target == output or self.target in self.reach.get(output, ()):
                raise UnsupportedError("the loss would have to be differentiated twice")
        self.trace.fire(INDEPENDENCE_RULE)
        return sympy.S.Zero
