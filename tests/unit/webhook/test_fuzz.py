"""Requests of any shape against the policy as a whole, near to real ones: ``CASES=100000`` tries more of them."""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.objects import Object
from tests.unit.webhook.cases import LABEL, OWNER, RECONCILER, SEALING_KEY, declared, deployment, live, review, view
from webhook.policy import decide
from webhook.requester import Exemption
from webhook.review import BadReview, Request, read_review
from webhook.verdict import Outcome, Reason, Undecided, Verdict
from webhook.view import View

CASES = int(os.environ.get("CASES", "10000"))

SECRET = declared("Secret", data={"password": "aHVudGVyMg=="})
CONFIG = declared(data={"mode": "prod", "level": "3"})
OBJECTS = (deployment(), CONFIG, SECRET)
NAMESPACE: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
USERS = ("bob", "", "system:serviceaccount:ops:operator", "system:serviceaccount:kube-system:namespace-controller")
#: What a field may be turned into.
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 1.5, "", "x", "\x1b[2J", "\u202e", "x" * 3_000, [], [None], ["x"], [{}], {}, {"x": {}},
    {"": ""}, {"name": "x"}, [{"name": "web"}, {"name": "web"}], LABEL, "bmV3LW9uZQ==",
)  # fmt: skip


def mutated(obj: Object, rng: random.Random) -> Object:
    """A copy with up to three values anywhere replaced, removed or added."""
    changed = copy.deepcopy(obj)
    for _ in range(rng.randint(0, 3)):
        nodes = list(containers(changed))
        node = rng.choice(nodes)
        key: Any = rng.choice([*(node if isinstance(node, dict) else range(len(node))), "new"])
        match node, rng.randrange(3):
            case dict(), 0:
                node.pop(key, None)
            case dict(), _:
                node[key] = copy.deepcopy(rng.choice(ODD))
            case list(), 0 if key != "new":
                del node[key]
            case list(), _ if key != "new":
                node[key] = copy.deepcopy(rng.choice(ODD))
            case list(), _:
                node.append(copy.deepcopy(rng.choice(ODD)))
    return changed


def containers(node: Any) -> list[Any]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    below = [one for child in children for one in containers(child)]
    return [node, *below] if isinstance(node, (dict, list)) else below


def body_of(rng: random.Random) -> bytes:
    base = rng.choice((*OBJECTS, NAMESPACE))
    old = base if base is NAMESPACE else live(base)
    arguments: dict[str, Any] = {"user": rng.choice(USERS), "dryRun": rng.random() < 0.1}
    if rng.random() < 0.15:
        arguments |= {"subResource": rng.choice(["scale", "status", "", "x"])}
    if rng.random() < 0.1 and base is not NAMESPACE:
        bound = live(base, finalizers=["example.org/hold"], ownerReferences=[{"kind": "x", "name": "x", "uid": "x"}])
        return orjson.dumps(between(old, old, bound, **arguments))
    operation = rng.choice(["CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE"])
    sent = between(old, mutated(old, rng), mutated(old, rng), operation=operation, **arguments)
    return orjson.dumps(mutated(sent, rng) if rng.random() < 0.2 else sent)


def between(whole: Object, old: Object, new: Object, *, operation: str = "UPDATE", **arguments: Any) -> Object:
    """A review of a change of ``whole``, with these before and after."""
    sent = review(operation, old=whole, new=whole, **arguments)
    sent["request"] |= {"object": new, "oldObject": old}
    return sent


def views(rng: random.Random) -> View:
    exempt = (Exemption.of({"groups": ["system:*"], "fields": ["/data", "/spec/replicas"]}),)
    owner = replace(
        OWNER,
        mode=rng.choice([EnforcementMode.ENFORCE, *EnforcementMode]),
        deny_additions=rng.random() < 0.5,
        exempt=exempt if rng.random() < 0.2 else (),
    )
    known = view(*OBJECTS, owners={LABEL: owner}, sealing_key=rng.choice([SEALING_KEY, None]))
    return rng.choice([known, known, known, replace(known, synced=False), View(owners=known.owners, synced=True)])


