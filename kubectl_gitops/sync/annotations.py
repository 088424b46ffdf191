"""What annotations of an object say, each in our own words or in Argo CD's or Helm's. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeVar

from kubectl_gitops.api.objects import Object

E = TypeVar("E", bound=StrEnum)


class Annotation(NamedTuple):
    """One annotation of an object."""

    name: str
    value: str

    @property
    def items(self) -> tuple[str, ...]:
        """What commas separate, each once, in order."""
        return tuple(dict.fromkeys(part for part in map(str.strip, self.value.split(",")) if part))

    def members(self, kinds: type[E]) -> tuple[E, ...]:
        """The items as members of ``kinds``. Raises InvalidAnnotation where one is none, and where there are none."""
        known = {str(kind): kind for kind in kinds}
        unknown = [item for item in self.items if item not in known]
        if unknown or not self.items:
            raise InvalidAnnotation(self, f"{', '.join(unknown) or 'nothing'} (there is {', '.join(known)})")
        return tuple(known[item] for item in self.items)


class InvalidAnnotation(ValueError):
    """An annotation says what cannot be meant; the message names it, and what may be said."""

    def __init__(self, annotation: Annotation, why: str) -> None:
        super().__init__(f"annotation {annotation.name} is not understood: {why}")


def annotation_of(obj: Object, name: str) -> Annotation | None:
    """The annotation ``name``, or None. A live object's annotations are always texts, and so are Git's."""
    value = (obj["metadata"].get("annotations") or {}).get(name)
    return None if value is None else Annotation(name, str(value))


def first_annotation(obj: Object, names: Iterable[str]) -> Annotation | None:
    """The first of ``names`` that an object has: our own word comes first, and then only it counts."""
    return next((found for name in names if (found := annotation_of(obj, name))), None)
