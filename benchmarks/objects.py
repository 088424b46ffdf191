"""The objects that are measured with: applications of five objects each, one file for each application."""

from __future__ import annotations

from pathlib import Path

OBJECTS_PER_FILE = 5

_APPLICATION = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app: {name}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      serviceAccountName: {name}
      containers:
        - name: web
          image: registry.example/{name}:1.{minor}
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: GREETING
              value: hello
            - name: LOG_LEVEL
              valueFrom:
                configMapKeyRef:
                  name: {name}
                  key: level
          resources:
            requests:
              cpu: 100m
              memory: 64Mi
            limits:
              memory: 128Mi
          readinessProbe:
            httpGet:
              path: /ready
              port: http
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector:
    app: {name}
  ports:
    - name: http
      port: 80
      targetPort: http
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  level: info
  motd: "this is {name}"
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
  minReplicas: 2
  maxReplicas: 5
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 80
"""


#: The same quantities as people write them, and as the API server does not.
_AS_PEOPLE_WRITE = {"cpu: 100m": "cpu: 0.1", "memory: 64Mi": "memory: 65536Ki", "memory: 128Mi": "memory: 0.125Gi"}


def write_objects(directory: Path, count: int, *, as_people_write: bool = False) -> None:
    """Write ``count`` objects into files of five."""
    application = _APPLICATION
    for canonical, written in _AS_PEOPLE_WRITE.items() if as_people_write else ():
        application = application.replace(canonical, written)
    directory.mkdir(parents=True)
    for number in range(count // OBJECTS_PER_FILE):
        text = application.format(name=f"app-{number:05}", minor=number % 20)
        (directory / f"app-{number:05}.yaml").write_text(text)
