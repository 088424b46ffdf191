"""What the tests of commands have in Git: two ConfigMaps and a Deployment, as people write them."""

from __future__ import annotations

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  greeting: hello\n"
FLAGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: flags\n"
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/shop:1.4
        env: [{name: LEVEL, value: info}]
        resources:
          requests: {cpu: 1000m, memory: 0.5Gi}
"""


def widget_crd(group: str) -> dict[str, object]:
    """A CRD in an API group of the test's own."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [version],
        },
    }
