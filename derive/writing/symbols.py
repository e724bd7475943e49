"""What the names and signs of the language look like, in Unicode and in ASCII."""

from __future__ import annotations

import unicodedata

from derive.reading.syntax import Name

_GREEK_NAMES = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa"
    " lambda mu nu xi omicron pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi"
    " psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)

GREEK = dict(
    zip(
        _GREEK_NAMES.split(),
        "αβγδεεζηθϑικϰλμνξοπϖρϱσςτυϕφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        strict=True,
    )
)
"""Greek letters by the name of their command. `\\epsilon` and `\\varepsilon` look alike here."""

LETTERS = GREEK | {
    "ell": "ℓ",
    "hbar": "ℏ",
    "imath": "ı",
    "jmath": "ȷ",
    "infty": "∞",
    "partial": "∂",
    "nabla": "∇",
    "top": "⊤",
    "bot": "⊥",
    "emptyset": "∅",
    "varnothing": "∅",
    "aleph": "ℵ",
    "wp": "℘",
    "star": "⋆",
    "dagger": "†",
    "prime": "′",
    "intercal": "⊺",
    "Re": "ℜ",
    "Im": "ℑ",
}
"""Letter-like commands, without their backslash."""

COMMANDS = {character: command for command, character in LETTERS.items()} | {
    "ε": "epsilon",
    "ϵ": "epsilon",
    "∅": "emptyset",
}
"""The command of a letter that was written as a Unicode character."""

RELATIONS = {
    "=": "=",
    ":=": ":=",
    "=:": "=:",
    "<": "<",
    ">": ">",
    ":": ":",
    "\\coloneqq": ":=",
    "\\neq": "≠",
    "\\ne": "≠",
    "\\le": "≤",
    "\\leq": "≤",
    "\\leqslant": "≤",
    "\\ge": "≥",
    "\\geq": "≥",
    "\\geqslant": "≥",
    "\\lt": "<",
    "\\gt": ">",
    "\\ll": "≪",
    "\\gg": "≫",
    "\\in": "∈",
    "\\notin": "∉",
    "\\ni": "∋",
    "\\subset": "⊂",
    "\\subseteq": "⊆",
    "\\supset": "⊃",
    "\\supseteq": "⊇",
    "\\approx": "≈",
    "\\sim": "∼",
    "\\simeq": "≃",
    "\\cong": "≅",
    "\\propto": "∝",
    "\\equiv": "≡",
    "\\triangleq": "≜",
    "\\doteq": "≐",
    "\\to": "→",
    "\\rightarrow": "→",
    "\\mapsto": "↦",
    "\\mid": "∣",
    "\\perp": "⊥",
    "\\parallel": "∥",
    "\\leftarrow": "←",
    "\\gets": "←",
    "\\asymp": "≍",
    "\\prec": "≺",
    "\\succ": "≻",
    "\\lesssim": "≲",
    "\\gtrsim": "≳",
}

ASCII_RELATIONS = {
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "≪": "<<",
    "≫": ">>",
    "∈": "in",
    "∉": "not in",
    "∋": "contains",
    "⊂": "subset of",
    "⊆": "subset of",
    "≈": "~=",
    "∼": "~",
    "≃": "~=",
    "≅": "~=",
    "∝": "proportional to",
    "≡": "==",
    "≜": ":=",
    "≐": "=.",
    "→": "->",
    "↦": "|->",
    "∣": "|",
    "⊥": "orthogonal to",
    "⊃": "contains",
    "⊇": "contains",
    "∥": "parallel to",
    "←": "<-",
    "≍": "~=",
    "≺": "precedes",
    "≻": "succeeds",
    "≲": "<~",
    "≳": ">~",
}

OPERATORS = {
    "\\cdot": "·",
    "\\times": "×",
    "\\odot": "⊙",
    "\\circ": "∘",
    "\\otimes": "⊗",
    "\\oplus": "⊕",
    "\\ast": "∗",
    "\\star": "⋆",
    "\\div": "÷",
    "*": "*",
    "/": "/",
}

ASCII_OPERATORS = {
    "·": "*",
    "×": "x",
    "⊙": ".*",
    "∘": "o",
    "⊗": "(x)",
    "⊕": "(+)",
    "∗": "*",
    "⋆": "*",
    "÷": "/",
}

