"""Kubernetes' own kinds."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.kinds import Kind
from tests.oracle.pods import SURGE, container, pod_spec, template
from tests.oracle.values import (
    BOOLS,
    INT_OR_PERCENT,
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
    STRINGS,
    WORDS,
    Strategy,
    fixed,
    selector,
    some,
    unique,
)

_BASE64 = st.sampled_from(["", "YQ==", "aGFsbG8=", "AAECAw=="])
_X = {"matchLabels": {"app": "x"}}
_CONDITION = {"type": "Odd", "status": "True", "reason": "Test", "message": "m"}
_SINCE = {"lastTransitionTime": "2026-01-01T00:00:00Z"}


def _spec(spec: Strategy) -> Strategy:
    return st.fixed_dictionaries({"spec": spec})


_CONFIG_MAP = some(
    data=STRINGS,
    binaryData=st.dictionaries(st.sampled_from(["bin", "raw"]), _BASE64, max_size=2),
)
_SECRET = some(
    data=st.dictionaries(st.sampled_from(["user", "token"]), _BASE64, max_size=2),
    stringData=st.dictionaries(st.sampled_from(["user", "password"]), WORDS, max_size=2),
    type=fixed("Opaque"),
)
_SERVICE_PORT = some(
    {"name": st.sampled_from(["a", "b", "c"]), "port": PORTS},
    protocol=PROTOCOLS,
    targetPort=PORT_REFERENCES,
    appProtocol=fixed("http"),
)
_SERVICE = _spec(
    some(
        {
            "ports": unique(_SERVICE_PORT, "port", least=1).map(
                lambda ports: list({one["name"]: one for one in ports}.values())
            )
        },
        selector=LABELS,
        type=st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
        sessionAffinity=st.sampled_from(["None", "ClientIP"]),
        publishNotReadyAddresses=BOOLS,
        externalIPs=st.sampled_from([["1.2.3.4"], ["1.2.3.4", "1.2.3.5"]]),
        internalTrafficPolicy=st.sampled_from(["Cluster", "Local"]),
    )
)
_STRATEGY = st.one_of(
    fixed({}), some({"type": fixed("RollingUpdate")}, rollingUpdate=SURGE), fixed({"type": "RollingUpdate"})
)
_DEPLOYMENT = _spec(
    some(
        {"selector": fixed(_X), "template": template()},
        replicas=st.integers(0, 3),
        strategy=_STRATEGY,
        minReadySeconds=SMALL,
        paused=BOOLS,
        revisionHistoryLimit=SMALL,
    )
)
_CLAIM = some(
    {
        "accessModes": st.sampled_from([["ReadWriteOnce"], ["ReadOnlyMany", "ReadWriteOnce"]]),
        "resources": some({"requests": some({"storage": LITTLE_MEMORY})}),
    },
    storageClassName=st.sampled_from(["", "fast"]),
    volumeMode=fixed("Filesystem"),
)
_STATEFUL_SET = _spec(
    some(
        {
            "selector": fixed(_X),
            "serviceName": fixed("x"),
            "template": template(),
            "volumeClaimTemplates": unique(
                st.fixed_dictionaries({"metadata": fixed({"name": "data"}), "spec": _CLAIM}), most=1
            ),
        },
        replicas=st.integers(0, 3),
        updateStrategy=st.sampled_from([{}, {"type": "OnDelete"}, {"rollingUpdate": {"partition": 1}}]),
        minReadySeconds=SMALL,
    )
)
_DAEMON_SET = _spec(
    some(
        {"selector": fixed(_X), "template": template()},
        updateStrategy=st.sampled_from([{}, {"type": "OnDelete"}, {"rollingUpdate": {"maxUnavailable": "10%"}}]),
        minReadySeconds=SMALL,
    )
)
_REPLICA_SET = _spec(some({"selector": fixed(_X), "template": template()}, replicas=st.integers(0, 3)))
_CONTROLLER = _spec(some({"selector": fixed({"app": "x"}), "template": template()}, replicas=st.integers(0, 3)))
_JOB_OPTIONS: dict[str, Strategy] = {
    "backoffLimit": SMALL,
    "activeDeadlineSeconds": SECONDS,
    "ttlSecondsAfterFinished": SECONDS,
    "suspend": BOOLS,
    "parallelism": SMALL,
}
_JOB = _spec(some({"template": template(restart="Never")}, **_JOB_OPTIONS))
_CRON_JOB = _spec(
    some(
        {
            "schedule": st.sampled_from(["* * * * *", "0 0 * * *", "@daily"]),
            "jobTemplate": some({"spec": some({"template": template(restart="OnFailure")}, **_JOB_OPTIONS)}),
        },
        suspend=BOOLS,
        concurrencyPolicy=st.sampled_from(["Allow", "Forbid"]),
        successfulJobsHistoryLimit=SMALL,
        timeZone=fixed("Etc/UTC"),
    )
)
_BACKEND = st.fixed_dictionaries(
    {
        "service": some(
            {"name": st.sampled_from(["a", "b"]), "port": st.sampled_from([{"number": 80}, {"name": "http"}])}
        )
    }
)
_HTTP_PATH = some({"path": st.sampled_from(["/", "/x"]), "pathType": fixed("Prefix"), "backend": _BACKEND})
_INGRESS_RULE = some(
    {"http": st.fixed_dictionaries({"paths": st.lists(_HTTP_PATH, min_size=1, max_size=2)})},
    host=st.sampled_from(["a.example.com", "b.example.com"]),
)
_INGRESS = _spec(
    some(
        {"rules": st.lists(_INGRESS_RULE, min_size=1, max_size=2)},
        ingressClassName=WORDS.filter(lambda word: word in {"red", "blue"}),
        tls=fixed([{"hosts": ["a.example.com"], "secretName": "s"}]),
        defaultBackend=_BACKEND,
    )
)
_PEER = st.one_of(
    some({"podSelector": selector()}),
    some({"namespaceSelector": selector()}),
    fixed({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}),
)
_POLICY_PORT = some(port=PORT_REFERENCES, protocol=PROTOCOLS)
_NETWORK_POLICY = _spec(
    some(
        {"podSelector": selector()},
        ingress=st.lists(
            some(**{"from": st.lists(_PEER, max_size=2), "ports": st.lists(_POLICY_PORT, max_size=2)}), max_size=2
        ),
        egress=st.lists(some(to=st.lists(_PEER, max_size=1)), max_size=1),
        policyTypes=st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    )
)
_BUDGET = _spec(
    st.one_of(
        some(selector=selector(app="x"), minAvailable=INT_OR_PERCENT),
        some(selector=selector(app="x"), maxUnavailable=INT_OR_PERCENT),
    )
)
_METRIC = st.one_of(
    st.fixed_dictionaries(
        {
            "type": fixed("Resource"),
            "resource": st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["cpu", "memory"]),
                    "target": st.fixed_dictionaries({"type": fixed("Utilization"), "averageUtilization": SECONDS}),
                }
            ),
        }
    ),
    fixed(
        {"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "1k"}}}
    ),
)
_AUTOSCALER = _spec(
    some(
        {
            "scaleTargetRef": fixed({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}),
            "maxReplicas": st.integers(5, 9),
        },
        minReplicas=st.integers(1, 4),
        metrics=st.lists(_METRIC, max_size=2),
        # Not {}: whether it comes back with defaults or not at all changes with each write.
        behavior=st.sampled_from(
            [{"scaleDown": {"stabilizationWindowSeconds": 60}}, {"scaleUp": {"selectPolicy": "Min"}}]
        ),
    )
)
_RULE = st.one_of(
    some(
        {
            "apiGroups": st.sampled_from([[""], ["apps", ""]]),
            "resources": st.sampled_from([["pods"], ["pods", "services"], ["*"]]),
            "verbs": st.sampled_from([["get"], ["get", "list"], ["list", "get"]]),
        },
        resourceNames=fixed(["a"]),
    )
)
_RULES = st.one_of(st.none(), st.lists(_RULE, max_size=3))
_SUBJECT = st.sampled_from(
    [
        {"kind": "ServiceAccount", "name": "a", "namespace": "default"},
        {"kind": "User", "name": "jane"},
        {"kind": "Group", "name": "team", "apiGroup": "rbac.authorization.k8s.io"},
    ]
)
_BINDING = some(
    {"roleRef": fixed({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"})},
    subjects=st.lists(_SUBJECT, max_size=2),
)
_CLUSTER_ROLE = st.one_of(
    st.fixed_dictionaries({"rules": _RULES}),
    st.fixed_dictionaries({"aggregationRule": fixed({"clusterRoleSelectors": [{"matchLabels": {"agg": "x"}}]})}),
)
_SERVICE_ACCOUNT = some(
    automountServiceAccountToken=BOOLS,
    imagePullSecrets=unique(some({"name": st.sampled_from(["r1", "r2"])}), "name", most=2),
    secrets=unique(some({"name": st.sampled_from(["s1", "s2"])}), "name", most=2),
)
_LIMIT = some(
    {"type": fixed("Container")},
    default=some(cpu=MUCH_CPU, memory=MUCH_MEMORY),
    defaultRequest=some(cpu=LITTLE_CPU, memory=LITTLE_MEMORY),
    min=some(cpu=fixed("1m")),
)
_LIMIT_RANGE = _spec(st.fixed_dictionaries({"limits": st.lists(_LIMIT, min_size=1, max_size=1)}))
_HARD = some(pods=st.sampled_from(["10", 10, "20"]), **{"limits.cpu": MUCH_CPU, "requests.memory": LITTLE_MEMORY})
_QUOTA = _spec(some({"hard": _HARD}, scopes=fixed(["NotTerminating"])))
_STORAGE_CLASS = some(
    {"provisioner": fixed("example.com/disk"), "parameters": fixed({"type": "ssd"})},
    allowVolumeExpansion=BOOLS,
    mountOptions=st.sampled_from([["ro"], ["ro", "noatime"]]),
    volumeBindingMode=fixed("WaitForFirstConsumer"),
)
_PRIORITY = some({"value": st.sampled_from([1, 1000])}, description=WORDS, globalDefault=fixed(False))
_HOOK = some(
    {
        "name": st.sampled_from(["a.example.com", "b.example.com"]),
        "clientConfig": some({"url": fixed("https://127.0.0.1:1/")}, caBundle=fixed("")),
        "sideEffects": fixed("None"),
        "admissionReviewVersions": fixed(["v1"]),
    },
    rules=fixed(
        [
            {
                "apiGroups": ["nobody.example.com"],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["nothings"],
            }
        ]
    ),
    failurePolicy=fixed("Ignore"),
    timeoutSeconds=SMALL,
    objectSelector=selector(never="ever"),
    matchConditions=unique(
        some({"name": st.sampled_from(["m", "n"]), "expression": st.sampled_from(["true", "false"])}), "name", most=2
    ),
)
_WEBHOOKS = st.fixed_dictionaries({"webhooks": unique(_HOOK, "name", least=1, most=2)})
_ENDPOINT = some(
    {"addresses": st.sampled_from([["10.1.0.1"], ["10.1.0.2"]])}, conditions=some(ready=BOOLS), nodeName=fixed("n")
)
_SLICE = some(
    {"addressType": fixed("IPv4"), "endpoints": st.lists(_ENDPOINT, max_size=2)},
    ports=st.lists(some({"name": st.sampled_from(["a", "b"])}, port=PORTS), max_size=1),
)
_LEASE = _spec(
    some(
        holderIdentity=WORDS.filter(bool),
        leaseDurationSeconds=SECONDS,
        renewTime=st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"]),
    )
)
_VOLUME = _spec(
    some(
        {
            "capacity": some({"storage": LITTLE_MEMORY}),
            "accessModes": fixed(["ReadWriteOnce"]),
            "hostPath": fixed({"path": "/x"}),
        },
        persistentVolumeReclaimPolicy=st.sampled_from(["Retain", "Delete"]),
        mountOptions=st.sampled_from([["ro"], ["ro", "noatime"]]),
        storageClassName=fixed("fast"),
    )
)
_MATCH = {"resourceRules": [{"apiGroups": ["nobody.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"],
                             "resources": ["nothings"]}]}  # fmt: skip
_ADMISSION = _spec(
    some(
        {
            "matchConstraints": fixed(_MATCH),
            "validations": st.lists(
                some({"expression": st.sampled_from(["true", "1 == 1"])}, message=WORDS.filter(bool)),
                min_size=1,
                max_size=2,
            ),
        },
        failurePolicy=st.sampled_from(["Ignore", "Fail"]),
        variables=unique(some({"name": st.sampled_from(["p", "q"]), "expression": fixed("1")}), "name", most=2),
    )
)

_POD_FIXED = tuple(
    ("spec", name)
    for name in (
        "volumes", "initContainers", "nodeSelector", "affinity", "topologySpreadConstraints", "hostAliases",
        "imagePullSecrets", "securityContext", "terminationGracePeriodSeconds", "dnsConfig", "serviceAccountName",
        "enableServiceLinks", "schedulerName", "hostNetwork",
    )
)  # fmt: skip
_RBAC, _ADMITS = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"

BUILTIN = (
    Kind(name="ConfigMap", api_version="v1", plural="configmaps", body=_CONFIG_MAP),
    Kind(name="Secret", api_version="v1", plural="secrets", body=_SECRET, fixed=(("type",),)),
    Kind(name="Service", api_version="v1", plural="services", body=_SERVICE,
         status={"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}),
    Kind(name="Deployment", api_version="apps/v1", plural="deployments", body=_DEPLOYMENT,
         status={"replicas": 1, "conditions": [_CONDITION | _SINCE]}),
    Kind(name="StatefulSet", api_version="apps/v1", plural="statefulsets", body=_STATEFUL_SET,
         fixed=(("spec", "volumeClaimTemplates"),), status={"replicas": 1}),
    Kind(name="DaemonSet", api_version="apps/v1", plural="daemonsets", body=_DAEMON_SET,
         status={"currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 0}),
    Kind(name="ReplicaSet", api_version="apps/v1", plural="replicasets", body=_REPLICA_SET, status={"replicas": 1}),
    Kind(name="ReplicationController", api_version="v1", plural="replicationcontrollers", body=_CONTROLLER),
    Kind(name="PodTemplate", api_version="v1", plural="podtemplates",
         body=st.fixed_dictionaries({"template": template()})),
    Kind(name="Pod", api_version="v1", plural="pods",
         body=_spec(some({"containers": unique(container(["web"]), "name", least=1)})),
         status={"conditions": [{"type": "Ready", "status": "False"}]}),
    Kind(name="Pod with all fields", kind="Pod", api_version="v1", plural="pods", body=_spec(pod_spec()),
         fixed=_POD_FIXED),
    Kind(name="Job", api_version="batch/v1", plural="jobs", body=_JOB, fixed=(("spec", "template"),)),
    Kind(name="CronJob", api_version="batch/v1", plural="cronjobs", body=_CRON_JOB),
    Kind(name="Ingress", api_version="networking.k8s.io/v1", plural="ingresses", body=_INGRESS,
         status={"loadBalancer": {"ingress": [{"hostname": "x"}]}}),
    Kind(name="NetworkPolicy", api_version="networking.k8s.io/v1", plural="networkpolicies", body=_NETWORK_POLICY),
    Kind(name="PodDisruptionBudget", api_version="policy/v1", plural="poddisruptionbudgets", body=_BUDGET),
    Kind(name="HorizontalPodAutoscaler", api_version="autoscaling/v2", plural="horizontalpodautoscalers",
         body=_AUTOSCALER, also_served="autoscaling/v1"),
    Kind(name="Role", api_version=_RBAC, plural="roles", body=st.fixed_dictionaries({"rules": _RULES})),
    Kind(name="RoleBinding", api_version=_RBAC, plural="rolebindings", body=_BINDING),
    Kind(name="ClusterRole", api_version=_RBAC, plural="clusterroles", body=_CLUSTER_ROLE, namespaced=False),
    Kind(name="ClusterRoleBinding", api_version=_RBAC, plural="clusterrolebindings", body=_BINDING, namespaced=False),
    Kind(name="ServiceAccount", api_version="v1", plural="serviceaccounts", body=_SERVICE_ACCOUNT),
    Kind(name="PersistentVolumeClaim", api_version="v1", plural="persistentvolumeclaims", body=_spec(_CLAIM),
         fixed=(("spec",),)),
    Kind(name="PersistentVolume", api_version="v1", plural="persistentvolumes", body=_VOLUME, namespaced=False),
    Kind(name="LimitRange", api_version="v1", plural="limitranges", body=_LIMIT_RANGE),
    Kind(name="ResourceQuota", api_version="v1", plural="resourcequotas", body=_QUOTA,
         status={"used": {"pods": "1"}}),
    Kind(name="StorageClass", api_version="storage.k8s.io/v1", plural="storageclasses", body=_STORAGE_CLASS,
         namespaced=False),
    Kind(name="PriorityClass", api_version="scheduling.k8s.io/v1", plural="priorityclasses", body=_PRIORITY,
         namespaced=False, fixed=(("value",),)),
    Kind(name="ValidatingWebhookConfiguration", api_version=_ADMITS, plural="validatingwebhookconfigurations",
         body=_WEBHOOKS, namespaced=False),
    Kind(name="ValidatingAdmissionPolicy", api_version=_ADMITS, plural="validatingadmissionpolicies",
         body=_ADMISSION, namespaced=False),
    Kind(name="EndpointSlice", api_version="discovery.k8s.io/v1", plural="endpointslices", body=_SLICE),
    Kind(name="Lease", api_version="coordination.k8s.io/v1", plural="leases", body=_LEASE),
)  # fmt: skip
