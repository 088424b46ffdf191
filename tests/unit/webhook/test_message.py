from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT
from tests.unit.webhook.cases import LABEL, declared, deployment, entry, live, set_at, set_label, snapshot, update, view
from webhook.message import (
    Refusal,
    as_text,
    as_warnings,
    differences,
    gitops_command,
    owner_name,
    plain,
    source_of,
    subject_of,
)
from webhook.policy import decide
from webhook.view import Owner, View

ANYTHING = st.text(max_size=400) | st.text(alphabet="é\x1b\n名", min_size=100, max_size=300)


def test_the_message_reads_as_intended() -> None:
    old = live(deployment())
    new = set_at(set_at(old, "spec.replicas", 5), "spec.template.spec.containers.0.image", "shop:1.5")
    assert decide(update(old, new), view(deployment())).message == (
        "Deployment/web in namespace shop is kept by GitSync gitops-system/shop\n"
        "  spec.replicas: Git says 3, asked 5\n"
        "  spec.template.spec.containers[name=web].image: Git says shop:1.4, asked shop:1.5\n"
        "Declared in deploy/web.yaml:7, 1a2b3c4d Jane Doe\n"
        "Change it in Git, then run: kubectl gitops sync shop -n gitops-system\n"
        "In an emergency, if you may: kubectl gitops break-glass shop -n gitops-system"
    )


def test_each_field_is_told_with_its_own_line_where_that_is_known() -> None:
    # In the order of the field set: spec, its replicas, and all else, of which nothing is known.
    known = View(
        owners=view().owners,
        snapshots={LABEL: snapshot([entry(deployment(), field_lines=(8, 9))])},
        synced=True,
    )
    old = live(deployment())
    new = set_at(set_at(old, "spec.replicas", 5), "spec.template.spec.containers.0.image", "shop:1.5")
    message = decide(update(old, set_label(new, None)), known).message
    assert message.split("\n")[1:-2] == [
        "  spec.replicas: Git says 3, asked 5 (deploy/web.yaml:16)",
        "  spec.template.spec.containers[name=web].image: Git says shop:1.4, asked shop:1.5",
        "  metadata.labels[kubectl-gitops.dev/managed-by]: Git says gitops-system.shop, asked to remove it",
        "Declared in deploy/web.yaml:7, 1a2b3c4d Jane Doe",
    ]


def test_of_many_fields_the_first_are_shown_and_the_rest_counted() -> None:
    obj = declared(data={f"key-{n:02}": "x" for n in range(60)})
    old = live(obj)
    verdict = decide(update(old, set_at(old, "data", dict.fromkeys(obj["data"], "y"))), view(obj))
    assert "  data.key-00: Git says x, asked y\n" in verdict.message
    shown = verdict.message.count("Git says")
    assert f"  and {60 - shown} more\n" in verdict.message
    assert 500 < len(verdict.message.encode()) < 1024
    warned = decide(
        update(old, set_at(old, "data", dict.fromkeys(obj["data"], "y"))), view(obj, mode=EnforcementMode.WARN)
    )
    assert "and 50 more" in warned.warnings
    assert sum(map(len, warned.warnings)) < 4096


@pytest.mark.parametrize(
    ("desired", "live_value", "said"),
    [
        (3, 5, "Git says 3, asked 5"),
        ("3", 3, 'Git says "3", asked 3'),
        ("shop:1.4", "shop 1.5", 'Git says shop:1.4, asked "shop 1.5"'),
        (True, "true", 'Git says true, asked "true"'),
        (None, ABSENT, "Git says null, asked to remove it"),
        (ABSENT, "x", "Git says nothing, asked x"),
        ({"cpu": "1"}, {}, 'Git says {"cpu":"1"}, asked {}'),
        ("\x1b[31mred", "", 'Git says "\\u001b[31mred", asked ""'),
        ("\u202etxt", "\x9b", 'Git says "\ufffdtxt", asked "\ufffd"'),
    ],
)
def test_values_are_shown_as_json_unless_they_are_plain_words(desired: object, live_value: object, said: str) -> None:
    assert differences([FieldChange(("a",), desired, live_value)], hidden=False) == (("a",), (said,))


def test_long_values_that_begin_alike_are_shown_where_they_part() -> None:
    _, (said,) = differences([FieldChange(("a",), "x" * 500 + "-old", "x" * 500 + "-new")], hidden=False)
    assert said == "Git says …xxxxxxx-old, asked …xxxxxxx-new"
    _, (said,) = differences([FieldChange(("a",), "x" * 500, "x" * 500 + "y")], hidden=False)
    assert said.endswith("xy")


def test_hidden_values_are_not_shown() -> None:
    changes = [FieldChange(("a",), "secret", ABSENT), FieldChange(("b",), {"c": "secret"}, ["secret"])]
    _, said = differences(changes, hidden=True)
    assert said == ("Git says ***, asked to remove it", "Git says ***, asked ***")


def test_a_file_without_a_commit_is_named_alone() -> None:
    assert source_of(Origin("web.yaml", 3), None) == "web.yaml:3"


@given(text=ANYTHING, limit=st.integers(3, 300))
def test_plain_text_is_printable_and_bounded(text: str, limit: int) -> None:
    assert plain(text, limit).isprintable()
    assert len(plain(text, limit).encode()) <= limit


@given(
    words=st.tuples(*[ANYTHING] * 7),
    fields=st.lists(st.tuples(ANYTHING, ANYTHING), max_size=30),
    line=st.integers(1, 10**9),
)
@example(
    words=("k" * 63, "g" * 253, "n" * 63, "o" * 253, "f" * 1024, "a" * 500, "n" * 253), fields=[("p", "v")] * 9, line=1
)
def test_messages_are_bounded_whatever_they_are_made_of(
    words: tuple[str, ...], fields: list[tuple[str, str]], line: int
) -> None:
    kind, group, namespace, name, file, author, gitsync = words
    owner = Owner(namespace=namespace[:63], name=gitsync[:253], mode=EnforcementMode.ENFORCE)
    commit = Commit(sha="ab" * 20, author=author, author_email="", time="", subject="")
    changes = [FieldChange((path,), 1, value) for path, value in fields]
    paths, details = differences(changes, hidden=False, origin_of=lambda _: Origin(file, line))
    refusal = Refusal(
        subject=subject_of(ResourceKey(group, kind, namespace, name)),
        headline=f"is kept by GitSync {owner_name(owner)}",
        paths=paths,
        details=details,
        source=source_of(Origin(file, line), commit),
        advice=f"Change it in Git, then run: {gitops_command('sync', owner)}",
        emergency=gitops_command("break-glass", owner),
    )
    text = as_text(refusal)
    assert len(text.encode()) < 1024
    assert all(one.isprintable() for one in text.split("\n"))
    assert text.count("\n") <= len(fields) + 5
    if fields:
        assert "and " in text or details[-1] in text
    assert all(len(warning.encode()) < 256 and warning.isprintable() for warning in as_warnings(refusal))


def test_names_from_git_cannot_write_to_the_terminal() -> None:
    commit = Commit(sha="ab" * 20, author="Eve\x1b[2J\r\nDeployment/web is fine", author_email="", time="", subject="")
    known = View(
        owners=view().owners,
        snapshots={LABEL: snapshot([entry(deployment(), commit=commit, origin=Origin("a\nb.yaml", 1))])},
        synced=True,
    )
    message = decide(update(live(deployment()), set_at(live(deployment()), "spec.replicas", 4)), known).message
    assert "\x1b" not in message
    assert "a\ufffdb.yaml:1, abababab Eve\ufffd[2J\ufffd\ufffdDeployment/web is fine" in message
