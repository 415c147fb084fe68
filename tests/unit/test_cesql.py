"""CESQL beyond the conformance kit: where it says that a text is wrong, what it means, and that nothing makes it crash."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventing.errors import Invalid
from eventing.filters import cesql
from eventing.filters.cesql import MAX_DEPTH, MAX_LENGTH, Outcome
from eventing.filters.cesql.like import matcher

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with something else."""

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "com.a", "hop": "5", "flag": "true", "word": "abc"}


def outcome(text: str, **more: Any) -> Outcome:
    return cesql.parse(text).evaluate((EVENT | more).get)


def value(text: str, **more: Any) -> Any:
    found = outcome(text, **more)
    assert found.error == "", found
    return found.value


def parsed(text: str) -> tuple[cesql.Expression | None, Invalid | None]:
    try:
        return cesql.parse(text), None
    except Invalid as refusal:
        return None, refusal


@pytest.mark.parametrize(
    ("text", "column", "expected", "fix"),
    [
        ("", 1, "expected an attribute, a value", "write for instance"),
        ("type = 'x' AND", 15, "expected an attribute", "write for instance"),
        ("type == 'x'", 7, "found =", "write one ="),
        ("type = 'x", 8, "no closing '", "add '"),
        ("a = \"it's", 5, 'no closing "', 'add "'),
        ("  type\n= 'x' 'y'", 14, "expected an operator or the end, found 'y'", "AND"),
        ("(a = 1", 7, "expected ), found the end", "add )"),
        ("a = 1)", 6, "expected an operator or the end, found )", "take it out"),
        ("a IN ()", 7, "expected an attribute", "write for instance"),
        ("a IN 'x'", 6, "expected (, found 'x'", "IN ('a', 'b')"),
        ("a IN (1, 2", 11, "expected , or ), found the end", "add )"),
        ("a IN (1 2)", 9, "expected , or ), found 2", "between them"),
        ("ABC(", 5, "expected an attribute", "write for instance"),
        ("LENGTH(a,)", 10, "found )", "write for instance"),
        ("a LIKE b", 8, "expected the pattern, a string, found b", "LIKE 'com.example.%'"),
        ("a LIKE ('b')", 8, "expected the pattern", "write for instance"),
        ("a NOT = 3", 7, "expected LIKE or IN, found =", "NOT LIKE"),
        ("EXISTS 'a'", 8, "expected the name of an attribute", "EXISTS subject"),
        ("EXISTS LENGTH(a)", 14, "expected an operator or the end", "take it out"),
        ("a = IN", 5, "found IN", "is a word of CESQL"),
        ("a_b = 1", 1, "a_b is no attribute name", "letters and digits"),
        ("F1(a)", 1, "F1 is no name of a function", "docs/filters.md"),
        ("_a(1)", 1, "_a is no name of a function", "docs/filters.md"),
        ("a = 2147483648", 5, "no 32-bit integer", "in quotes"),
        ("a = -2147483649", 6, "no 32-bit integer", "in quotes"),
        ("a = " + "9" * 5000, 5, "no 32-bit integer", "in quotes"),
        ("a & b", 3, "'&' means nothing", "AND"),
        ("!a", 1, "'!' means nothing", "NOT"),
        ("type = com.example", 11, "'.' means nothing", "single quotes"),
        ("type = \u201cx\u201d", 8, "means nothing", "single quotes"),
        ("a = 'b' \x00", 9, "'\\x00' means nothing", "single quotes"),
        ("ä = 1", 1, "means nothing", "single quotes"),
    ],
)
def test_what_does_not_parse_is_told_with_its_column_what_was_expected_and_a_fix(
    text: str, column: int, expected: str, fix: str
) -> None:
    with pytest.raises(Invalid) as refused:
        cesql.parse(text)
    assert refused.value.message.startswith(f"column {column}: ")
    assert expected in refused.value.message
    assert fix in refused.value.fix
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("NOT a = b", "(NOT a) = b"),
        ("NOT a LIKE 'x'", "(NOT a) LIKE 'x'"),
        ("-a * b", "(- a) * b"),
        ("a AND b OR c", "a AND (b OR c)"),
        ("a OR b AND c XOR d", "a OR (b AND (c XOR d))"),
        ("(a AND b) OR c", "(a AND b) OR c"),
        ("a OR b OR c", "a OR b OR c"),
        ("a = b < c", "(a = b) < c"),
        ("a + b - c * d % 3", "(a + b) - ((c * d) % 3)"),
        ("a = b + 1 AND c <> d", "(a = (b + 1)) AND (c != d)"),
        ("a + b LIKE 'x'", "a + (b LIKE 'x')"),
        ("a LIKE 'x' NOT IN (TRUE, 'y')", "(a LIKE 'x') NOT IN (TRUE, 'y')"),
        ("not exists A and lower(B) like 'x_'", "(NOT (EXISTS a)) AND (LOWER(b) LIKE 'x_')"),
        ("4-1", "4 - 1"),
        ("4 - -1", "4 - -1"),
        ("--4", "- -4"),
        ("+4", "4"),
        ("'it''s' = \"it's\"", '"it\'s" = "it\'s"'),
        ("a\t=\r\n1", "a = 1"),
        ("007", "7"),
        ("1a = 0", "1a = 0"),
    ],
)
def test_operators_bind_as_the_official_grammar_has_them(text: str, understood: str) -> None:
    expression = cesql.parse(text)
    assert expression.understood() == understood
    assert cesql.parse(understood).understood() == understood


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hop = 5", True), ("hop = '5'", True), ("5 = hop", True), ("hop = '05'", False), ("hop < 10", True),
        ("'+5' = 5", True), ("flag = TRUE", True), ("flag = 'TRUE'", False), ("flag AND hop = 5", True),
        ("flag XOR flag XOR flag", True), ("TRUE XOR FALSE OR TRUE", False), ("FALSE XOR TRUE AND FALSE", False),
        ("TRUE XOR FALSE AND FALSE", True), ("CONCAT()", ""), ("CONCAT_WS(',')", ""),
        ("-7 / 2", -3), ("7 / -2", -3), ("-7 % 2", -1), ("7 % -2", 1), ("-7 % -2", -1), ("-7 / -2", 3),
        ("2147483647 + 0", 2147483647), ("-2147483648 - 0", -2147483648), ("10 - 3 - 2", 5), ("100 / 10 / 2", 5),
        ("hop IN (1, 5)", True), ("5 IN ('4', hop)", True), ("hop NOT IN ('5')", False), ("5 IN (5, 'abc')", True),
        ("TRUE IN (flag)", True), ("word IN (1, TRUE, 'abc')", True), ("'true' IN (TRUE)", True),
        ("EXISTS id AND EXISTS ID AND NOT EXISTS subject", True),
        ("LENGTH('é😀')", 2), ("CONCAT_WS('-', 1, TRUE, 'a')", "1-true-a"), ("UPPER(word)", "ABC"), ("lower('ÄB')", "äb"),
        ("TRIM('\u00a0\t a \u3000')", "a"), ("LENGTH(TRIM('\x1c'))", 1), ("RIGHT('abc', 0)", ""), ("LEFT('abc', '1')", "a"),
        ("SUBSTRING('abc', 2, 0)", ""), ("SUBSTRING('abc', -1, 9)", "c"), ("SUBSTRING('abc', 3)", "c"),
        ("ABS('-3') + 1", 4), ("INT('-0007')", -7), ("BOOL('tRuE')", True), ("STRING(1 = 1)", "true"),
        ("'a\\b' = 'a\\b'", True), ("LENGTH('a\\\\b')", 4), ("LENGTH('\\'')", 1), ("LENGTH('\\\"')", 2),
        ("FALSE AND FOO()", False), ("TRUE OR 1 / 0 = 1", True),
        ("word LIKE 'a\\_c'", False), ("word LIKE '\\a%'", False), ("'\\a' LIKE '\\a'", True), ("word NOT LIKE '%c'", False),
    ],
    ids=str,
)  # fmt: skip
def test_an_expression_gives_this_value(text: str, expected: Any) -> None:
    found = value(text)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("text", "error", "expected"),
    [
        ("subject", "missingAttribute", False),
        ("subject != 'a'", "missingAttribute", False),
        ("subject NOT LIKE 'a'", "missingAttribute", False),
        ("subject NOT IN ('a')", "missingAttribute", False),
        ("subject = 'a' OR TRUE", "missingAttribute", False),
        ("1 IN (subject)", "missingAttribute", False),
        ("CONCAT(subject, 'a')", "missingAttribute", ""),
        ("LENGTH(subject)", "missingAttribute", 0),
        ("word + 1", "cast", 0),
        ("word = 1", "cast", False),
        ("word != 1", "cast", False),
        ("word < 1", "cast", False),
        ("hop = TRUE", "cast", False),
        ("1 AND TRUE", "cast", False),
        ("NOT word", "cast", True),
        ("1 IN (word, 1)", "cast", False),
        ("' 5' = 5", "cast", False),
        ("'5_0' = 50", "cast", False),
        ("'\u0665' = 5", "cast", False),
        ("'2147483648' = 5", "cast", False),
        ("'" + "9" * 5000 + "' = 5", "cast", False),
        ("LEFT(word, 'b')", "cast", ""),
        ("ABS(word)", "cast", 0),
        ("2147483647 + 1", "math", 2147483647),
        ("-2147483648 - 1", "math", -2147483648),
        ("65536 * 65536 = 0", "math", False),
        ("-2147483648 / -1", "math", 2147483647),
        ("-(-2147483648)", "math", 2147483647),
        ("hop / 0 + 7", "math", 0),
        ("LEFT(word, -1) = 'abc'", "functionEvaluation", False),
        ("LENGTH(LEFT(word, -1))", "functionEvaluation", 0),
        ("CONCAT(LEFT(word, -1), 'a')", "functionEvaluation", ""),
        ("SUBSTRING('', 1)", "functionEvaluation", ""),
        ("SUBSTRING('abc', 0, -1)", "functionEvaluation", ""),
        ("FOO()", "missingFunction", False),
        ("FOO() = 1", "missingFunction", False),
        ("LENGTH()", "missingFunction", False),
        ("LENGTH(1, 2)", "missingFunction", False),
        ("SUBSTRING('a')", "missingFunction", False),
        ("CONCAT(FOO())", "missingFunction", ""),
    ],
)
def test_an_error_gives_its_kind_and_the_zero_value_of_the_outermost_operation(
    text: str, error: str, expected: Any
) -> None:
    found = outcome(text)
    assert (found.error, type(found.value), found.value) == (error, type(expected), expected)
    assert found.message
    assert not found.passed


