"""Options that do not go together are told before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kubectl_gitops.cli.frame import gitops
from tests.unit.cli.test_options import KUBECONFIG


@pytest.mark.parametrize(
    ("args", "stderr"),
    [
        (["sync"], "error: say what to sync: the name of a GitSync, or -f with a directory or repository\n"),
        (["diff"], "error: say what to compare: the name of a GitSync, or -f with a directory or repository\n"),
        (["render"], "error: say what to render: the name of a GitSync, or -f with a directory or repository\n"),
        (["adopt"], "error: say what to adopt: the name of a GitSync, or -f with a directory or repository\n"),
        (["adopt", "shop", "-f", "."], "error: give the name of a GitSync or -f, not both\n"),
        (["export"], "error: give KIND/NAME, KIND or --all-in-namespace\n"),
        (
            ["export", "cm/a", "--all-in-namespace"],
            "error: give KIND/NAME, KIND or --all-in-namespace, not both\n",
        ),
        (
            ["export", "cm/a", "-l", "a=b"],
            "error: -l selects among the objects of a KIND: give no KIND/NAME with it\n",
        ),
        (
            ["export", "secret/a", "--include-secrets"],
            "error: --include-secrets goes with -d DIR\nhint: Secrets are never written to stdout\n",
        ),
        (["sync", "shop", "-f", "."], "error: give the name of a GitSync or -f, not both\n"),
        (["render", "shop", "-f", "."], "error: give the name of a GitSync or -f, not both\n"),
        (
            ["drift", "shop", "-f", "."],
            "error: -f compares with files; give it without a GitSync's name and without -A\n",
        ),
        (
            ["sync", "shop", "--revision", "v2"],
            (
                "error: --revision, --path, --name, --prune and -o go with -f\n"
                "hint: the reconciler syncs a GitSync as its own spec says\n"
            ),
        ),
        (
            ["diff", "shop", "--prune"],
            "error: --name and --prune go with -f alone\nhint: a GitSync has its own spec.sync.prune\n",
        ),
        (
            ["drift", "shop", "--revision", "v2"],
            (
                "error: --revision and --path go with -f\n"
                "hint: drift compares with what was synced; kubectl gitops diff NAME --revision compares with another\n"
            ),
        ),
        (["drift", "deploy/web", "-A"], "error: KIND/NAME is one object: give -n for its namespace, and no -A\n"),
        (
            ["drift", "shop", "-w", "-o", "junit"],
            (
                "error: -o junit makes one file; --watch goes with table, wide, name, diff, json, yaml or "
                "jsonpath=TEMPLATE\n"
            ),
        ),
        (["create"], "error: a GitSync needs a NAME and --repo URL (or -f FILE)\n"),
        (["create", "shop", "-f", "shop.yaml"], "error: give NAME and options, or -f with a file, not both\n"),
        (
            ["sync", "shop", "--timeout", "soon"],
            "error: --timeout: not a duration: 'soon' (write 30s, 5m or 1h30m)\n",
        ),
    ],
)
def test_what_does_not_go_together(args: list[str], stderr: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(KUBECONFIG)
    result = CliRunner().invoke(gitops, [*args, *([] if args == ["render"] else ["--kubeconfig", str(kubeconfig)])])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", stderr)


def test_a_gitsync_s_file_and_the_options_name_one_namespace(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        "apiVersion: kubectl-gitops.dev/v1alpha1\nkind: GitSync\nmetadata: {name: shop, namespace: team}\n"
        "spec: {source: {repoURL: 'https://git.example/shop.git'}}\n"
    )
    create = ["create", "-f", str(file), "--dry-run", "-n"]
    result = CliRunner().invoke(gitops, [*create, "other"])
    assert (result.exit_code, result.stderr) == (2, f"error: {file} says namespace team, and -n says other\n")
    assert CliRunner().invoke(gitops, [*create, "team"]).exit_code == 0
