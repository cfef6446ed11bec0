#!/bin/sh
# Builds the programs of a Kubernetes cluster from Go modules, for tests/e2e/test_deploy_kubernetes.py:
#   tools/build_kubernetes.sh DIRECTORY
#   SEAWAY_KUBERNETES=DIRECTORY .venv/bin/python -m pytest --e2e tests/e2e/test_deploy_kubernetes.py
# Needs Go 1.26 or newer (GO names it), a Go module proxy, 4 GB of disk and, on two busy cores, 28 minutes.
# What is there already in the wanted version is not built again.
set -eu

KUBERNETES=1.37.2
ETCD=v3.7.0 # the server to the client that this Kubernetes is built with
COREDNS=v1.15.0
GATEWAY_API=v1.6.3
PROMETHEUS_OPERATOR=v0.95.2
CONTROLLER_TOOLS=v0.20.1
KSERVE=v0.15.2
OPERATOR=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring
PROGRAMS="kube-apiserver kube-controller-manager kube-scheduler kubelet"

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
made=$(cd "$1" && pwd)
go=${GO:-$(command -v go || echo /usr/local/go/bin/go)}
[ -x "$go" ] || { echo "$0: no Go found: install Go 1.26 or set GO=/path/to/go" >&2; exit 1; }
wanted="kubernetes $KUBERNETES etcd $ETCD coredns $COREDNS gateway-api $GATEWAY_API kserve $KSERVE prometheus-operator $PROMETHEUS_OPERATOR"
[ "$(cat "$made/versions" 2>/dev/null)" = "$wanted" ] && { echo "$made: $wanted"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:--p=2} -mod=mod"

# Kubernetes's own go.mod points to the parts that lie beside it; as a dependency it needs them by their version.
module=k8s.io/kubernetes@v$KUBERNETES
staging=v0.${KUBERNETES#1.}
printf 'module build\n\ngo 1.26.0\n' >go.mod
source=$("$go" mod download -json "$module" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
{
    printf 'module build\n\n'
    grep -E '^(go|godebug) ' "$source"
    printf '\nrequire (\n\tk8s.io/kubernetes v%s\n\tgo.etcd.io/etcd/server/v3 %s\n)\n\nreplace (\n' "$KUBERNETES" "$ETCD"
    sed -n "s#^[[:space:]]*\(k8s.io/[^ ]*\) => ./staging.*#\t\1 => \1 $staging#p" "$source" | grep -v /sample-
    printf ')\n'
} >go.mod
{
    printf '//go:build tools\n\npackage build\n\nimport (\n\t_ "go.etcd.io/etcd/server/v3"\n'
    for program in $PROGRAMS; do printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$program"; done
    printf ')\n'
} >tools.go
# The samples among the parts are no modules of their own, and nothing here needs them.
"$go" mod tidy -e 2>/dev/null || true

build() {
    begun=$(date +%s)
    nice -n 19 "$go" build -trimpath -ldflags "-s -w $3" -o "$made/$1" "$2"
    echo "$1: $(($(date +%s) - begun)) s"
}
version=k8s.io/component-base/version
stamp="-X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=$(echo "$KUBERNETES" | cut -d. -f2)"
build etcd go.etcd.io/etcd/server/v3 ""
for program in $PROGRAMS; do build "$program" "k8s.io/kubernetes/cmd/$program" "$stamp"; done
begun=$(date +%s)
GOBIN=$made nice -n 19 "$go" install -trimpath -ldflags "-s -w" "github.com/coredns/coredns@$COREDNS"
echo "coredns: $(($(date +%s) - begun)) s"

# The kinds of other projects, from the modules that own them. The Prometheus operator's are made from its Go types.
begun=$(date +%s)
rm -f go.mod go.sum tools.go
printf 'module definitions\n\ngo 1.26.0\n\nrequire %s %s\n' "$OPERATOR" "$PROMETHEUS_OPERATOR" >go.mod
printf '//go:build tools\n\npackage definitions\n\nimport _ "%s/v1"\n' "$OPERATOR" >tools.go
"$go" get -tool "sigs.k8s.io/controller-tools/cmd/controller-gen@$CONTROLLER_TOOLS" 2>/dev/null
"$go" mod tidy 2>/dev/null
mkdir -p "$made/definitions"
nice -n 19 "$go" tool controller-gen crd paths="$OPERATOR/v1" output:crd:dir="$made/definitions"
copied() {
    directory=$("$go" mod download -json "$1@$2" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
    for kind in $4; do install -m 644 "$directory/$3_$kind.yaml" "$made/definitions/"; done
}
copied sigs.k8s.io/gateway-api "$GATEWAY_API" config/crd/standard/gateway.networking.k8s.io "grpcroutes httproutes"
copied github.com/kserve/kserve "$KSERVE" config/crd/full/serving.kserve.io "clusterservingruntimes inferenceservices"
echo "definitions: $(($(date +%s) - begun)) s"
echo "$wanted" >"$made/versions"