def test_attributes_may_have_types_where_an_event_has_types() -> None:
    assert value("n = 5 AND n < 6 AND n IN (4, 5) AND n LIKE '5'", n=5) is True
    assert value("flag = TRUE AND flag AND flag = 'true'", flag=True) is True


def test_only_the_boolean_true_passes_a_filter() -> None:
    for text in ("hop", "'true'", "1", "flag", "FALSE", "subject = 'a'", "1 / 0", "FOO()"):
        assert cesql.parse(text).filter()(EVENT.get) is False
    assert cesql.parse("BOOL(flag)").filter()(EVENT.get) is True


def test_an_expression_tells_the_attributes_that_it_names_and_the_functions_that_there_are_not() -> None:
    expression = cesql.parse("EXISTS a AND LENGHT(b) = A OR CONCAT_WS() = c")
    assert expression.attributes() == ["a", "b", "c"]
    assert expression.missing_functions() == [
        ("column 14: there is no function LENGHT", "use LENGTH"),
        ("column 31: CONCAT_WS can't take 0 arguments", "give it 1 or more"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH,
        "(" * 4000 + "1" + ")" * 4000,
        "NOT " * MAX_DEPTH + "a",
        "-" * 8000 + "a",
        "a" + " LIKE ''" * 1000,
        "a" + " = 1" * 2000,
        "1" + "+1" * 4000,
        "ABS(" * 2000,
        "a IN (" * 1000 + "1" + ")" * 1000,
        "x" * (MAX_LENGTH + 1),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_too_deep_or_too_long_is_refused_and_never_exhausts_the_stack(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        cesql.parse(text)
    assert "more than" in refused.value.message
    assert refused.value.fix


def test_a_long_chain_of_alternatives_is_not_deep() -> None:
    text = " OR ".join(f"(type = 'com.{n}')" for n in range(300))
    assert len(text) < MAX_LENGTH
    assert value(text) is False
    assert value(text, type="com.299") is True


def test_the_deepest_that_parses_evaluates() -> None:
    depth = MAX_DEPTH - 1
    text = "ABS(1 + " * (depth // 2) + "hop" + ")" * (depth // 2)
    assert value(text) == 5 + depth // 2


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%a_%", "xab", True), ("%a_b%", "aab", True), ("%a_%", "xa", False), ("%_b%c", "xbbc", True), ("%a_c%", "aabc", True), ("%_%", "", False),
        ("%ab%b", "ab", False), ("%a_%b", "ab", False), ("a%a", "a", False), ("ab%bc", "abc", False), ("a_%_a", "aba", False),
        ("a_%_a", "abba", True), ("_", "a", True), ("_", "ab", False), ("", "", True), ("", "a", False), ("%", "", True),
    ],
)  # fmt: skip
def test_like_never_counts_a_character_twice(pattern: str, text: str, expected: bool) -> None:
    assert matcher(pattern)(text) is expected


@settings(unhurried, max_examples=300)
@given(st.text(alphabet="ab%_\\\n", max_size=8), st.text(alphabet="ab%_\\\n", max_size=12))
def test_like_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    parts = re.findall(r"\\[%_]|.", pattern, re.DOTALL)
    rewritten = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[-1]) for part in parts)
    assert matcher(pattern)(text) is (re.fullmatch(rewritten, text, re.DOTALL) is not None)


