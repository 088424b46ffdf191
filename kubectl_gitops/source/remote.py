"""The repository that a mirror mirrors: what it has, and taking it over. What fails says what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.gitcommand import GitCommand, GitFailed
from kubectl_gitops.source.network import REMOTE, Network
from kubectl_gitops.source.revision import REMOTE_HEAD

_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
#: Servers that cannot leave files out send them all.
_BLOBLESS = "--filter=blob:none"
#: What a manifest seldom exceeds.
_SMALL_FILES = "--filter=blob:limit=64k"

_HINTS = (
    ("IDENTIFICATION HAS CHANGED", "the host shows another key than the one in known_hosts: find out why first"),
    ("Host key verification failed", "add the host's key to known_hosts"),
    ("Permission denied (publickey", "the repository does not accept this ssh key"),
    ("could not read Username", "the repository is private or does not exist; give credentials for it"),
    ("Authentication failed", "the credentials are wrong or have expired"),
    ("returned error: 403", "the credentials are accepted, but may not read this repository"),
    ("response 407", "the proxy wants credentials, or others: http://user:password@host:port"),
    ("returned error: 30", "the repository is elsewhere; take its new URL, because redirects are not followed"),
    ("unable to get local issuer", "the server's certificate is of an authority that is not known; give its ca.crt"),
    ("self-signed certificate", "the server's certificate is of an authority that is not known; give its ca.crt"),
    ("server certificate verification failed", "give the ca.crt that the server's certificate was issued by"),
    ("certificate subject name", "the server's certificate is for another host"),
    ("alert certificate required", "the server wants a client certificate: tls.crt and tls.key"),
    ("Certificate is required", "the server wants a client certificate: tls.crt and tls.key"),
    ("dubious ownership", "the repository belongs to another user of this machine"),
    ("ut of memory", "the server answers with more than anybody needs, and was given up"),
    ("died of signal 25", "the repository is larger than it may be"),
    ("File too large", "the repository is larger than it may be"),
)


class Remote:
    """The remote of the repository that ``git`` works on. Whoever fetches holds the mirror's lock.

    With ``blobless`` fetching brings the history, but few files: those come when they are needed, by ``fetch_files``.
    """

    def __init__(self, git: GitCommand, network: Network, *, blobless: bool) -> None:
        self._git = git
        self._network = network
        self._filter = (_BLOBLESS,) if blobless else ()

    def listing(self) -> dict[str, str]:
        """The hash of each branch and tag, by full name: one short question, however much there is."""
        with self._reaching():
            answer = self._git.run_remote("ls-remote", "--quiet", "--heads", "--tags", "--refs", "--", REMOTE)
        return parse_references(answer)

    def fetch(self, *, again: bool) -> None:
        """All branches and tags, and HEAD; those that are gone are removed.

        ``again``, small files come along with what is new: they are few, and likely to be needed at once.
        """
        if again and self._filter:
            try:
                self._fetch_all(_SMALL_FILES)
                return
            except SourceError:
                pass  # those may be too many after all
        self._fetch_all(*self._filter)

    def _fetch_all(self, *filters: str) -> None:
        with self._reaching():
            try:
                self._fetch("--prune", *filters, "--", REMOTE, *_REFSPECS, f"+HEAD:{REMOTE_HEAD}")
            except GitFailed as exc:
                # An empty repository, and a bundle of some branches, have no HEAD.
                if "remote ref HEAD" not in exc.stderr:
                    raise
                self._fetch("--prune", *filters, "--", REMOTE, *_REFSPECS)
                self._git.run("update-ref", "-d", REMOTE_HEAD)

    def fetch_reference(self, name: str) -> bool:
        """One other reference under its own name; False, and it is removed, if there is none.

        It costs no more than to ask for it: where nothing has moved, nothing is sent.
        """
        with self._reaching():
            try:
                self._fetch(*self._filter, "--", REMOTE, f"+{name}:{name}")
            except GitFailed as exc:
                if "find remote ref" not in exc.stderr:
                    raise
                self._git.run("update-ref", "-d", name)
                return False
            return True

    def fetch_commit(self, sha: str) -> bool:
        """A commit that no branch and no tag holds any more; False where the server has or gives none."""
        with self._reaching():
            try:
                self._fetch(*self._filter, "--", REMOTE, f"+{sha}:refs/kubectl-gitops/commits/{sha}")
            except GitFailed as exc:
                if any(sign in exc.stderr for sign in ("not our ref", "unadvertised object", "find remote ref", sha)):
                    return False
                raise
            return True

    def fetch_files(self, shas: Iterable[str]) -> None:
        """The content of files that a blobless fetch left out, by their hashes, at once."""
        with self._reaching():
            stdin = "".join(f"{sha}\n" for sha in shas).encode()
            # As git itself asks for what it lacks: what we have would tell the server nothing.
            self._git.run_remote(
                "-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
                "--no-auto-maintenance", "--no-recurse-submodules", _BLOBLESS, "--stdin", "--", REMOTE, stdin=stdin,
            )  # fmt: skip

    def _fetch(self, *arguments: str) -> None:
        self._git.run_remote(
            "fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *arguments
        )

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except GitFailed as exc:
            raise SourceError(
                f"cannot reach repository {self._network.address.shown}: {exc.words}", hint=self._hint(exc.stderr)
            ) from exc

    def _hint(self, stderr: str) -> str:
        given = self._network.credentials
        if given and given.bearer_token and "could not read Username" in stderr:
            return f"the server does not accept the bearerToken of {given.where}"
        hint = next((hint for sign, hint in _HINTS if sign in stderr), "")
        return f"{hint} ({given.where})" if hint and given else hint


def parse_references(listing: bytes) -> dict[str, str]:
    """Lines of hash, tab and name, as ls-remote and for-each-ref write them."""
    lines = [line.partition("\t") for line in listing.decode(errors="replace").splitlines()]
    return {name: sha for sha, _, name in lines}
