"""Annotations in Git say in which wave an object is synced, whether it is a hook, and what may be done with it."""

from __future__ import annotations

import pytest

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.health.model import Health, HealthStatus
from kubectl_gitops.sync.directives import directives_of
from kubectl_gitops.sync.hooks import HookState, hook_state, named_hook
from kubectl_gitops.sync.options import Removal, SyncOptions
from kubectl_gitops.sync.waves import Phase
from tests.unit.sync.annotated import annotated


def waves(declared: Declared) -> list[str]:
    return [str(wave) for wave in directives_of(declared).waves]


def options(**annotations: str) -> SyncOptions:
    return directives_of(annotated(**annotations)).options


# Waves


@pytest.mark.parametrize(
    ("annotations", "number"),
    [
        ({}, 0),
        ({"own_sync_wave": "5"}, 5),
        ({"argocd_sync_wave": "-1"}, -1),
        ({"argocd_sync_wave": "+3"}, 3),
        ({"own_sync_wave": "1", "argocd_sync_wave": "2"}, 1),
        ({"own_sync_wave": "1", "argocd_sync_wave": "soon"}, 1),
        ({"helm_hook_weight": "-2"}, -2),
        ({"helm_hook_weight": "heavy"}, 0),
        ({"argocd_sync_wave": "7", "helm_hook_weight": "-2"}, 7),
    ],
)
def test_the_wave_is_as_annotated_and_our_own_word_wins(annotations: dict[str, str], number: int) -> None:
    assert directives_of(annotated(**annotations)).wave_number == number


@pytest.mark.parametrize("value", ["", "one", "1.0", " 1", "1_0", "٣", "1\n", "9" * 5000])
def test_a_wave_that_is_no_number_is_refused_with_file_and_line(value: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        directives_of(annotated("apps/v1/Deployment", argocd_sync_wave=value))
    assert str(caught.value) == (
        "deploy/all.yaml:12: Deployment/web: annotation argocd.argoproj.io/sync-wave is not understood: "
        f'{value!r} is no whole number (write "5" or "-1")'
    )
    assert (caught.value.file, caught.value.line) == ("deploy/all.yaml", 12)


# Hooks


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, ["Sync wave 0"]),
        ({"argocd_hook": "PreSync"}, ["PreSync wave 0"]),
        ({"own_hook": "PostSync", "own_sync_wave": "2"}, ["PostSync wave 2"]),
        ({"argocd_hook": "PostSync, PreSync"}, ["PreSync wave 0", "PostSync wave 0"]),
        ({"argocd_hook": "SyncFail"}, ["SyncFail wave 0"]),
        ({"own_hook": "PreSync", "argocd_hook": "PostSync"}, ["PreSync wave 0"]),
        ({"argocd_hook": "Skip"}, []),
        ({"argocd_hook": "Skip,Sync"}, ["Sync wave 0"]),
        ({"argocd_hook": "PreDelete"}, []),
        ({"argocd_hook": "PostDelete"}, []),
    ],
)
def test_a_hook_runs_in_its_phases(annotations: dict[str, str], expected: list[str]) -> None:
    assert waves(annotated("batch/v1/Job", **annotations)) == expected


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("pre-install", ["PreSync wave 3"]),
        ("pre-upgrade", ["PreSync wave 3"]),
        ("pre-install,pre-upgrade", ["PreSync wave 3"]),
        ("post-install, post-upgrade", ["PostSync wave 3"]),
        ("pre-install,post-upgrade", ["PreSync wave 3", "PostSync wave 3"]),
        ("pre-delete", []),
        ("post-delete", []),
        ("test", []),
        ("test-success", []),
        ("pre-rollback", []),
        ("test,post-install", ["PostSync wave 3"]),
        ("crd-install", ["Sync wave 3"]),
    ],
)
def test_hooks_of_helm_are_mapped_as_argo_cd_maps_them(hook: str, expected: list[str]) -> None:
    assert waves(annotated("batch/v1/Job", helm_hook=hook, helm_hook_weight="3")) == expected


