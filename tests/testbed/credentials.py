"""The files by which the components and their clients know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.testbed.components import SERVER_NAMES, Files
from tests.testbed.kubeconfig import write_kubeconfig, write_private
from tests.testbed.pki import Authority, new_key_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_ADMIN, _ADMIN_GROUPS = "admin", ("system:masters",)


class Credentials:
    def __init__(self, files: Files, *, url: str, controllers: Iterable[str]) -> None:
        self._files = files
        self._url = url
        self._authority = Authority()
        self._user_kubeconfigs: dict[tuple[str, tuple[str, ...]], Path] = {}
        self._write_server()
        self._write_admin()
        for name in controllers:
            self._write_kubeconfig(files.kubeconfig(name), f"system:{name}")

    @property
    def ca_pem(self) -> str:
        return self._authority.pem

    @property
    def admin_kubeconfig(self) -> Path:
        return self._files.kubeconfig(_ADMIN)

    def user_kubeconfig(self, name: str, groups: Sequence[str]) -> Path:
        key = (name, tuple(groups))
        if key not in self._user_kubeconfigs:
            # Not named by the user: names may hold slashes.
            path = self._files.kubeconfig(f"user-{len(self._user_kubeconfigs)}")
            self._user_kubeconfigs[key] = self._write_kubeconfig(path, name, groups)
        return self._user_kubeconfigs[key]

    def _write_server(self) -> None:
        server = self._authority.issue_server(SERVER_NAMES)
        self._files.ca.write_text(self.ca_pem)
        self._files.server_certificate.write_text(server.certificate_pem)
        write_private(self._files.server_key, server.key_pem)
        write_private(self._files.service_account_key, new_key_pem())

    def _write_admin(self) -> None:
        admin = self._authority.issue_client(_ADMIN, _ADMIN_GROUPS)
        self._files.admin_certificate.write_text(admin.certificate_pem)
        write_private(self._files.admin_key, admin.key_pem)
        self._write_kubeconfig(self.admin_kubeconfig, _ADMIN, _ADMIN_GROUPS)

    def _write_kubeconfig(self, path: Path, user: str, groups: Sequence[str] = ()) -> Path:
        credential = self._authority.issue_client(user, groups)
        return write_kubeconfig(path, url=self._url, ca_pem=self.ca_pem, user=user, credential=credential)
