"""`make generate`: what is made from the schema, the commands and the names. A test compares all with the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kubectl_gitops.api.schema import custom_resource_definition, schema
from scripts.reference import cli_text, names_text

ROOT = Path(__file__).parents[1]
CRD = ROOT / "manifests" / "base" / "crd.yaml"
REFERENCE = ROOT / "docs" / "gitsync.md"
CLI = ROOT / "docs" / "cli.md"
NAMES = ROOT / "docs" / "names.md"

_CRD_HEAD = "# Made from kubectl_gitops/api/gitsync.schema.json by `make generate`; not to be edited.\n"
_REFERENCE_HEAD = """\
# The GitSync resource

<!-- Made from kubectl_gitops/api/gitsync.schema.json by `make generate`; not to be edited. -->

A GitSync (`kubectl-gitops.dev/v1alpha1`, short name `gs`) names a path in a Git repository that a part of the cluster
shall be equal to. `kubectl gitops create -f FILE` checks one offline and names each fault with its path.

```yaml
apiVersion: kubectl-gitops.dev/v1alpha1
kind: GitSync
metadata:
  name: shop
  namespace: gitops-system
spec:
  source:
    repoURL: https://git.example/shop.git
    revision: main
    path: deploy
  target:
    namespace: shop
  sync:
    prune: true
```

A GitSync in `gitops-system` without a `serviceAccountName` acts with the reconciler's own rights. Anywhere else the
account is required, and must be in the GitSync's namespace.

"""
_STATUS = """
## Status

`status.conditions` follow the conventions of kstatus, so that `kubectl wait --for=condition=Ready gitsync/NAME` works:

| condition | meaning |
|---|---|
| `Ready` | synced, and nothing has drifted |
| `Synced` | the last attempt to sync went well; its message says what it did, or what failed and where |
| `Drifted` | something in the cluster is not as the synced revision says; `status.drift` lists it |
| `Healthy` | every object is [healthy](health.md), or paused on purpose; the reason is the worst there is |
| `Fighting` | there only while somebody [keeps changing an object](reconciler.md#who-keeps-changing-it) |
| `Contested` | there only while [another GitSync](reconciler.md#two-gitsyncs-one-object) declares the same object |
| `Reconciling` | there only while a sync is running |
| `Stalled` | there only while a person must do something first; its message says what |
"""


def crd_text() -> str:
    return _CRD_HEAD + yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=120)


def reference_text() -> str:
    rows = "\n".join(_rows(schema()["properties"]["spec"], "spec"))
    return f"{_REFERENCE_HEAD}| field | type | default | meaning |\n|---|---|---|---|\n{rows}\n{_STATUS}"


def _rows(node: dict[str, Any], path: str, *, optional_in: str = "") -> Iterator[str]:
    required = node.get("required", [])
    required_words = f"required in `{optional_in}`" if optional_in else "required"
    for name, sub in node["properties"].items():
        if sub.get("properties"):
            within = optional_in if name in required else "" if "default" in sub else name
            yield from _rows(sub, f"{path}.{name}", optional_in=within)
            continue
        kind = " \\| ".join(sub["enum"]) if "enum" in sub else sub["type"]
        default = required_words if name in required else f"`{str(sub['default']).lower()}`" if "default" in sub else ""
        if isinstance(sub.get("default"), str):
            default = f"`{sub['default']}`"
        yield f"| `{path}.{name}` | {kind} | {default} | {sub.get('description', '')} |"


def main() -> None:
    CRD.write_text(crd_text())
    REFERENCE.write_text(reference_text())
    CLI.write_text(cli_text())
    NAMES.write_text(names_text())


if __name__ == "__main__":
    main()