BRACKETS = {
    "(": "(",
    ")": ")",
    "[": "[",
    "]": "]",
    "\\{": "{",
    "\\}": "}",
    "\\lbrace": "{",
    "\\rbrace": "}",
    "\\lbrack": "[",
    "\\rbrack": "]",
    "\\langle": "⟨",
    "\\rangle": "⟩",
    "\\lfloor": "⌊",
    "\\rfloor": "⌋",
    "\\lceil": "⌈",
    "\\rceil": "⌉",
    "{": "",
    "}": "",
    ".": "",
}

ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "bar": "\u0304",
    "overline": "\u0305",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "dot": "\u0307",
    "ddot": "\u0308",
    "vec": "\u20d7",
    "check": "\u030c",
    "breve": "\u0306",
    "acute": "\u0301",
    "grave": "\u0300",
    "mathring": "\u030a",
    "underline": "\u0332",
}
"""Accents as combining characters."""

BIG = {"sum": "∑", "prod": "∏", "max": "max", "min": "min"}

DOTS = {"\\cdots": "⋯", "\\vdots": "⋮"}

_SUBSCRIPTS = dict(
    zip(
        "0123456789+−-=()aehijklmnoprstuvxβγρφχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
        strict=True,
    )
)

_SUPERSCRIPTS = dict(
    zip(
        "0123456789+−-=()/×⊤*abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᐟˣᵀ*ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ",
        strict=True,
    )
)

_SCRIPT = dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True))
_DOUBLE = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))


def lowered(text: str) -> str | None:
    """The text in Unicode subscript characters, or None when one of them does not exist."""
    return _small(text, _SUBSCRIPTS)


def lifted(text: str) -> str | None:
    """The text in Unicode superscript characters, or None when one of them does not exist."""
    return _small(text, _SUPERSCRIPTS)


def _small(text: str, table: dict[str, str]) -> str | None:
    small = [table.get(character) for character in text if character != " "]
    return "".join(c for c in small if c) if small and all(small) else None


def command_of(name: Name) -> str | None:
    r"""The letter-like command of a name (`gamma`), None for letters and words."""
    if name.letter.startswith("\\"):
        return name.letter[1:]
    return COMMANDS.get(name.letter)


def printable(text: str) -> str:
    """The text with a space for each control or format character: none reaches a terminal."""
    return "".join(" " if unicodedata.category(c).startswith("C") else c for c in text)


def letter_of(name: Name) -> str:
    """A name in its font, without its accents: `x`, `μ`, `ℝ`, `rstd`."""
    text = LETTERS.get(command_of(name) or "", printable(name.letter.lstrip("\\")))
    return _in_font(text, name.font) if len(text) == 1 else text


def unicode_name(name: Name) -> str:
    """A name with its accents as combining characters: `x̂`, `μ̄`, `ℝ`, `rstd`."""
    text = letter_of(name)
    for accent in reversed(name.accents):
        text = _accented(text, ACCENTS.get(accent, ""))
    return text


def ascii_name(name: Name) -> str:
    """A name in ASCII, its accents as words behind it: `xhat`, `mubar`, `R`."""
    text = command_of(name) or name.letter
    return ascii_text(text) + "".join(reversed(name.accents))


def ascii_text(text: str) -> str:
    """The text with a question mark for each character that ASCII does not have."""
    return printable(text).encode("ascii", "replace").decode("ascii")


def _accented(text: str, mark: str) -> str:
    """The text with a mark over its middle letter, a line over or under every letter."""
    letters: list[str] = []
    for character in text:
        if unicodedata.combining(character) and letters:
            letters[-1] += character
        else:
            letters.append(character)
    whole = mark in (ACCENTS["overline"], ACCENTS["underline"])
    middle = (len(letters) - 1) // 2
    return "".join(c + mark if whole or i == middle else c for i, c in enumerate(letters))


def _in_font(character: str, font: str) -> str:
    match font:
        case "mathbb" | "mathds" | "mathbbm":
            return _DOUBLE.get(character) or _shifted(character, 0x1D538, 0x1D552, 0x1D7D8)
        case "mathbf" | "boldsymbol" | "bm" | "pmb" | "symbf" | "textbf":
            return _shifted(character, 0x1D400, 0x1D41A, 0x1D7CE, 0x1D6A8, 0x1D6C2)
        case "mathcal" | "mathscr":
            return _SCRIPT.get(character) or _shifted(character, 0x1D49C, 0, 0)
        case _:
            return character


def _shifted(
    character: str, upper: int, lower: int, digit: int, big_greek: int = 0, small_greek: int = 0
) -> str:
    """The character in the mathematical alphabet that starts at these code points, if any."""
    for first, last, start in (
        ("A", "Z", upper),
        ("a", "z", lower),
        ("0", "9", digit),
        ("Α", "Ω", big_greek),
        ("α", "ω", small_greek),
    ):
        if start and first <= character <= last:
            return chr(start + ord(character) - ord(first))
    return character
