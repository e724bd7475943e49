"""The TeX commands that are read, as tables. What stands in none of them is an unknown command."""

from __future__ import annotations


def _each(text: str) -> list[str]:
    return text.split()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GREEK = _words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda "
    "mu nu xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta "
    "Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar imath jmath infty emptyset top "
    "intercal prime wp Re Im aleph bot star dagger"
)
"""Commands that are a name by themselves."""

UNICODE = {
    **dict(zip("αβγδεζηθικλμνξπρστυφχψω", _each(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
        "upsilon phi chi psi omega"
), strict=True)),
    **dict(zip("ΓΔΘΛΞΠΣΦΨΩ∂∇∑∏√∞·×⊙⊗≤≥≠≈∈→⇒≡∝ℓ⊤…", _each(
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega partial nabla sum prod sqrt infty cdot "
        "times odot otimes le ge neq approx in to Rightarrow equiv propto ell top ldots"
),
        strict=True)),
}  # fmt: skip

FUNCTIONS = _words(
    "exp log ln sin cos tan sec csc cot sinh cosh tanh coth arcsin arccos arctan arcsinh arccosh "
    "arctanh arsinh arcosh artanh erf erfc sigmoid softmax softplus logsumexp relu ReLU "
    "max min sign sgn det tr Tr trace diag argmax argmin"
)
"""Functions by their own command or as a word in `\\operatorname`, `\\mathrm`, `\\text`."""

SPELLED = frozenset({"Gamma", "psi"})
"""Greek letters that are functions when an argument in parentheses follows at once."""

BIG = frozenset({"sum", "prod"})

FONTS = _words(
    "mathrm mathit mathbf mathsf mathtt mathcal mathbb mathfrak mathscr mathnormal boldsymbol bm "
    "pmb operatorname operatorname* text textrm textbf textit textsf texttt mbox symbf"
)
TEXT_FONTS = frozenset({"text", "textrm", "textit", "textbf", "textsf", "mbox", "mathrm"})

ACCENTS = _words(
    "hat widehat bar overline tilde widetilde dot ddot vec check breve acute grave mathring "
    "underline"
)

FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})

OPERATORS = {
    "cdot": "\\cdot", "times": "\\times", "odot": "\\odot", "circ": "\\circ", "ast": "*",
    "otimes": "\\otimes", "div": "/", "oslash": "/", "bullet": "\\cdot",
}  # fmt: skip

RELATIONS = {
    **{name: "\\" + name for name in _each(
    "neq le ge in notin ni subset subseteq supset supseteq approx propto equiv triangleq to "
        "mapsto sim simeq cong ll gg asymp doteq leqslant geqslant leftarrow gets prec succ "
        "perp parallel lesssim gtrsim"
)},
    "ne": "\\neq", "leq": "\\le", "leqslant": "\\le", "geq": "\\ge", "geqslant": "\\ge",
    "coloneqq": ":=", "coloneq": ":=", "colonequals": ":=", "eqqcolon": "=:", "rightarrow": "\\to",
    "longrightarrow": "\\to", "lt": "<", "gt": ">", "colon": ":", "longmapsto": "\\mapsto",
    "eqdef": ":=", "defeq": ":=",
}  # fmt: skip

NEGATED = {"=": "\\neq", "\\in": "\\notin", "<": "\\ge", ">": "\\le"}

DOTS = frozenset({"dots", "ldots", "cdots", "dotsc", "dotsb", "vdots", "ddots"})

LAYOUT = _words(
    "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm "
    "limits nolimits displaystyle textstyle scriptstyle scriptscriptstyle nonumber notag mathstrut "
    "strut hfill hfil noindent allowdisplaybreaks rm bf it sf tt cal relax enspace thinspace "
    "medspace thickspace negthinspace protect break nobreak allowbreak smallskip medskip hline "
    "mathord mathop mathbin mathrel mathopen mathclose mathinner centering qed qedhere bfseries "
    "boldmath null"
)
SIZING = frozenset(name for name in LAYOUT if name.lower().startswith("big")) | {"left", "right"}

LAYOUT_WITH_ARGUMENT = _words(
    "label tag hspace vspace hskip phantom hphantom vphantom ref eqref cite footnote "
    "color mbox@ class id cssId style kern mkern mspace"
)
TRANSPARENT = _words(
    "boxed fbox ensuremath cancel bcancel xcancel mathclap mathllap mathrlap smash "
    "colorbox@ mathop mathbin mathrel mathord mathopen mathclose mathinner substack"
)
DECORATED = frozenset({"stackrel", "overset", "underset", "textcolor", "colorbox"})
"""Commands whose second argument is read and whose first is not."""

IMPLICATIONS = _words(
    "Rightarrow implies iff Leftrightarrow Longrightarrow Longleftrightarrow therefore because "
    "land wedge Leftarrow impliedby leadsto rightsquigarrow"
)

ENVIRONMENTS = _words(
    "equation align aligned alignedat gather gathered split multline multlined eqnarray flalign "
    "alignat"
)
"""Environments that are displays, or rows inside one; each also with a star."""

CASES = frozenset({"cases", "dcases", "rcases", "cases*", "dcases*"})

OPENING = {"(": "(", "[": "[", "\\{": "\\{", "\\lbrace": "\\{", "\\langle": "\\langle",
           "\\lbrack": "["}  # fmt: skip
CLOSING = {")": ")", "]": "]", "\\}": "\\}", "\\rbrace": "\\}", "\\rangle": "\\rangle",
           "\\rbrack": "]"}  # fmt: skip

UNREAD = {
    "int": "an integral", "iint": "an integral", "oint": "an integral", "lim": "a limit",
    "lfloor": "a floor", "rfloor": "a floor", "lceil": "a ceiling", "rceil": "a ceiling",
    "binom": "a binomial coefficient", "pm": "a double sign", "mp": "a double sign",
    "oplus": "a direct sum", "bigcup": "a union", "bigcap": "an intersection", "mid": "a bar",
    "exists": "a quantifier", "sup": "a supremum", "inf": "an infimum",
    "bigoplus": "a direct sum", "bigotimes": "a product of tensors", "bigodot": "a product",
    "bigvee": "a join", "bigwedge": "a meet", "cup": "a union", "cap": "an intersection",
    "ltimes": "a product", "rtimes": "a product", "boxtimes": "a product", "vee": "a join",
}  # fmt: skip
"""Commands that are known, and known not to be read."""

INSTEAD = {
    "pm": "Write one equation for each sign.", "mp": "Write one equation for each sign.",
    "int": "Give the integral a name and declare it.",
    "lim": "Give the limit a name and declare it.",
    "sup": "Write \\max for the largest entry.", "inf": "Write \\min for the smallest entry.",
    "bigodot": "Write \\prod and the index of an entry.",
}  # fmt: skip
"""What to write in place of a command that is not read."""

MATRICES = _words("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix array")
"""Environments that write an array out."""

NOT_EQUAL = frozenset(
    {"!", "?", "d", "D", "\\mathrm{d}", "\\mathcal{D}", "\\mathcal D", "d.", "\\text{d}"}
)
"""Notes above an equals sign that make it something else: demanded, asked, in distribution."""

CONNECTING = _words(
    "for if and with where otherwise since because or when as so then thus hence therefore let "
    "given but by that is are all any every each of on while else such recall note using from "
    "holds which i.e. e.g. s.t. resp. a.e. the an be not only unless suppose assume here in to "
    "at iff yields gives have has we elsewhere otherwise, per over"
)
"""Words of running text; any other single word in `\\text{…}` is a name."""
