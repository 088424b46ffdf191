"""Pods and their templates: most of what teams keep in Git, and of what people change by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.values import (
    ANNOTATIONS,
    BOOLS,
    INT_OR_PERCENT,
    LABEL_KEYS,
    LABELS,
    LITTLE_CPU,
    LITTLE_MEMORY,
    MUCH_CPU,
    MUCH_MEMORY,
    PORT_REFERENCES,
    PORTS,
    PROTOCOLS,
    SECONDS,
    SMALL,
    WORDS,
    Strategy,
    fixed,
    some,
    unique,
)

_IMAGES = st.sampled_from(["example.com/web:1", "example.com/web:2", "nginx", "nginx:latest"])
_COMMANDS = st.lists(st.sampled_from(["sh", "-c", "echo $(A)", "sleep"]), max_size=3)
_VALUE_FROM = st.one_of(
    fixed({"fieldRef": {"fieldPath": "metadata.name"}}),
    fixed({"secretKeyRef": {"name": "s", "key": "k"}}),
    fixed({"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}),
    fixed({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}),
)
_ENV_NAMES = st.sampled_from(["A", "B", "DEBUG", "PORT"])
_ENV = st.one_of(
    some({"name": _ENV_NAMES}, value=st.sampled_from(["1", "true", "", "0o7", "yes"])),
    some({"name": _ENV_NAMES, "valueFrom": _VALUE_FROM}),
)
_CONTAINER_PORT = some({"containerPort": PORTS}, protocol=PROTOCOLS)
_RESOURCES = some(
    requests=some(cpu=LITTLE_CPU, memory=LITTLE_MEMORY),
    limits=some(cpu=MUCH_CPU, memory=MUCH_MEMORY),
)
_HTTP_GET = some(
    {"port": PORT_REFERENCES},
    path=st.sampled_from(["/", "/healthz"]),
    scheme=st.sampled_from(["HTTP", "HTTPS"]),
    httpHeaders=fixed([{"name": "X", "value": "1"}]),
)
_PROBE = st.one_of(
    some({"httpGet": _HTTP_GET}, periodSeconds=SECONDS, failureThreshold=SMALL),
    some({"tcpSocket": fixed({"port": 80})}, initialDelaySeconds=SECONDS),
    some({"exec": fixed({"command": ["true"]})}, timeoutSeconds=SECONDS),
)
_SECURITY = some(
    runAsNonRoot=BOOLS,
    runAsUser=st.sampled_from([0, 1000]),
    readOnlyRootFilesystem=BOOLS,
    capabilities=some(drop=fixed(["ALL"]), add=st.sampled_from([[], ["NET_ADMIN"], ["NET_ADMIN", "CHOWN"]])),
)
_MOUNT = some(
    {"name": st.sampled_from(["v0", "v1"]), "mountPath": st.sampled_from(["/a", "/b", "/c"])},
    readOnly=BOOLS,
    subPath=st.sampled_from(["x", "y"]),
)


def container(names: list[str]) -> Strategy:
    return some(
        {"name": st.sampled_from(names), "image": _IMAGES},
        command=_COMMANDS,
        args=_COMMANDS,
        env=unique(_ENV, "name"),
        envFrom=fixed([{"configMapRef": {"name": "c"}}]),
        ports=unique(_CONTAINER_PORT, "containerPort", most=2),
        resources=_RESOURCES,
        volumeMounts=unique(_MOUNT, "mountPath", most=2),
        livenessProbe=_PROBE,
        readinessProbe=_PROBE,
        securityContext=_SECURITY,
        imagePullPolicy=st.sampled_from(["Always", "IfNotPresent"]),
        workingDir=fixed("/w"),
        lifecycle=fixed({"preStop": {"exec": {"command": ["true"]}}}),
        tty=BOOLS,
    )


def _volume(name: str) -> Strategy:
    return st.one_of(
        fixed({"name": name, "emptyDir": {}}),
        fixed({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": "0.5Gi"}}),
        some({"name": fixed(name), "configMap": some({"name": fixed("c")}, defaultMode=st.sampled_from([420, 384]))}),
        fixed({"name": name, "secret": {"secretName": "s", "items": [{"key": "k", "path": "p"}]}}),
        fixed({"name": name, "projected": {"sources": [{"downwardAPI": {"items": [
            {"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}}),
    )  # fmt: skip


_TOLERATION = some(
    key=LABEL_KEYS, operator=fixed("Exists"), effect=st.sampled_from(["NoSchedule", "PreferNoSchedule"])
).filter(lambda one: "operator" in one)
_TERM = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
_AFFINITY = st.one_of(
    fixed({}),
    fixed({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_TERM]}}}),
    fixed({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "x"}}}}]}}),
)  # fmt: skip
_SPREAD = some(
    {
        "maxSkew": SMALL,
        "topologyKey": st.sampled_from(["zone", "host"]),
        "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
    },
    labelSelector=fixed({"matchLabels": {"app": "x"}}),
)


def pod_spec(*, restart: str = "Always") -> Strategy:
    return some(
        {
            "containers": unique(container(["web", "side", "log"]), "name", least=1),
            "volumes": st.tuples(_volume("v0"), _volume("v1")).map(list),
            **({"restartPolicy": fixed(restart)} if restart != "Always" else {}),
        },
        initContainers=unique(container(["init"]), "name", most=1).map(_without_probes),
        nodeSelector=LABELS,
        tolerations=st.lists(_TOLERATION, max_size=2),
        affinity=_AFFINITY,
        topologySpreadConstraints=unique(_SPREAD, "topologyKey", "whenUnsatisfiable", most=2),
        hostAliases=unique(
            some({"ip": st.sampled_from(["1.1.1.1", "2.2.2.2"]), "hostnames": fixed(["a", "b"])}), "ip", most=2
        ),
        imagePullSecrets=unique(some({"name": st.sampled_from(["r1", "r2"])}), "name", most=2),
        securityContext=st.sampled_from([{}, {"fsGroup": 1}, {"sysctls": [{"name": "net.a", "value": "1"}]}]),
        terminationGracePeriodSeconds=SECONDS,
        dnsConfig=st.sampled_from([{}, {"nameservers": ["1.1.1.1"]}, {"options": [{"name": "ndots", "value": "1"}]}]),
        serviceAccountName=st.sampled_from(["default", "builder"]),
        enableServiceLinks=BOOLS,
        hostNetwork=fixed(False),
        schedulerName=WORDS.filter(lambda word: word in {"red", "blue"}),
    )


def _without_probes(containers: list[dict[str, object]]) -> list[dict[str, object]]:
    return [
        {name: value for name, value in one.items() if name not in {"livenessProbe", "readinessProbe", "lifecycle"}}
        for one in containers
    ]


def template(app: str = "x", *, restart: str = "Always") -> Strategy:
    """The label ``app`` is what selectors ask for."""
    metadata = some(
        {"labels": LABELS.map(lambda labels: {**labels, "app": app})},
        annotations=ANNOTATIONS,
        creationTimestamp=st.none(),
    )
    return some({"metadata": metadata, "spec": pod_spec(restart=restart)})


SURGE = some(maxSurge=INT_OR_PERCENT, maxUnavailable=INT_OR_PERCENT)
