"""Text made fit for people: control codes out, durations and sizes in words. Unaware of streams and colours."""

from __future__ import annotations

from flowmake.core.expressions import expression

TYPE_CHECKING = False  # as from `typing`, whose import alone takes longer than that of all this needs
if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

_SEQUENCES = expression(
    r"""(?mx)
    \x1b\[[0-?]*[\ -/]*[@-~]                          # CSI: colours, cursor movement
  | \x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)             # OSC, DCS, SOS, PM, APC strings
  | \x9b[0-?]*[\ -/]*[@-~]                            # CSI in one character
  | \x1b[\ -/]*[0-~]                                  # all other escape sequences
    """
)
_UNSAFE = expression(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ASCII = str.maketrans(
    {
        "→": "->",
        "✓": "ok",
        "✗": "FAILED",
        "…": "...",
        "·": "-",
        "≥": ">=",
        "─": "-",
        "│": "|",
        "├": "|",
        "└": "`",
        "●": "*",
        "○": "o",
        "▶": ">",
        "↑": "^",
        "↻": "retry",
        "━": "#",
    }
)
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def safe_text(data: bytes | str) -> str:
    """What may be shown on a terminal: lines and tabs stay, escape sequences go, other controls are spelt out.

    Bytes are read as UTF-8, with U+FFFD for what is not. Of a line redrawn with carriage returns the last state
    stays, as a terminal would show it. Characters that turn the direction of text around are spelt out as well.
    """
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCES.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _UNSAFE.sub(_spelt, text)


def safe_line(data: bytes | str) -> str:
    """Like `safe_text` for names and paths, which take one line: every control character is spelt out."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    if text.isprintable():
        return text
    return _UNSAFE.sub(_spelt, text).replace("\n", "\\n").replace("\t", "\\t")


def _spelt(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if code == 0x0D:
        return "\\r"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def to_ascii(text: str) -> str:
    """For streams that cannot carry more: our own signs in ASCII, everything else spelt out."""
    if text.isascii():
        return text
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def duration(seconds: float) -> str:
    """`0.3s`, `12.0s`, `1m 05s`, `2h 03m`, `3d 04h`: two units at most."""
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f}s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02d}h"


def size(count: int) -> str:
    """Bytes in binary units: `512 B`, `1.5 KiB`."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1023.95 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def first_few(texts: Sequence[str], most: int, separator: str = ", ") -> str:
    """`a, b, c and 1402 more`: the first of them, and how many are left out."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def counted(count: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cut_middle(text: str, width: int, sign: str = "…") -> str:
    """At most `width` characters, the middle left out: both ends of a name or a path tell it apart."""
    if len(text) <= width:
        return text
    if width <= len(sign):
        return text[: max(width, 0)]
    kept = width - len(sign)
    head = kept - kept // 2
    return text[:head] + sign + (text[-(kept // 2) :] if kept // 2 else "")
