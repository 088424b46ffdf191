"""A real etcd, kube-apiserver, kube-controller-manager and kube-scheduler for tests and demos."""
