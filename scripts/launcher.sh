#!/bin/sh
# Runs the plugin with the newest Python that is here and that its libraries are for.
set -eu
self=$0
while [ -h "$self" ]; do # krew links to us
    link=$(readlink "$self")
    case $link in
        /*) self=$link ;;
        *) self=$(dirname "$self")/$link ;;
    esac
done
home=$(cd "$(dirname "$self")" && pwd -P)
case ${0##*/} in
    kubectl_complete-gitops) module=kubectl_gitops.cli.completion ;;
    *) module=kubectl_gitops.__main__ ;;
esac
for python in ${KUBECTL_GITOPS_PYTHON:-} python3 python3.13 python3.12 python3.11; do
    command -v "$python" >/dev/null 2>&1 || continue
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    [ -d "$home/lib-$version" ] || continue
    exec "$python" -I -c "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]
from $module import main
main()" "$home/lib" "$home/lib-$version" "$@"
done
echo "error: kubectl gitops needs Python 3.11, 3.12 or 3.13, and none of them is on PATH" >&2
echo "hint: install one, or let KUBECTL_GITOPS_PYTHON name it" >&2
exit 2
