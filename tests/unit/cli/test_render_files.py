"""``kubectl gitops render -o dir --to DIR``: one file for each object, and none elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.cli.frame import gitops
from kubectl_gitops.cli.render_files import write_files
from kubectl_gitops.errors import InvalidInput

OBJECTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: shop}
stringData: {a: hunter2}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:Reader"}
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "out"


def render(target: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        gitops, ["render", "-f", "-", "-o", "dir", "--to", str(target), *arguments], input=OBJECTS
    )


def written(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir())


def declared(kind: str = "ConfigMap", name: str = "a", namespace: str = "", line: int = 1) -> Declared:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return Declared(object={"apiVersion": "v1", "kind": kind, "metadata": metadata}, origin=Origin("a.yaml", line))


def test_each_object_has_its_file(target: Path) -> None:
    result = render(target)
    assert (result.exit_code, result.stdout) == (0, f"wrote 3 files below {target}\n")
    first, second, third = written(target)
    assert (second, third) == ("cluster/namespace-shop.yaml", "shop/secret-key.yaml")
    assert first.startswith("cluster/clusterrole-system-reader-")  # a hash tells it from others alike
    assert yaml.safe_load((target / second).read_text())["metadata"] == {"name": "shop"}


def test_values_of_secrets_are_masked(target: Path) -> None:
    render(target)
    assert yaml.safe_load((target / "shop" / "secret-key.yaml").read_text())["stringData"] == {"a": "***"}


def test_a_directory_that_holds_anything_takes_force(target: Path) -> None:
    render(target)
    (target / "mine").write_text("kept")
    (target / "cluster" / "namespace-shop.yaml").write_text("old")
    result = render(target)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {target} is not empty\nhint: --force ")
    assert render(target, "--force").exit_code == 0
    assert (target / "mine").read_text() == "kept"
    assert "kind: Namespace" in (target / "cluster" / "namespace-shop.yaml").read_text()


@pytest.mark.parametrize("odd", ["../../x", "/etc/x", "..", ".", "a/b", "a\0b", "A" * 300, "-", "é", "con:1", "a\nb"])
def test_no_name_leads_out_of_the_directory(target: Path, odd: str) -> None:
    objects = [declared(name=odd), declared(kind=odd, name="b"), declared(namespace=odd, name="c")]
    assert write_files(objects, target, force=False) == 3
    assert len(written(target)) == 3
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_no_link_in_the_directory_is_followed(target: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (target / "cluster").mkdir(parents=True)
    (target / "cluster" / "configmap-a.yaml").symlink_to(outside / "file")
    write_files([declared()], target, force=True)
    assert (outside / "file").read_text() == "mine"
    (target / "shop").symlink_to(outside)
    with pytest.raises(InvalidInput, match="is a link, and may lead elsewhere"):
        write_files([declared(namespace="shop")], target, force=True)
    assert written(outside) == ["file"]


def test_objects_whose_names_would_be_one_file_have_two(target: Path) -> None:
    objects = [declared(), declared(namespace="cluster"), declared(name="A"), declared(name="a-")]
    write_files(objects, target, force=False)
    assert len(written(target)) == len(objects)


@pytest.mark.parametrize("arguments", [["-o", "dir"], ["--to", "x"], ["--force"]])
def test_the_options_go_together(arguments: list[str]) -> None:
    result = CliRunner().invoke(gitops, ["render", "-f", "-", *arguments], input=OBJECTS)
    assert result.exit_code == 2
    assert result.stderr == "error: -o dir and --to DIR go together, and --force with them\n"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = render(tmp_path / "file" / "below")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: cannot write {tmp_path}/file")