def answer_to(body: bytes, known: View, seed: int) -> Verdict | str:
    """The verdict, or why there is none."""
    try:
        return decide(read_review(orjson.loads(body)), known)
    except BadReview:
        return "bad"
    except Undecided:
        return "undecided"
    except ValueError as exc:
        if "not FieldsV1" in str(exc) or "not a FieldsV1 key" in str(exc):
            return "malformed"  # HTTP 500; the API server sends none such
        raise AssertionError(f"seed {seed}: {body.decode()}") from exc
    except Exception as exc:
        raise AssertionError(f"seed {seed}: {body.decode()}") from exc


def check(verdict: Verdict) -> None:
    assert (verdict.message == "") == verdict.allowed
    assert len(verdict.message.encode()) < 1024
    assert all(line.isprintable() for line in verdict.message.split("\n"))
    assert all(len(one.encode()) < 256 and one.isprintable() for one in verdict.warnings)
    said = [verdict.message, *verdict.warnings, *verdict.audit_annotations().values()]
    assert not any(value in text for text in said for value in ("aHVudGVyMg", "hunter2", "hmac-sha256"))


def test_any_request_gets_a_verdict_or_is_bad_and_nothing_else_is_raised() -> None:
    """The same cases each time: a seed of its own for each of them, to be tried again alone."""
    seen: Counter[str] = Counter()
    for seed in range(CASES // 4):
        rng = random.Random(seed)
        body = body_of(rng)
        known = views(rng)
        answer = answer_to(body, known, seed)
        if isinstance(answer, Verdict):
            check(answer)
        seen[answer if isinstance(answer, str) else answer.reason.value] += 1
    assert seen.keys() >= {"bad", "undecided", "Diverges", "DeletesDeclared", "DeletesNamespace", "Adds", "Exempt"}, (
        seen
    )


def test_whatever_changes_in_what_git_declares_is_never_allowed_but_for_a_reason_to() -> None:
    """The values of declared data, changed at random by a person: only what ends as it was or as Git says may pass."""
    known = view(CONFIG)
    rng = random.Random(0)
    for _ in range(CASES // 10):
        new = live(CONFIG)
        new["data"] = mutated(new["data"], rng)
        body = review("UPDATE", old=live(CONFIG), new=new)
        verdict = decide(read_review(orjson.loads(orjson.dumps(body))), known)
        is_kept = {name: new["data"].get(name) for name in CONFIG["data"]} == CONFIG["data"]
        assert verdict.allowed is is_kept, new
        assert decide(read_review(body | {"request": body["request"] | by_reconciler()}), known).allowed


def by_reconciler() -> Object:
    return {"userInfo": {"username": "x", "extra": RECONCILER}}


def test_modes_change_the_outcome_and_never_the_finding() -> None:
    rng = random.Random(1)
    for _ in range(CASES // 20):
        body = between(live(CONFIG), live(CONFIG), mutated(live(CONFIG), rng))
        try:
            request = read_review(body)
        except BadReview:
            continue
        with suppress(ValueError):  # malformed managedFields
            compare_modes(request)


def compare_modes(request: Request) -> None:
    found = {mode: decide(request, view(CONFIG, mode=mode)) for mode in EnforcementMode}
    enforced = found[EnforcementMode.ENFORCE]
    for mode, outcome in ((EnforcementMode.WARN, Outcome.WARN), (EnforcementMode.AUDIT, Outcome.AUDIT)):
        assert (found[mode].reason, found[mode].fields) == (enforced.reason, enforced.fields)
        assert found[mode].outcome is (Outcome.ALLOW if enforced.allowed else outcome)
    assert found[EnforcementMode.OFF].allowed
    assert found[EnforcementMode.OFF].reason in {
        Reason.ENFORCEMENT_OFF,
        Reason.NOT_MANAGED,
        Reason.UNKNOWN_GITSYNC,
    }
