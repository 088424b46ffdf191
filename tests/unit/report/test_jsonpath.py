"""JSONPath templates. What the cases expect was compared with k8s.io/client-go/util/jsonpath, kubectl's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.as_jsonpath import evaluate
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.gotext import compact_json, printed
from kubectl_gitops.report.jsonpath_syntax import parse
from kubectl_gitops.report.model import DriftReportList
from tests.unit.report.samples import DEBUG, IMAGE, REPLICAS, drift_report, missing, modified, orphaned

REPORT = drift_report(modified(REPLICAS, IMAGE, DEBUG), missing(), orphaned())

DOCUMENT: dict[str, Any] = {
    "kind": "List",
    "number": 3,
    "float": 1e7,
    "yes": True,
    "nothing": None,
    "empty": [],
    "items": [
        {"name": "a", "kind": "X", "size": 1, "labels": {"example.com/team": "red"}, "parts": [{"id": 1}, {"id": 2}]},
        {"name": "b", "kind": "Y", "size": 5, "on": True, "parts": [{"id": 3}]},
        {"name": "c<&", "kind": "X", "size": 9, "on": False, "parts": []},
    ],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no braces", "no braces"),
        ("{.kind}", "List"),
        ("{$.kind} {@.kind} {['kind']}", "List List List"),
        ("{.items[0].name}{.items[-1].name}", "ac<&"),
        ("{.items[*].name}", "a b c<&"),
        ("{.items[1:].name}|{.items[:-1].name}|{.items[0:3:2].name}|{.items[1:1].name}", "b c<&|a b|a c<&|"),
        ("{.items[0,2].name}", "a c<&"),
        ("{.items[*]['name','size']}", "a b c<& 1 5 9"),
        (r"{.items[0].labels.example\.com/team}{.items[0].labels['example\.com/team']}", "redred"),
        ("{..id}", "1 2 3"),
        ("{.items[0].parts[*].*}", "1 2"),
        ("{.number}{.float}{.yes}{.nothing}", "31e+07truenull"),
        ("{.items[0].parts}", '[{"id":1},{"id":2}]'),
        ("{.items[2]}", r'{"kind":"X","name":"c\u003c\u0026","on":false,"parts":[],"size":9}'),
        ("{.no.such.thing}{.items[*].no}{.empty[*].x}", ""),
        ('{.items[?(@.kind=="X")].name}', "a c<&"),
        ("{.items[?(@.kind!='X')].name}", "b"),
        ("{.items[?(@.size>=5)].name}|{.items[?(@.size<5)].name}", "b c<&|a"),
        ("{.items[?(@.on==true)].name}|{.items[?(@.on)].name}", "b|b c<&"),
        ('{.items[?(@.name==")")].name}', ""),
        ('{range .items[*]}{.name}{"\\t"}{.size}{"\\n"}{end}', "a\t1\nb\t5\nc<&\t9\n"),
        ("{range .items[*]}{.name}:{range .parts[*]}{.id},{end};{end}{.kind}", "a:1,2,;b:3,;c<&:;List"),
        ("{range .empty[*]}{.name}{range .parts[*]}{.id}{end}x{end}y", "y"),
        ("{range .items[*]}{.name}", "abc<&"),
        ('{"quoted \\"text\\" \\u00e9\\x41\\101"}{\'it\\\'s {here}\'}', 'quoted "text" éAAit\'s {here}'),
        ("{3}{-1.50}{true}", "3-1.5true"),
        ("}{.kind}}", "}List}"),
    ],
)
def test_templates_give_what_kubectl_gives(template: str, text: str) -> None:
    assert evaluate(parse(template), DOCUMENT) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.kind", "not closed"),
        ("{\n}", "not closed"),
        ("{kind}", "fields begin with a dot"),
        ("{.items[}", r"a closing \]"),
        ("{.items[x]}", r"\[x\] is neither an index"),
        ("{.items[?(@.a==1]}", r"a closing \)\]"),
        ("{.items[?(@.a=~'x')]}", "'=' is no comparison|regular expressions"),
        ("{.items[?(@.a==1 && @.b==2)]}", "no && in filters"),
        ("{.items[?(@.a<>1)]}", "'<>' is no comparison"),
        ("{.a | length}", "no functions"),
        ("{.a....b}", "followed by another"),
        ("{1.2.3}", "no number"),
        ('{"open}', "a closing quote"),
        ('{"\\q"}', "no escape"),
        ("{end}", "without a {range"),
        ("", "needs a template"),
    ],
)
def test_what_is_not_supported_is_said_before_the_cluster_is_asked(template: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        render(REPORT, f"jsonpath={template}")
    assert caught.value.hint or template == "{end}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.items[7].name}", "not within a list of 3"),
        ("{.items[2:1]}", "not within a list of 3"),
        ("{.items[0:3:0]}", "more than 0"),
        ("{.kind[0]}", "a string is no list"),
        ("{.items[0][?(@.a)]}", "a map is no list"),
        ("{.items[?(@.parts[*].id==1)]}", "one value with one value"),
    ],
)
def test_what_cannot_be_taken_from_the_document_is_an_error(template: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        evaluate(parse(template), DOCUMENT)


def test_where_kubectl_gives_up_values_that_cannot_be_compared_are_different() -> None:
    assert evaluate(parse('{.items[?(@.size=="1")].name}'), DOCUMENT) == ""
    assert evaluate(parse('{.items[?(@.size!="1")].name}'), DOCUMENT) == "a b c<&"
    assert evaluate(parse("{.items[?(@.parts[1])].name}"), DOCUMENT) == "a"


def test_the_document_is_that_of_json() -> None:
    template = '{range .objects[*]}{.namespace}/{.name}: {.fields[*].path}{"\\n"}{end}{.summary.drifted}'
    paths = "spec.replicas spec.template.spec.containers[name=web].image metadata.labels.debug"
    assert render(REPORT, f"jsonpath={template}") == f"/shop: \nshop/settings: \nshop/web: {paths}\n3"
    two = DriftReportList(items=(REPORT, REPORT))
    assert render(two, 'jsonpath={.items[*].objects[?(@.kind=="Deployment")].name}') == "web web"
    assert render(REPORT, "jsonpath={.objects[?(@.line==12)].name}={.kind}") == "settings=DriftReport"


def test_what_a_terminal_would_obey_is_escaped_in_values_and_stays_in_the_template() -> None:
    document = {"bad": "a\x1b[2J\tb\r\nc\u202e", "nested": ["\x9b"]}
    assert evaluate(parse("{.bad}|{.nested}|{'\\x1b'}"), document) == ('a\\u001b[2J\tb\\r\nc\\u202e|["\\u009b"]|\x1b')


@pytest.mark.parametrize(
    ("value", "text", "json_text"),
    [
        (1.0, "1", "1"),
        (1.5, "1.5", "1.5"),
        (1e6, "1e+06", "1000000"),
        (123456.0, "123456", "123456"),
        (1234567.5, "1.2345675e+06", "1234567.5"),
        (1e21, "1e+21", "1e+21"),
        (-0.0, "-0", "-0"),
        (1e-5, "1e-05", "0.00001"),
        (1.5e-9, "1.5e-09", "1.5e-9"),
        (True, "true", "true"),
        (12, "12", "12"),
        ("<\u2028>", "<\\u2028>", r'"\u003c\u2028\u003e"'),
        ({"b": [], "a": None}, '{"a":null,"b":[]}', '{"a":null,"b":[]}'),
    ],
)
def test_values_are_written_as_go_writes_them(value: Any, text: str, json_text: str) -> None:
    assert printed(value) == text
    assert compact_json(value) == json_text


@given(st.text(alphabet="{}[]()?@$.*,:'\"\\ab1 -<>=!~|&\nrange", max_size=30))
def test_no_template_is_more_than_refused(template: str) -> None:
    try:
        text = render(REPORT, f"jsonpath={template}")
    except InvalidInput:
        return
    assert isinstance(text, str)
