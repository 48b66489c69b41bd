"""How numbers are written on a page: percentages, intervals, p-values, lists of facts.

Does not know what the numbers mean. A missing value is an en dash, never 0.
"""

from collections.abc import Iterator, Mapping

MISSING = "–"
THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def percent(fraction: float | None) -> str:
    """Write a fraction as a percentage: whole numbers where they are exact, else one decimal.

    Examples:
        >>> percent(0.625), percent(None)
        ('62.5\u202f%', '–')
    """
    if fraction is None:
        return MISSING
    text = f"{100 * fraction:.1f}".removesuffix(".0")
    return text + THIN + "%"


def share(fraction: float | None) -> str:
    """Write a small fraction, such as a circuit's size: two decimals, or two digits if it is smaller.

    Examples:
        >>> share(0.000994), share(0.000257)
        ('0.1\u202f%', '0.026\u202f%')
    """
    if fraction is None:
        return MISSING
    rounded = round(100 * fraction, 2) if fraction >= 0.0005 else 100 * fraction
    return f"{rounded:.2g}{THIN}%"


def points(difference: float | None) -> str:
    """Write a difference of two fractions in percentage points, with its sign.

    Examples:
        >>> points(-0.125), points(0.5)
        ('−12.5', '+50')
    """
    if difference is None:
        return MISSING
    text = f"{100 * difference:+.1f}".removesuffix(".0").replace("-", MINUS)
    return "0" if text in ("+0", MINUS + "0") else text


def between(low: float | None, high: float | None) -> str:
    """Write an interval of fractions as whole percentages.

    Examples:
        >>> between(0.237, 0.763)
        '24–76\u202f%'
    """
    if low is None or high is None:
        return MISSING
    return f"{100 * low:.0f}–{100 * high:.0f}{THIN}%"


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with a true minus sign.

    Examples:
        >>> number(-0.5, 2)
        '−0.50'
    """
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def short_number(value: float | None) -> str:
    """Write a number with as many digits as it needs, three at most: 0.25, 2, 1.39."""
    return MISSING if value is None else f"{value:.3g}".replace("-", MINUS)


def thousands(value: float) -> str:
    """Write a count with thin spaces between thousands.

    Examples:
        >>> thousands(116736)
        '116\u202f736'
    """
    return f"{value:,.0f}".replace(",", THIN)


def p_value(p: float | None) -> str:
    """Write a p-value; below 0.001 only that it is."""
    if p is None:
        return MISSING
    return f"<{THIN}0.001" if p < 0.001 else f"{p:.2g}"


def p_equals(p: float) -> str:
    """Write a p-value as part of a sentence: `p = 0.03`, `p < 0.001`."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def visible(token: str) -> str:
    """Show the white space of a token, which is part of what it is."""
    return token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥") or "∅"


def facts(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """List a JSON object as (name, text) pairs; nested objects and lists are written out in one line."""
    for key, value in record.items():
        yield str(key).replace("_", " "), _text(value)


def _text(value: object) -> str:
    if value is None or value in ("", [], {}):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) for item in value)
    text = str(value)
    return visible(text) if text.isspace() else text