def test_where_both_are_annotated_the_hook_of_helm_does_not_count() -> None:
    assert waves(annotated("batch/v1/Job", argocd_hook="PostSync", helm_hook="pre-install")) == ["PostSync wave 0"]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, ["BeforeHookCreation"]),
        ({"argocd_hook_delete_policy": "HookSucceeded"}, ["HookSucceeded"]),
        ({"own_hook_delete_policy": "HookFailed,HookSucceeded"}, ["HookSucceeded", "HookFailed"]),
        ({"helm_hook_delete_policy": "before-hook-creation,hook-failed"}, ["HookFailed", "BeforeHookCreation"]),
        ({"helm_hook_delete_policy": "some-day"}, ["BeforeHookCreation"]),
        (
            {"argocd_hook_delete_policy": "HookFailed", "helm_hook_delete_policy": "hook-succeeded"},
            ["HookSucceeded", "HookFailed"],
        ),
        ({"own_hook_delete_policy": "HookFailed", "helm_hook_delete_policy": "hook-succeeded"}, ["HookFailed"]),
    ],
)
def test_when_a_hook_is_deleted(annotations: dict[str, str], expected: list[str]) -> None:
    hook = directives_of(annotated("batch/v1/Job", argocd_hook="PreSync", **annotations)).hook
    assert hook is not None
    assert list(hook.delete_policies) == expected


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({"argocd_hook": "presync"}, "hook is not understood: presync (there is PreSync, Sync, PostSync, SyncFail, "),
        ({"own_hook": "PreSync,Now"}, "kubectl-gitops.dev/hook is not understood: Now (there is "),
        ({"own_hook": ""}, "kubectl-gitops.dev/hook is not understood: nothing (there is "),
        (
            {"argocd_hook": "Sync", "argocd_hook_delete_policy": "hook-succeeded"},
            "hook-delete-policy is not understood: hook-succeeded (there is HookSucceeded, HookFailed, Before",
        ),
    ],
)
def test_a_hook_that_would_never_run_by_mistake_is_refused(annotations: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidManifest, match=r"^deploy/all\.yaml:12: Job/web: ") as caught:
        directives_of(annotated("batch/v1/Job", **annotations))
    assert words in str(caught.value)


def test_an_object_without_a_name_yet_is_named_by_what_its_name_is_made_from() -> None:
    job = annotated("batch/v1/Job", argocd_hook="presync")
    job.object["metadata"] |= {"name": "", "generateName": "migrate-"}
    with pytest.raises(InvalidManifest, match="Job/migrate-: "):
        directives_of(job)


def generated(prefix: str = "migrate-") -> Declared:
    job = annotated("batch/v1/Job", argocd_hook="PreSync")
    del job.object["metadata"]["name"]
    job.object["metadata"]["generateName"] = prefix
    return job


def test_a_hook_without_a_name_gets_one_from_revision_and_phase() -> None:
    made = named_hook(generated(), Phase.PRE_SYNC, "0d521c6e049889134f3122eb32d7ed342f43ca0d")
    assert made.name == "migrate-0d521c6-presync"
    assert "generateName" not in made.object["metadata"]
    assert made.origin == generated().origin


def test_the_same_sync_gives_the_same_name_and_another_one_another() -> None:
    names = [named_hook(generated(), phase, sha).name for phase in Phase for sha in ("a" * 40, "b" * 40, "", "")]
    assert len(names) == 16
    assert len(set(names)) == 12


def test_a_made_name_is_short_enough_to_label_pods() -> None:
    made = named_hook(generated("a" * 200), Phase.POST_SYNC, "c" * 40)
    assert len(made.name) == 63
    assert made.name.endswith("-postsync")


