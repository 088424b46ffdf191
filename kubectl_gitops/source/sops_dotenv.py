"""Files of environment variables, as SOPS encrypts them: ``NAME=ENC[…]``, and ``sops_…=…`` for its own notes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_gitops.source.sops_text import Leaf, Unsupported
from kubectl_gitops.source.sops_value import Plain

_METADATA = "sops_"
_AGE = re.compile(r"age__list_(\d{1,6})__map_(enc|recipient)")


@dataclass(slots=True)
class DotenvFile:
    """Its lines, each with what was noted of it; a leaf's ``start`` is the number of its line, from 0."""

    lines: list[str] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> DotenvFile:
        """Raises Unsupported."""
        file, age = cls(), dict[str, dict[str, str]]()
        for line in text.split("\n"):
            name, equals, value = line.partition("=")
            value = value.replace("\\n", "\n")
            if name.startswith(_METADATA):
                noted = name.removeprefix(_METADATA)
                file.metadata[noted] = value
                if match := _AGE.fullmatch(noted):
                    age.setdefault(match[1], {})[match[2]] = value
                file.metadata |= {"key_groups": True} if noted.startswith("key_groups") else {}
                continue
            if line and not line.startswith("#"):
                if not equals:
                    raise Unsupported("a line that sets no variable")
                file.leaves.append(Leaf((name,), len(file.lines), len(file.lines), value, value.encode()))
            file.lines.append(line)
        file.metadata["age"] = [age[number] for number in sorted(age, key=int)]
        return file

    def with_values(self, plain: Mapping[int, Plain]) -> bytes:
        """The file without what SOPS has added. Raises UnicodeDecodeError."""
        lines = list(self.lines)
        for leaf in self.leaves:
            if leaf.start in plain:
                value = plain[leaf.start].text.replace("\n", "\\n")
                lines[leaf.start] = f"{leaf.place[0]}={value}"
        return "\n".join(lines).encode()
