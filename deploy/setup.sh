#!/bin/sh
# Prepares this checkout: host packages by apt (only what is missing) and npm dependencies (only when absent or outdated).
#
#   sh deploy/setup.sh          both; needs root
#   sh deploy/setup.sh --npm    npm dependencies only; for what needs no engines
#   sh deploy/setup.sh --tests  both, and what only tests use: curl; and docker-registry, unpacked below node_modules/.cache and
#                               not installed, since an installed one would serve on this machine
#
# Starts and stops no service of the machine beyond what apt's own package scripts do. Silent when nothing is to be done.
set -eu

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
cd "$root"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# npm puts node_modules/.bin first; set-up must run on the machine's own Node, not on the one it may be replacing.
own_path() {
  printf '%s' "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -
}
PATH=$(own_path):/usr/local/sbin:/usr/sbin:/sbin
export PATH

# --- host packages -----------------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }
packaged() { apt-cache show "$1" >/dev/null 2>&1; }

# The gate runs inside any image, so it must not need libraries: a dynamic busybox will not do.
has_static_busybox() { has busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; }

# Asks for commands, not for packages: a machine with Docker from docker.com has no docker.io and needs none.
missing_packages() {
  has dockerd && has docker || echo docker.io
  has ovs-vswitchd && has ovsdb-server && has ovs-ofctl || echo openvswitch-switch
  has ip || echo iproute2
  has ethtool || echo ethtool
  has nft || echo nftables
  has_static_busybox || echo busybox-static
  has ps && has sysctl || echo procps
  has ping || echo iputils-ping
  has nsenter && has unshare && has flock || echo util-linux
  [ "$mode" != --tests ] || has curl || echo curl
  # Without its parser an AppArmor kernel refuses every container.
  if grep -q Y /sys/module/apparmor/parameters/enabled 2>/dev/null; then
    has apparmor_parser || echo apparmor
  fi
}

install_host_packages() {
  # shellcheck disable=SC2005,SC2046 # package names hold no blanks; one line is wanted
  missing=$(echo $(missing_packages))
  [ -n "$missing" ] || return 0
  has apt-get || fail "these host packages are missing, and there is no apt-get to install them: $missing" \
    "Install them by hand, then run the command again."
  export DEBIAN_FRONTEND=noninteractive
  say "host packages missing: $missing; fetching package lists (apt-get update)"
  apt-get -qq update 9<&- || say "apt-get update reported errors; trying with the lists that are there"
  # Newer Debian releases ship the docker command apart.
  if ! has docker && packaged docker-cli; then missing="$missing docker-cli"; fi
  say "installing $missing (apt-get install)"
  # shellcheck disable=SC2086 # a list of names
  apt-get -qq install -y --no-install-recommends $missing 9<&- >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    fail "apt-get install failed; its last lines are above."
  }
  # shellcheck disable=SC2005,SC2046 # as above
  left=$(echo $(missing_packages))
  [ -z "$left" ] || fail "still missing after apt-get install: $left"
  say "host packages ready"
}

# --- npm dependencies --------------------------------------------------------------------------------------------

# True when node_modules holds exactly what package-lock.json names. Contents are compared only when the lock file is the newer
# one (npm install and git checkout touch it too), so that a matching tree is never thrown away.
npm_current() {
  installed=node_modules/.package-lock.json
  [ -f "$installed" ] && [ -x node_modules/node/bin/node ] || return 1
  node_modules/node/bin/node -e 'process.exit(0)' 2>/dev/null || return 1
  # shellcheck disable=SC3013 # dash, bash and busybox know -nt
  [ package-lock.json -nt "$installed" ] || return 0
  node_modules/node/bin/node -e '
    const { readFileSync } = require("node:fs")
    const packages = (file) => JSON.parse(readFileSync(file, "utf8")).packages
    const there = packages(process.argv[1])
    const wrong = Object.entries(packages("package-lock.json")).some(
      ([path, { version, optional, peer }]) =>
        path !== "" && (there[path] === undefined ? !optional && !peer : there[path].version !== version),
    )
    process.exit(wrong ? 1 : 0)' "$installed" && touch "$installed"
}

install_npm_dependencies() {
  npm_current && return 0
  has npm || fail "npm is not on PATH. Install Node.js with npm (Debian: apt-get install nodejs npm), then try again."
  say "installing npm dependencies (npm ci)"
  # The level is set here: a caller that silences npm still wants to read why this failed.
  npm ci --loglevel=error --no-audit --no-fund 9<&- >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    fail "npm ci failed; its last lines are above."
  }
  node_modules/node/bin/node -e 'process.exit(0)' 2>/dev/null ||
    fail "npm ci ended well, but node_modules/node/bin/node does not run." \
      "npm must be allowed to run the install script of the package 'node' (ignore-scripts must be off)."
  say "npm dependencies ready (Node.js $(node_modules/node/bin/node -p process.versions.node))"
}

# --- programs of tests --------------------------------------------------------------------------------------------

unpacked=node_modules/.cache/sond

fetch_test_programs() {
  if has docker-registry || [ -x "$unpacked/usr/bin/docker-registry" ]; then return 0; fi
  if ! has apt-get || ! has dpkg-deb; then
    fail "tests need docker-registry, and there is no apt-get to fetch it; install it by hand."
  fi
  packaged docker-registry || apt-get -qq update 9<&- || true
  say "fetching docker-registry for tests (apt-get download)"
  # apt's own user must be able to write there.
  fetched=$(mktemp -d)
  chmod 755 "$fetched"
  if (cd "$fetched" && apt-get -qq -o APT::Sandbox::User=root download docker-registry 9<&- >"$log" 2>&1) &&
    mkdir -p "$unpacked" && dpkg-deb -x "$fetched"/docker-registry_*.deb "$unpacked"; then
    rm -rf "$fetched"
  else
    rm -rf "$fetched"
    tail -n 30 "$log" >&2
    fail "docker-registry cannot be fetched; the last lines are above."
  fi
}

# --- main --------------------------------------------------------------------------------------------------------

mode=${1:-}
case $mode in
'' | --npm | --tests) ;;
*) fail "unknown option $mode; usage: sh deploy/setup.sh [--npm|--tests]" ;;
esac

if [ "$mode" != --npm ] && [ "$(id -u)" -ne 0 ]; then
  fail "this command starts container and switch engines of its own, which needs root." \
    "Run it as root, or with sudo: sudo npm test, sudo npm run demo." \
    "Without root there are: npm run check, npm run test:unit, and sond run --engines memory."
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Two commands started at once in one checkout: the second waits, and finds everything done. What is started here must not
# inherit the lock (9<&-): a service that apt starts would hold it for as long as it runs.
if has flock && [ -w . ]; then
  exec 9<.
  flock 9
fi
[ "$mode" = --npm ] || install_host_packages
install_npm_dependencies
[ "$mode" != --tests ] || fetch_test_programs