def test_like_takes_no_longer_for_a_pattern_that_would_make_others_try_again_and_again() -> None:
    assert matcher("%a" * 2000 + "%b")("a" * 60_000) is False
    assert matcher("%" + "a_" * 1000 + "c%")("a" * 60_000 + "b") is False
    assert matcher("%" * 4000 + "b")("a" * 60_000) is False


WORDS = [
    "AND", "or", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "false", "type", "subject", "n1", "LENGTH", "CONCAT_WS", "LEFT",
    "SUBSTRING", "ABS", "INT", "BOOL", "FOO", "(", ")", ",", "+", "-", "*", "/", "%", "=", "!=", "<>", "<", "<=", ">", ">=",
    "0", "1", "-1", "2147483647", "99999999999", "'a'", '"a"', "'%_'", "'", '"', "\\", "'5'", "'true'", " ", "\n", "é", ".",
]  # fmt: skip


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    """Expressions that parse, more often than not with meaning."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(
            st.sampled_from(["type", "subject", "n1", "'a'", '"5"', "'true'", "0", "7", "-3", "TRUE", "EXISTS n1"])
        )
    inner = expressions(depth - 1)
    kind = draw(st.sampled_from(["binary", "logic", "unary", "like", "in", "call"]))
    left = draw(inner)
    if kind in ("binary", "logic"):
        signs = ["AND", "OR", "XOR"] if kind == "logic" else ["=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"]
        text = f"{left} {draw(st.sampled_from(signs))} {draw(inner)}"
    elif kind == "unary":
        text = f"{draw(st.sampled_from(['NOT', '-']))} {left}"
    elif kind == "like":
        text = f"{left} {draw(st.sampled_from(['', 'NOT ']))}LIKE {draw(st.sampled_from(['a%', '_', '%5%']))!r}"
    elif kind == "in":
        text = f"{left} IN ({', '.join(draw(st.lists(inner, min_size=1, max_size=3)))})"
    else:
        names = [
            "LENGTH",
            "CONCAT",
            "CONCAT_WS",
            "LEFT",
            "RIGHT",
            "SUBSTRING",
            "ABS",
            "INT",
            "BOOL",
            "STRING",
            "TRIM",
            "FOO",
        ]
        text = f"{draw(st.sampled_from(names))}({', '.join([left, *draw(st.lists(inner, max_size=2))])})"
    return f"({text})" if draw(st.booleans()) else text


values = st.text(max_size=6) | st.sampled_from(["5", "-3", "true", "FALSE", "a", ""]) | st.none()
attribute_sets = st.fixed_dictionaries({"type": values, "subject": values, "n1": values})


@unhurried
@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join) | st.lists(st.sampled_from(WORDS)).map("".join), attribute_sets)  # fmt: skip
@example("'", {})
@example("\\", {})
def test_any_text_either_parses_and_evaluates_or_is_refused_with_a_reason(
    text: str, attributes: dict[str, Any]
) -> None:
    expression, refusal = parsed(text)
    if expression is None:
        assert refusal is not None
        assert refusal.message
        assert refusal.fix
        return
    found = expression.evaluate(attributes.get)
    assert type(found.value) in (bool, int, str)
    assert expression.filter()(attributes.get) is found.passed


@unhurried
@given(expressions(), attribute_sets)
def test_an_expression_means_the_same_when_it_is_written_with_all_its_brackets(
    text: str, attributes: dict[str, Any]
) -> None:
    expression = cesql.parse(text)
    again = cesql.parse(expression.understood())
    found, same = expression.evaluate(attributes.get), again.evaluate(attributes.get)
    assert (found.value, found.error) == (same.value, same.error)
    assert type(found.value) in (bool, int, str)
    if type(found.value) is int:
        assert -(2**31) <= found.value < 2**31
    assert found.error in ("", "math", "cast", "missingAttribute", "missingFunction", "functionEvaluation")
