"""What is wrong with an installation: each check asks the cluster, and says what it found and what to do."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kubectl_gitops import __version__
from kubectl_gitops.api.names import API_VERSION, KIND, PROBE_WEBHOOK_NAME, WEBHOOK_CONFIGURATION, WEBHOOK_REGISTERED
from kubectl_gitops.api.objects import Object, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.installation.manifests import IMAGE_NAME, namespace_of
from kubectl_gitops.installation.probing import probe_webhook
from kubectl_gitops.installation.rights import Right, lacking_rights, rights_of

OLDEST_KUBERNETES = (1, 30)
#: Certificates are backdated by five minutes; a clock that is off by more than a minute wants mending.
MAX_CLOCK_SECONDS = 60.0
_INSTALL = "run kubectl gitops install"
_PROBE = "webhook refuses a test change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One thing that was looked at. ``fault`` is "" where all is well; ``hint`` says what to do."""

    what: str
    fault: str = ""
    hint: str = ""

    @property
    def is_well(self) -> bool:
        return not self.fault


Check = Callable[[], Iterator[Result]]


class Diagnosis:
    """The checks of one installation; ``objects`` are those that it consists of."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Sequence[Object],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._objects = objects
        self._clock = clock
        self._discovery = Discovery(cluster)
        self.namespace = namespace_of(objects)

    def run(self) -> Iterator[Result]:
        """All of them; one that cannot be made is a result too. Raises ClusterError where nothing answers at all."""
        yield from self._kubernetes()
        checks: list[tuple[str, Check]] = [
            ("clock", self._clocks),
            ("API groups", self._stale_groups),
            ("objects", self._missing),
            ("rights", self._rights),
            ("pods", self._deployments),
            ("certificate", self._authority),
            (_PROBE, self._webhook),
        ]
        for what, check in checks:
            try:
                yield from check()
            except GitOpsError as exc:
                yield Result(what=what, fault=f"cannot be checked: {exc}", hint=exc.hint)

    def _kubernetes(self) -> Iterator[Result]:
        version = str(self._cluster.get("/version")["gitVersion"])
        numbers = re.match(r"v(\d+)\.(\d+)", version)
        is_old = numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST_KUBERNETES
        fault = f"{version} is too old" if is_old else ""
        yield Result(what=f"Kubernetes {version}", fault=fault, hint="1.30 or later is needed" if is_old else "")

    def _clocks(self) -> Iterator[Result]:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        before = self._clock()
        answer = self._cluster.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        said = (answer.get("metadata") or {}).get("creationTimestamp")
        if said:
            seconds = (before - datetime.fromisoformat(said)).total_seconds()
            way = "ahead of" if seconds > 0 else "behind"
            off = abs(seconds) > MAX_CLOCK_SECONDS
            fault = f"this machine's clock is {abs(seconds):.0f} s {way} the API server's" if off else ""
            yield Result(what="clock", fault=fault, hint="set one of them right: certificates go by it" if off else "")

    def _stale_groups(self) -> Iterator[Result]:
        self._discovery.refresh()
        for group in sorted(self._discovery.stale_groups):
            yield Result(
                what=f"API group {group}",
                fault="its server is down, so nothing of its kinds can be watched or synced",
                hint=f"kubectl get apiservices | grep {group}",
            )

    def _missing(self) -> Iterator[Result]:
        """Which of our objects are not there, and whether GitSyncs are those of this version."""
        for obj in self._objects:
            resource, key = self._discovery.find(obj["apiVersion"], obj["kind"]), key_of(obj)
            live = get_object(self._cluster, resource, key.namespace, key.name) if resource else None
            yield Result(what=key.described, fault="" if live else "is missing", hint="" if live else _INSTALL)
        served = self._discovery.find(API_VERSION, KIND)
        if served is None:
            yield Result(what=f"{KIND} of {API_VERSION}", fault="is not served", hint=_INSTALL)

    def _rights(self) -> Iterator[Result]:
        for account in ("gitops-reconciler", "gitops-webhook"):
            wanted = rights_of(self._objects, account)
            lacking = lacking_rights(self._cluster, wanted, namespace=self.namespace, account=account)
            yield Result(
                what=f"rights of {account}",
                fault=f"may not {_in_words(lacking)}" if lacking else "",
                hint=_INSTALL if lacking else "",
            )

    def _deployments(self) -> Iterator[Result]:
        for obj in self._objects:
            if obj["kind"] != "Deployment":
                continue
            key = key_of(obj)
            live = get_object(
                self._cluster, self._discovery.need(obj["apiVersion"], obj["kind"]), key.namespace, key.name
            )
            health = health_of(live)
            what = f"pods of {key}"
            yield Result(
                what=what,
                fault="" if health.is_well else str(health),
                hint="" if health.is_well else f"kubectl get pods -n {key.namespace}",
            )
            if live is not None:
                yield from _version_of(live, what=f"version of {key}")

    def _authority(self) -> Iterator[Result]:
        """The authority that the API server is told to trust. Whether it is the right one, the probe shows."""
        resource = self._discovery.need("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
        live = get_object(self._cluster, resource, "", WEBHOOK_CONFIGURATION)
        if live is None:
            yield self._absent_configuration()
            return
        bundles = {hook["name"]: hook["clientConfig"].get("caBundle") or "" for hook in live.get("webhooks") or ()}
        if PROBE_WEBHOOK_NAME not in bundles:
            yield Result(
                what="webhook configuration", fault="is of another version", hint="restart the webhook, which writes it"
            )
        if len(set(bundles.values())) > 1:
            yield Result(what="webhook configuration", fault="its entries trust different authorities", hint=_RESTART)
        for bundle in sorted(set(bundles.values())):
            yield _certificate(bundle, self._clock())

    def _absent_configuration(self) -> Result:
        """A person may have taken it away, to be let through; then the webhook does not make it again."""
        config_maps = self._discovery.need("v1", "ConfigMap")
        was_there = get_object(self._cluster, config_maps, self.namespace, WEBHOOK_REGISTERED) is not None
        return Result(
            what="webhook configuration",
            fault="somebody has deleted it, so nothing is refused" if was_there else "there is none",
            hint="kubectl gitops install brings it back"
            if was_there
            else "the webhook writes it when it is ready: see its pods",
        )

    def _webhook(self) -> Iterator[Result]:
        probe = probe_webhook(self._cluster, self.namespace)
        yield Result(what=_PROBE, fault=probe.why, hint=probe.hint)


_RESTART = "kubectl rollout restart deployment/gitops-webhook -n gitops-system"


def _certificate(bundle: str, now: datetime) -> Result:
    what = "certificate authority of the webhook"
    try:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(cadata=base64.b64decode(bundle, validate=True).decode("ascii"))
    except (ValueError, binascii.Error, ssl.SSLError):
        return Result(what=what, fault="its caBundle holds no certificate", hint=_RESTART)
    # The standard library's own reader: the plugin needs no other.
    found = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in trusted.get_ca_certs()]
    if not found:
        return Result(what=what, fault="its caBundle holds no certificate of an authority", hint=_RESTART)
    ends = datetime.fromtimestamp(max(found), UTC)
    fault = f"expired at {ends:%Y-%m-%d %H:%M} UTC" if ends <= now else ""
    return Result(what=what, fault=fault, hint=_RESTART if fault else "")


def _version_of(deployment: Object, *, what: str) -> Iterator[Result]:
    """Whether what runs is of our version, where its image says so."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        name, _, tag = str(container["image"]).partition("@")[0].rpartition(":")
        if name.rpartition("/")[2] == IMAGE_NAME and tag != __version__:
            yield Result(
                what=what,
                fault=f"it runs {tag}, and this program is {__version__}",
                hint="run kubectl gitops install with the newer of them",
            )


def _in_words(rights: Sequence[Right]) -> str:
    shown = ", ".join(map(str, rights[:5]))
    return shown + (f" and {len(rights) - 5} more" if len(rights) > 5 else "")
