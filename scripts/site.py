"""What `mkdocs.yml` cannot say: all decisions are in the navigation, and data files that pages link to in the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
#: By their directory, the files of the programs that pages link to; the site has them beside the pages.
_DATA = {"../kubectl_gitops/diff/": ("human_managers.json", "ignored_by_default.json")}


def on_config(config: Any) -> Any:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    for section in config["nav"]:
        if "Decisions" in section:
            section["Decisions"] = [f"decisions/{path.name}" for path in decisions]
    return config


def on_files(files: Files, config: Any) -> Files:
    for directory, names in _DATA.items():
        for name in names:
            files.append(File.generated(config, name, content=(ROOT / "docs" / directory / name).read_text()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    for directory in _DATA:
        markdown = markdown.replace(f"]({directory}", "](")
    return markdown
