"""Live objects as controllers leave them, cut down to what tells their health."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.objects import Object


def live(kind: str, *, spec: Object | None = None, status: Any = None, **metadata: Any) -> Object:
    """``apps/v1/Deployment`` or ``v1/Pod``, of generation 1."""
    api_version, _, name = kind.rpartition("/")
    return {
        "apiVersion": api_version,
        "kind": name,
        "metadata": {"name": "web", "namespace": "shop", "generation": 1, **metadata},
        **({"spec": spec} if spec is not None else {}),
        **({"status": status} if status is not None else {}),
    }


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def deployment(*, paused: bool = False, replicas: int = 3, generation: int = 1, **status: Any) -> Object:
    """One that has been rolled out, except for what ``status`` says."""
    done = {"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 1}
    spec: Object = {"replicas": replicas, **({"paused": True} if paused else {})}
    return live("apps/v1/Deployment", spec=spec, status={**done, **status}, generation=generation)


def stateful_set(strategy: Object, *, generation: int = 1, **status: Any) -> Object:
    done = {"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 3}
    revisions = {"currentRevision": "web-1", "updateRevision": "web-1"}
    spec = {"replicas": 3, "updateStrategy": strategy}
    return live("apps/v1/StatefulSet", spec=spec, status={**done, **revisions, **status}, generation=generation)


def daemon_set(strategy: str = "RollingUpdate", *, generation: int = 1, **status: Any) -> Object:
    done = {
        "observedGeneration": 1,
        "desiredNumberScheduled": 2,
        "updatedNumberScheduled": 2,
        "numberAvailable": 2,
    }
    spec = {"updateStrategy": {"type": strategy}}
    return live("apps/v1/DaemonSet", spec=spec, status={**done, **status}, generation=generation)


def replica_set(*, generation: int = 1, **status: Any) -> Object:
    done = {"observedGeneration": 1, "availableReplicas": 2}
    return live("apps/v1/ReplicaSet", spec={"replicas": 2}, status={**done, **status}, generation=generation)


def pod(policy: str, phase: str, *containers: Object, annotations: Object | None = None, **status: Any) -> Object:
    return live(
        "v1/Pod",
        spec={"restartPolicy": policy},
        status={"phase": phase, "containerStatuses": list(containers), **status},
        annotations=annotations or {},
    )


def container(*, last: Object | None = None, **state: Object) -> Object:
    """``waiting={"reason": "CrashLoopBackOff"}``, ``terminated={"exitCode": 1}``."""
    return {"name": "main", "state": state, "lastState": last or {}}


def with_conditions(kind: str, *conditions: Object, spec: Object | None = None) -> Object:
    return live(kind, spec=spec or {}, status={"conditions": list(conditions)})
