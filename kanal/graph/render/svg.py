"""The picture as an SVG that stands alone: no script, no font, no link; in light and dark; what a colour says, a word says too.

Nodes carry `data-key`, `data-state` and `data-role`, edges `data-source`, `data-target`, `data-meaning` and, if there
is more to say, `data-text`, groups `data-group`: who embeds the picture finds everything by its `Kind/namespace/name`.
"""

from __future__ import annotations

from collections.abc import Iterator

from kanal.graph.layout import laid_out
from kanal.graph.layout.boxes import PADDING
from kanal.graph.layout.measure import fitted, width_of
from kanal.graph.layout.picture import Box, Frame, Label, Picture, Route
from kanal.graph.model import MEANINGS, Edge, Graph, Node
from kanal.graph.render.look import style
from kanal.graph.wording import one_line

_MARGIN = 20.0
_LEGEND = 30.0
_LEAST_WIDTH = 540.0
_CORNERS = {"source": 4, "broker": 12, "channel": 18, "flow": 12, "subscriber": 3, "dead letters": 3}
_TIPS = {"right": "l-8 -4v8z", "left": "l8 -4v8z", "down": "l-4 -8h8z"}
_MOST_TOLD = 10
_OUR_MARKS = dict.fromkeys(map(ord, "✗‖…·"))


def svg(graph: Graph) -> str:
    """Draw."""
    return "\n".join(_lines(graph, laid_out(graph))) + "\n"


def _lines(graph: Graph, picture: Picture) -> Iterator[str]:
    width, height = max(picture.width, _LEAST_WIDTH) + 2 * _MARGIN, picture.height + 2 * _MARGIN + _LEGEND
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="kanal-graph" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="graphics-document document" '
        'aria-labelledby="kanal-graph-title kanal-graph-desc">'
    )
    yield '<title id="kanal-graph-title">Kanal: what sends to what</title>'
    yield f'<desc id="kanal-graph-desc">{escaped(_summary(graph))}</desc>'
    yield f"<style>\n{style()}</style>"
    yield f'<rect class="bg" width="{width:.0f}" height="{height:.0f}"/>'
    yield f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">'
    for frame in picture.frames:
        yield from _frame(frame)
    for route in picture.routes:
        yield from _route(graph, route)
    for box in picture.boxes:
        yield from _box(box)
    if not picture.boxes:
        yield _text("name", 0, 16, "nothing to draw")
    yield "</g>"
    yield from _legend(graph, height - _MARGIN)
    yield "</svg>"


def _summary(graph: Graph) -> str:
    """The picture in sentences, for who does not see it."""
    broken = graph.in_state("broken")
    told = "; ".join(f"{node.title}: {node.reason}" for node in broken[:_MOST_TOLD])
    more = f"; and {len(broken) - _MOST_TOLD} more" if len(broken) > _MOST_TOLD else ""
    found = f"{len(broken)} broken: {told}{more}." if broken else "Nothing is broken."
    return f"{len(graph.nodes)} nodes, {len(graph.edges)} connections. {found}"


def _frame(frame: Frame) -> Iterator[str]:
    yield f'<g class="frame" data-group="{escaped(frame.group.key)}">'
    yield f'<rect rx="8" {_place(frame)}/>'
    yield _text("", frame.x + 10, frame.y + 16, one_line(frame.group.label), frame.width - 20)
    yield "</g>"


def _box(box: Box) -> Iterator[str]:
    node = box.node
    kinds = f"{node.role.replace(' ', '-')} {node.state}"
    data = f'data-key="{escaped(node.key)}" data-state="{node.state}" data-role="{node.role}"'
    yield f'<g class="node {kinds}" {data} role="graphics-symbol img">'
    yield f"<title>{escaped(_told(node))}</title>"
    yield f'<rect class="box" rx="{_CORNERS.get(node.role, 0)}" {_place(box)}/>'
    down = (box.height - (box.rows[-1].baseline + PADDING)) / 2
    for row in box.rows:
        yield _text(row.look, box.x + PADDING, box.y + max(down, 0.0) + row.baseline, row.text)
    yield "</g>"


def _told(node: Node) -> str:
    state = f" is {node.state}: {node.reason}" if node.state != "ok" else ""
    return f"{node.title}{state}{f' ({node.detail})' if node.detail else ''}"


def _route(graph: Graph, route: Route) -> Iterator[str]:
    edge, (x, y) = route.edge, route.tip
    data = f'data-source="{escaped(edge.source)}" data-target="{escaped(edge.target)}" data-meaning="{edge.meaning}"'
    data += f' data-text="{escaped(edge.text)}"' if edge.text else ""
    yield f'<g class="edge {edge.meaning.replace(" ", "-")}" {data}>'
    yield f"<title>{escaped(_sentence(graph, edge))}</title>"
    yield f'<path d="{route.path}"/>'
    yield f'<path class="tip" d="M{x:.1f} {y:.1f}{_TIPS[route.heading]}"/>'
    if route.label is not None:
        yield _label(route.label)
    yield "</g>"


def _sentence(graph: Graph, edge: Edge) -> str:
    """The edge read aloud."""
    source, target = graph.by_key[edge.source].title, graph.by_key[edge.target].title
    remark = f" ({edge.text})" if edge.text else ""
    if edge.meaning == "reads from":
        return f"{target} reads from {source}{remark}"
    verb = "sends to" if edge.meaning == "sends to" else f"{edge.meaning} to"
    return f"{source}: {verb} {target}{remark}"


def _label(label: Label) -> str:
    return _text("label", label.x, label.y, label.text, anchor=' text-anchor="end"' if label.ends else "")


def _legend(graph: Graph, y: float) -> Iterator[str]:
    """What the lines mean."""
    x = _MARGIN
    for meaning in MEANINGS[1:]:
        words = "events" if meaning == "sends to" else meaning
        yield f'<g class="edge {meaning.replace(" ", "-")}">'
        yield f'<path d="M{x:.0f} {y - 4:.0f}h34"/><path class="tip" d="M{x + 40:.0f} {y - 4:.0f}{_TIPS["right"]}"/></g>'
        yield _text("legend", x + 46, y, words)
        x += 46 + width_of(words, 10) + 24
    counts = ", ".join(
        f"{len(found)} {state}" for state in ("broken", "unknown", "paused") if (found := graph.in_state(state))
    )
    yield _text("legend", x, y, counts or "nothing is broken")


def _text(look: str, x: float, y: float, text: str, room: float = 0.0, anchor: str = "") -> str:
    """One line; in a font that nobody knows, letters outside of ASCII are held to the width that was reckoned with."""
    size = {"name": 12.5, "": 11.0}.get(look, 10.0)
    if room:
        text = fitted(text, size, room)
    foreign = not text.translate(_OUR_MARKS).isascii()
    held = f' textLength="{width_of(text, size):.1f}" lengthAdjust="spacingAndGlyphs"' if foreign else ""
    return f'<text class="{look}" x="{x:.1f}" y="{y:.1f}"{anchor}{held}>{escaped(text)}</text>'


def _place(thing: Box | Frame) -> str:
    return f'x="{thing.x:.1f}" y="{thing.y:.1f}" width="{thing.width:.1f}" height="{thing.height:.1f}"'


def escaped(text: str) -> str:
    """The text as it stands in an element or in quotes, in ASCII, so that no encoding on the way harms it."""
    safe = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace('"', "&quot;").replace("'", "&#39;").encode("ascii", "xmlcharrefreplace").decode()
