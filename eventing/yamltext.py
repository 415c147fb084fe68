"""YAML text cut into documents, each read by itself, so that a broken one hides no other.

libyaml's messages speak of tokens and states; the usual slips are told here in the words of somebody who wrote a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from eventing.kinds.wording import printable
from eventing.yamltree import Document, Flaw, is_empty

MAX_FILE = 32 * 1024 * 1024
"""The longest file, in characters."""
MAX_DOCUMENT = 4 * 1024 * 1024
"""The longest document, in characters; Kubernetes' own limit for an object is 1.5 MiB."""

_SEPARATOR = re.compile(r"---(?:[ \t\r]|$)")
_PREAMBLE = re.compile(r"\s*(?:#.*)?|%.*|\.\.\.\s*", re.DOTALL)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")

# libyaml's problem -> message, fix, and whether the line is where the construct began rather than where it failed.
_SLIPS: dict[str, tuple[str, str, bool]] = {
    "mapping values are not allowed in this context": (
        "a second field begins here, where the line before it has no end yet",
        'indent it like its neighbours, or put a text that holds ": " in quotes',
        False,
    ),
    "could not find expected ':'": ("a field's name stands here without a colon", 'write "name: value"', True),
    "did not find expected key": (
        "the line does not fit to those around it",
        "indent the fields of one mapping alike, and close quotes and brackets",
        False,
    ),
    "did not find expected '-' indicator": (
        'a list goes on here without "- "',
        "indent its items alike, and the field after it less",
        False,
    ),
    "did not find expected ',' or ']'": ("the [ that opens here is not closed", "add ]", True),
    "did not find expected ',' or '}'": ("the { that opens here is not closed", "add }", True),
    "found unexpected end of stream": ("the quote that opens here is not closed", "add the closing quote", True),
    "found undefined alias": (
        "the alias names no anchor above it",
        "define it with & first, or put the * in quotes",
        False,
    ),
    "second occurrence": ("the anchor has this name already", "give it another name", False),
    "found unexpected document indicator": (
        "a new document begins before the quote that opens here is closed",
        "add the closing quote",
        True,
    ),
}


def documents(data: str | bytes) -> Iterator[Document | Flaw]:
    """Every document of a file that is not empty, in order; a flaw in place of each that is no YAML."""
    text = _decoded(data)
    if isinstance(text, Flaw):
        yield text
        return
    for lines_above, chunk in _chunks(text):
        yield from _composed(chunk, lines_above)


def _decoded(data: str | bytes) -> str | Flaw:
    if len(data) > MAX_FILE:
        return Flaw(1, f"the file is longer than {MAX_FILE // 1024 // 1024} MiB", "split it")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        return Flaw(error.object.count(b"\n", 0, error.start) + 1, "the text is not UTF-8", "save the file as UTF-8")
    return text.removeprefix("\ufeff")


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """The text between the lines that begin with `---`, each with the number of lines above it."""
    start = 0
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if _SEPARATOR.match(line) and not all(map(_PREAMBLE.fullmatch, lines)):
            yield start, "\n".join(lines)
            start, lines = number, []
        lines.append(line)
    yield start, "\n".join(lines)


def _composed(chunk: str, lines_above: int) -> Iterator[Document | Flaw]:
    if len(chunk) > MAX_DOCUMENT:
        yield Flaw(lines_above + 1, f"the document is longer than {MAX_DOCUMENT // 1024 // 1024} MiB", "split it")
        return
    odd = _UNPRINTABLE.search(chunk)
    if odd is not None:
        line = chunk.count("\n", 0, odd.start()) + 1 + lines_above
        yield Flaw(line, f"the character U+{ord(odd[0]):04X} may not stand in YAML", "take it out")
        return
    loader = yaml.CSafeLoader(chunk)
    try:
        while loader.check_node():
            root = loader.get_node()
            if root is not None and not is_empty(root):
                yield Document(root, lines_above, len(chunk))
    except yaml.YAMLError as error:
        yield _flaw(error, chunk, lines_above)
    finally:
        loader.dispose()


def _flaw(error: yaml.YAMLError, chunk: str, lines_above: int) -> Flaw:
    problem = str(getattr(error, "problem", None) or error)
    began, failed = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    message, fix, at_beginning = _SLIPS.get(problem, (f"no YAML: {printable(problem)}", "", False))
    mark = began if at_beginning and began is not None else failed or began
    index = 0 if mark is None else int(mark.line)
    lines = chunk.split("\n")
    line = lines[index] if index < len(lines) else ""
    if problem == "found character that cannot start any token" and failed is not None:
        column = int(failed.column)
        message, fix = _no_token(line[column : column + 1])
    if "{{" in line:
        fix = "if this is a template, render it first"
    return Flaw(index + 1 + lines_above, message, fix)


def _no_token(char: str) -> tuple[str, str]:
    if char == "\t":
        return "a tab indents the line", "indent with spaces"
    return f"a text can't begin with {printable(char)}", "put it in quotes"
