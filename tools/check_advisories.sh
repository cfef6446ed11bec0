#!/bin/sh
# Ask whether what Seaway is made of has known vulnerabilities: cargo-deny for the Rust crates (the RustSec database, a Git
# repository on GitHub), pip-audit for the pinned Python packages (PyPI's JSON API, else api.osv.dev).
#
# Both need a network that not every machine has. A service that does not answer says nothing about the code, so that is no
# failure; it is said in capitals, because nothing was checked then. A vulnerability fails (1), and so does a tool that is
# missing or breaks (2).
# Reads CARGO_DENY, PIP_AUDIT and PYTHON: the programs, found on PATH if not set. Needs `timeout` besides a POSIX shell.
set -u
cd "$(dirname "$0")/.." || exit 2
cargo_deny=${CARGO_DENY:-cargo-deny}
pip_audit=${PIP_AUDIT:-pip-audit}
python=${PYTHON:-python3}
seconds=60 # for each service
requirements="requirements-dev.txt requirements-dev-3.10.txt requirements-dev-nodeps.txt"

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
status=0

not_checked() {
    echo "NOT CHECKED for known vulnerabilities: $1: $2" >&2
}

fail() {
    [ "$status" -ge "$1" ] || status=$1
}

for program in "$cargo_deny" "$pip_audit" "$python"; do
    command -v "$program" >/dev/null 2>&1 || { echo "missing: $program" >&2; exit 2; }
done

# Fetching and checking are two steps: cargo-deny ends with the same status for a vulnerability and for a database that it
# cannot get, but once it has the database there is only one of the two left.
timeout "$seconds" "$cargo_deny" fetch db >"$scratch/fetch" 2>&1
fetched=$?
if [ "$fetched" = 0 ]; then
    "$cargo_deny" --offline check advisories || fail 1
elif [ "$fetched" = 124 ] || grep -q 'failed to fetch advisory database' "$scratch/fetch"; then
    cat "$scratch/fetch" >&2
    not_checked "Rust crates" "the RustSec database cannot be fetched"
else
    cat "$scratch/fetch" >&2 # deny.toml, mostly
    fail 2
fi

# pip-audit ends well where the service knows none of the packages (a mirror without the JSON API answers 404 for each), so
# its status says nothing: what counts is how many packages got an answer.
# Prints what was found. Exits with 0: all is well, 1: vulnerabilities, 3: no package got an answer, 4: only some did,
# 5: this is no report.
read_report() {
    "$python" - "$1" <<'PYTHON'
import json
import sys

try:
    with open(sys.argv[1]) as file:
        packages = json.load(file)["dependencies"]
except (ValueError, KeyError):
    sys.exit(5)
answered = [package for package in packages if "skip_reason" not in package]
if not answered:
    sys.exit(3)
skipped = sorted({package["name"] for package in packages if "skip_reason" in package})
if skipped:
    print(f"no answer for {len(skipped)} of {len(packages)} packages: {', '.join(skipped)}")
vulnerable = False
for package in answered:
    for found in package["vulns"]:
        vulnerable = True
        names = ", ".join([found["id"], *found.get("aliases", [])])
        fixed = ", ".join(found.get("fix_versions", [])) or "no version"
        print(f"{package['name']} {package['version']}: {names}; mended in: {fixed}")
if not vulnerable:
    print(f"no known vulnerabilities in {len(answered)} Python packages")
sys.exit(1 if vulnerable else 4 if skipped else 0)
PYTHON
}

# Asks one service about one list; exits as `read_report` does.
ask() {
    timeout "$seconds" "$pip_audit" -r "$2" --disable-pip --no-deps --progress-spinner off --vulnerability-service "$1" \
        --format json >"$scratch/report" 2>"$scratch/log"
    asked=$?
    read_report "$scratch/report"
    read=$?
    [ "$read" = 3 ] && echo "it knows none of these packages" >"$scratch/log"
    [ "$read" = 5 ] || return "$read"
    # No report: the service did not answer, or pip-audit broke, which must not pass for the first.
    [ "$asked" = 124 ] && echo "no answer within $seconds s" >"$scratch/log" && return 3
    grep -Eqi 'ConnectionError|ConnectTimeout|ReadTimeout|timed out|ServiceError|HTTPError|Connection (refused|reset)' \
        "$scratch/log" && return 3
    return 5
}

services="pypi osv" # those that may still answer
for list in $requirements; do
    echo "$list:"
    answer=3
    for service in $services; do
        ask "$service" "$list"
        answer=$?
        [ "$answer" = 3 ] || break
        echo "no answer from $service: $(tail -n 1 "$scratch/log")" >&2
        services=$(echo "$services" | sed "s/$service//") # not asked about the other lists, each time for as long
    done
    case $answer in
    0) ;;
    1) fail 1 ;;
    3) not_checked "$list" "neither PyPI's JSON API nor api.osv.dev answers for any of it" ;;
    4) not_checked "some of $list" "named above" ;;
    *) cat "$scratch/log" >&2; echo "$list: pip-audit broke" >&2; fail 2 ;;
    esac
done

exit $status
