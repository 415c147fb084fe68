"""How the SVG looks, in light and in dark. Every rule is bound to `.kanal-graph`, so that a page may hold the picture."""

from __future__ import annotations

_LIGHT = {
    "bg": "#ffffff", "text": "#1c2430", "soft": "#5a6675", "line": "#64748b", "label": "#334155",
    "source": "#e3f4ea", "broker": "#e2ebfd", "channel": "#e2ebfd", "flow": "#efe7fb", "trigger": "#ffffff",
    "subscriber": "#f3f4f6", "letters": "#fbf1df", "bad": "#b00020", "badfill": "#fdecee", "wait": "#6b5600",
    "frame": "#f7f9fb", "reply": "#2563eb", "dead": "#a15c00",
}  # fmt: skip
_DARK = {
    "bg": "#12161c", "text": "#e8edf3", "soft": "#a3b0bf", "line": "#8a99ac", "label": "#c7d2de",
    "source": "#17362a", "broker": "#1b2c4d", "channel": "#1b2c4d", "flow": "#33264d", "trigger": "#1d242d",
    "subscriber": "#262d37", "letters": "#3a2e17", "bad": "#ff8a94", "badfill": "#3d1a20", "wait": "#e6c65c",
    "frame": "#171d25", "reply": "#7fb0ff", "dead": "#f0b45c",
}  # fmt: skip
_RULES = """\
.kanal-graph {{ font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
.kanal-graph .bg {{ fill: {bg}; }}
.kanal-graph text {{ fill: {text}; font-size: 10px; }}
.kanal-graph .name {{ font-size: 12.5px; }}
.kanal-graph .kind, .kanal-graph .legend {{ fill: {soft}; }}
.kanal-graph .label {{ fill: {label}; }}
.kanal-graph .box {{ stroke: {line}; stroke-width: 1.2; fill: {subscriber}; }}
.kanal-graph .source .box {{ fill: {source}; }}
.kanal-graph .broker .box, .kanal-graph .channel .box {{ fill: {broker}; stroke-width: 2; }}
.kanal-graph .flow .box {{ fill: {flow}; }}
.kanal-graph .trigger .box, .kanal-graph .subscription .box, .kanal-graph .step .box {{ fill: {trigger}; }}
.kanal-graph .dead-letters .box {{ fill: {letters}; stroke-dasharray: 5 3; }}
.kanal-graph .frame rect {{ fill: {frame}; stroke: {line}; stroke-dasharray: 2 3; }}
.kanal-graph .frame text {{ fill: {soft}; font-size: 11px; }}
.kanal-graph .broken .box {{ fill: {badfill}; stroke: {bad}; stroke-width: 2.4; }}
.kanal-graph .broken .name, .kanal-graph .broken .why {{ fill: {bad}; }}
.kanal-graph .unknown .box, .kanal-graph .paused .box {{ stroke: {wait}; stroke-width: 2; }}
.kanal-graph .unknown .why, .kanal-graph .paused .why {{ fill: {wait}; }}
.kanal-graph .edge path {{ fill: none; stroke: {line}; stroke-width: 1.3; }}
.kanal-graph .edge .tip {{ fill: {line}; stroke: none; }}
.kanal-graph .reply path {{ stroke: {reply}; stroke-dasharray: 6 4; }}
.kanal-graph .reply .tip {{ fill: {reply}; stroke: none; }}
.kanal-graph .dead-letter path {{ stroke: {dead}; stroke-dasharray: 2 3; }}
.kanal-graph .dead-letter .tip {{ fill: {dead}; stroke: none; }}
"""


def style() -> str:
    """The style sheet; it holds no character that XML would have to escape."""
    return f"{_RULES.format_map(_LIGHT)}@media (prefers-color-scheme: dark) {{\n{_RULES.format_map(_DARK)}}}\n"