def test_a_hook_with_a_name_keeps_it() -> None:
    job = annotated("batch/v1/Job", "migrate", argocd_hook="PreSync")
    assert named_hook(job, Phase.PRE_SYNC, "a" * 40) is job


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (HealthStatus.HEALTHY, HookState.SUCCEEDED),
        (HealthStatus.PROGRESSING, HookState.RUNNING),
        (HealthStatus.SUSPENDED, HookState.RUNNING),
        (HealthStatus.DEGRADED, HookState.FAILED),
        (HealthStatus.UNKNOWN, HookState.FAILED),
        (HealthStatus.MISSING, HookState.FAILED),
    ],
)
def test_what_became_of_a_hook_is_told_by_its_health(status: HealthStatus, state: HookState) -> None:
    assert hook_state(Health(status)) is state


# Options


def test_nothing_said_is_nothing_special() -> None:
    assert options() == SyncOptions()


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"argocd_sync_options": "Prune=false"}, SyncOptions(prune=Removal.DISABLED, prune_is_said=True)),
        ({"argocd_sync_options": "Prune=confirm"}, SyncOptions(prune=Removal.CONFIRM, prune_is_said=True)),
        ({"own_prune": "disabled"}, SyncOptions(prune=Removal.DISABLED, prune_is_said=True)),
        (
            {"own_prune": "confirm", "argocd_sync_options": "Prune=false"},
            SyncOptions(prune=Removal.CONFIRM, prune_is_said=True),
        ),
        ({"argocd_sync_options": "Delete=false"}, SyncOptions(delete=Removal.DISABLED)),
        (
            {"argocd_sync_options": " Delete=confirm , Prune=true"},
            SyncOptions(delete=Removal.CONFIRM, prune_is_said=True),
        ),
        ({"helm_resource_policy": "keep"}, SyncOptions(delete=Removal.DISABLED)),
        ({"helm_resource_policy": "keep", "argocd_sync_options": "Delete=true"}, SyncOptions()),
        ({"argocd_sync_options": "Force=true"}, SyncOptions(recreate=True)),
        ({"argocd_sync_options": "Force=true,Replace=true"}, SyncOptions(recreate=True, unsupported=("Replace=true",))),
        ({"own_force": "recreate"}, SyncOptions(recreate=True)),
        (
            {"argocd_sync_options": "SkipDryRunOnMissingResource=true"},
            SyncOptions(skip_dry_run_on_missing_kind=True),
        ),
        ({"argocd_sync_options": "ServerSideApply=true,PruneLast=true"}, SyncOptions()),
        (
            {"argocd_sync_options": "ServerSideApply=false,Validate=false,Sparkle=true"},
            SyncOptions(unsupported=("ServerSideApply=false", "Validate=false", "Sparkle=true")),
        ),
    ],
)
def test_sync_options(annotations: dict[str, str], expected: SyncOptions) -> None:
    assert options(**annotations) == expected


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({"argocd_sync_options": "Prune=no"}, "Prune=no (there is Prune=true, Prune=confirm, Prune=false)"),
        ({"argocd_sync_options": "Prune"}, "Prune= (there is "),
        ({"argocd_sync_options": "Delete=False"}, "Delete=False (there is Delete=true, "),
        ({"argocd_sync_options": "Force=yes"}, "Force=yes (there is Force=true, Force=false)"),
        (
            {"own_prune": "false"},
            "annotation kubectl-gitops.dev/prune is not understood: 'false' (there is allowed, confirm, disabled)",
        ),
        ({"own_force": "true"}, "annotation kubectl-gitops.dev/force is not understood: 'true' (there is recreate)"),
    ],
)
def test_a_misspelt_option_that_protects_an_object_is_refused(annotations: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        options(**annotations)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["v1/Namespace", "apiextensions.k8s.io/v1/CustomResourceDefinition"])
def test_what_holds_other_objects_is_never_recreated(kind: str) -> None:
    assert not directives_of(annotated(kind, argocd_sync_options="Force=true")).options.recreate
    with pytest.raises(InvalidManifest, match="is never recreated: all that is in it would be deleted"):
        directives_of(annotated(kind, own_force="recreate"))
