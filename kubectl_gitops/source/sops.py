"""Opens files that SOPS has encrypted with age, in memory: YAML, JSON, environment variables, and any other file.

A file is taken whole or not at all: its MAC says that no value was changed, added, moved or left out since it was
encrypted. Which values are encrypted is seen by looking at them, not by the rules in the file (``encrypted_regex`` and
the like): a value that should be encrypted and is not changes the MAC as any other change does.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source import sops_value
from kubectl_gitops.source.age_keys import AgeKeys
from kubectl_gitops.source.encrypted import EncryptedManifest, is_decrypted_in_cluster, is_encrypted_file
from kubectl_gitops.source.manifest import decode, parse
from kubectl_gitops.source.sops_dotenv import DotenvFile
from kubectl_gitops.source.sops_text import METADATA_FIELD, Document, Leaf, Unsupported, json_document, replaced
from kubectl_gitops.source.sops_text import yaml_documents as read_yaml
from kubectl_gitops.source.sops_value import Plain, Tampered

#: ``echo -n sops | sha256sum``: where only encrypted values count, the hash begins with it.
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()
#: Shorter ones are in any manifest.
_MIN_SECRET_LENGTH = 8
_YAML, _JSON, _DOTENV, _INI = (".yaml", ".yml"), ".json", ".env", ".ini"


class _NoKey(Exception):
    """None of the keys opens the file; the message says whose it is."""


class Decryptor:
    """Opens files with ``keys``, and remembers what was in them.

    Without ``references_allowed`` a value must not hold ``${``, which would be taken for a variable.
    """

    def __init__(self, keys: AgeKeys, *, references_allowed: bool = True) -> None:
        self._keys = keys
        self._references_allowed = references_allowed
        #: Why files were left as they are, by path.
        self._left: dict[str, str] = {}
        #: What was encrypted, as far as it is long enough to be recognized.
        self.secrets: set[str] = set()
        self.has_opened = False

    def opened(self, path: str, content: bytes) -> bytes:
        """``content`` of the file at ``path``, decrypted if SOPS has encrypted it for one of the keys.

        A file for others stays as it is. InvalidManifest for one that was changed, or that is not understood.
        """
        if not is_encrypted_file(content):
            return content
        text = decode(content, path)
        try:
            plain = self._opened(path, text)
        except _NoKey as exc:
            self._left[path] = str(exc)
            return content
        except Unsupported as exc:
            words = f"there is {exc} in this file, which SOPS writes in no file that it encrypts"
            raise InvalidManifest(words, file=path, hint="encrypt it again") from exc
        except UnicodeDecodeError as exc:
            raise InvalidManifest("a value that SOPS has encrypted is no UTF-8 text", file=path) from exc
        self.has_opened = True
        return plain

    def explained(self, error: InvalidManifest) -> InvalidManifest:
        """An error about something that is still encrypted, with the reason why it is."""
        if not isinstance(error, EncryptedManifest) or not self._left:
            return error
        path = error.file if error.file in self._left else next(iter(self._left))
        hint = f"{path}: {self._left[path]}"
        return InvalidManifest(error.reason, file=error.file, line=error.line, hint=hint)

    def _opened(self, path: str, text: str) -> bytes:
        is_object = text.lstrip().startswith("{")
        if path.endswith(_INI) or (not is_object and text.lstrip().startswith("[")):
            hint = "encrypt it as a whole: sops encrypt --input-type binary"
            raise InvalidManifest("this INI file is encrypted with SOPS, value by value", file=path, hint=hint)
        if path.endswith(_DOTENV) or (not is_object and "\nsops_mac=" in text):
            return self._opened_dotenv(path, text)
        objects: list[Any] = [
            one.object for one in parse(text.encode(), file=path) if isinstance(one.object, dict | list)
        ]
        if any(isinstance(one, dict) and is_decrypted_in_cluster(one) for one in objects):
            return text.encode()
        if not path.endswith(_YAML) and is_object and len(objects) == 1:
            documents = [json_document(text)]
            if not path.endswith(_JSON) and objects[0].keys() == {"data", METADATA_FIELD}:
                return self._values(path, text, documents, objects)[documents[0].leaves[0].start].content
        else:
            try:
                documents = list(read_yaml(text))
            except (yaml.YAMLError, ValueError) as exc:
                if isinstance(exc, Unsupported):
                    raise
                raise InvalidManifest("this file, which SOPS has encrypted, cannot be read", file=path) from exc
        return replaced(text, documents, self._values(path, text, documents, objects)).encode()

    def _values(self, path: str, text: str, documents: Sequence[Document], objects: Sequence[Any]) -> dict[int, Plain]:
        """What each encrypted leaf holds, by its start; of documents that SOPS has encrypted."""
        groups: dict[str, tuple[Mapping[str, Any], list[Document]]] = {}
        for document, obj in zip(documents, objects, strict=True):
            metadata = obj.get(METADATA_FIELD) if isinstance(obj, dict) else None
            if isinstance(metadata, dict):
                groups.setdefault(str(metadata.get("mac")), (metadata, []))[1].append(document)
        found: dict[int, Plain] = {}
        for metadata, members in groups.values():
            key = self._data_key(metadata)
            for document in members:
                opened = {leaf.start: self._leaf(leaf, key, path, text) for leaf in _encrypted(document.leaves)}
                self._note_secrets(document.leaves, opened)
                found |= opened
            check_mac(metadata, key, [leaf for one in members for leaf in one.leaves], found, path)
        return found

    def _leaf(self, leaf: Leaf, key: bytes, path: str, text: str) -> Plain:
        line = text.count("\n", 0, leaf.start) + 1
        try:
            plain = sops_value.decrypt(leaf.value, key, "".join(f"{one}:" for one in leaf.place))
        except Tampered as exc:
            where = ".".join(leaf.place)
            raise InvalidManifest(
                f"{where}: this is not what SOPS has encrypted here",
                file=path,
                line=line,
                hint="it was changed, or moved from elsewhere: take the file as it was, or encrypt it again",
            ) from exc
        if not self._references_allowed and plain.is_string and b"${" in plain.content:
            words = "what is encrypted here has a ${ in it, which would be taken for a variable"
            raise InvalidManifest(f"{'.'.join(leaf.place)}: {words}", file=path, line=line, hint="leave out substitute")
        return plain

    def _data_key(self, metadata: Mapping[str, Any]) -> bytes:
        """Raises _NoKey."""
        if metadata.get("key_groups"):
            raise _NoKey("its key is divided among several groups of keys, which cannot be put together here")
        entries = [one for one in _list(metadata.get("age")) if isinstance(one, dict)]
        for entry in entries:
            if (key := self._keys.open(str(entry.get("enc")))) is not None and len(key) == 32:
                return key
        if not entries:
            raise _NoKey("it was not encrypted for age, and no other keys can be used here")
        whose = ", ".join(str(one.get("recipient")) for one in entries[:3])
        raise _NoKey(f"it was encrypted for {whose}, and no key in {self._keys.where} is of these")

    def _note_secrets(self, leaves: Sequence[Leaf], opened: Mapping[int, Plain]) -> None:
        """Of a Secret its values; the rest of it, names above all, is known to others."""
        kind = next((leaf for leaf in leaves if leaf.place == ("kind",)), None)
        named = kind and (opened[kind.start].text if kind.start in opened else kind.value)
        for leaf in leaves:
            plain = opened.get(leaf.start)
            if plain and plain.is_string and (named != "Secret" or leaf.place[:1] in {("data",), ("stringData",)}):
                self._note(plain.content)

    def _note(self, content: bytes) -> None:
        text = content.decode(errors="replace").strip()
        if len(text) >= _MIN_SECRET_LENGTH:
            self.secrets.add(text)

    def _opened_dotenv(self, path: str, text: str) -> bytes:
        file = DotenvFile.read(text)
        key = self._data_key(file.metadata)
        opened = {leaf.start: self._leaf(leaf, key, path, text) for leaf in _encrypted(file.leaves)}
        self._note_secrets(file.leaves, opened)
        check_mac(file.metadata, key, file.leaves, opened, path)
        return file.with_values(opened)


def check_mac(
    metadata: Mapping[str, Any], key: bytes, leaves: Iterable[Leaf], opened: Mapping[int, Plain], path: str
) -> None:
    """InvalidManifest unless the file is as SOPS has encrypted it."""
    only_encrypted = str(metadata.get("mac_only_encrypted", "")).lower() == "true"
    computed = hashlib.sha512(_ONLY_ENCRYPTED if only_encrypted else b"")
    for leaf in leaves:
        plain = opened.get(leaf.start)
        if plain is not None:
            computed.update(plain.in_mac)
        elif not only_encrypted:
            computed.update(leaf.mac)
    try:
        mac = sops_value.decrypt(str(metadata.get("mac")), key, str(metadata.get("lastmodified"))).content
    except Tampered:
        mac = b""
    if not hmac.compare_digest(mac, computed.hexdigest().upper().encode()):
        raise InvalidManifest(
            "this file is not as SOPS has encrypted it: a value was changed, added or taken away (MAC mismatch)",
            file=path,
            hint="change such files with sops edit or sops set only; take the file as it was, or encrypt it again",
        )


def _encrypted(leaves: Iterable[Leaf]) -> list[Leaf]:
    return [leaf for leaf in leaves if sops_value.is_value(leaf.value)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
