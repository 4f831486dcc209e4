#!/bin/sh
# Installs sond from this checkout as a systemd service, or takes it away. Safe to run again: that is also how to upgrade. Services run on.
#
#   sh deploy/install.sh                    /opt/sond, /usr/local/bin/{sond,sonctl}, /etc/sond, sond.service; starts it
#   sh deploy/install.sh --no-start         the same without starting it
#   sh deploy/install.sh --prefix DIR       all of it below DIR, for packaging: no host packages, no group, no systemctl
#   sh deploy/install.sh --uninstall        takes the service and the programs away; keeps /etc/sond, /var/lib/sond and running services
#     --purge                               also /etc/sond, /var/lib/sond and the group
#     --with-services                       also ends what runs: containers, switches and devices that sond made
set -eu

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$@" >&2; exit 1; }
usage() { sed -n '2,/^set -eu/{/^set -eu/d;/^$/d;s/^# \{0,1\}//;p;}' "$root/deploy/install.sh"; }

prefix='' action=install start=yes purge=no services=no
while [ $# -gt 0 ]; do
  case $1 in
  --prefix)
    [ $# -ge 2 ] || fail '--prefix needs a directory'
    prefix=${2%/}
    shift
    ;;
  --prefix=*) prefix=${1#--prefix=} prefix=${prefix%/} ;;
  --no-start) start=no ;;
  --uninstall) action=uninstall ;;
  --purge) purge=yes ;;
  --with-services) services=yes ;;
  -h | --help)
    usage
    exit 0
    ;;
  *) fail "unknown option $1; see --help" ;;
  esac
  shift
done
case $prefix in
'' | /*) ;;
*) prefix=$PWD/$prefix ;;
esac
[ "$action" = uninstall ] || { [ "$purge" = no ] && [ "$services" = no ]; } ||
  fail '--purge and --with-services belong to --uninstall'
[ -n "$prefix" ] || [ "$(id -u)" -eq 0 ] || fail 'this needs root: sudo sh deploy/install.sh'

target=$prefix/opt/sond
unit=$prefix/etc/systemd/system/sond.service

# Not in a prefix, and not in a container or chroot where no systemd runs.
has_systemd() { [ -z "$prefix" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

# --- install -----------------------------------------------------------------------------------------------------

# Everything is prepared beside the running version, then takes its place in one step.
install_programs() {
  fresh=$target.new
  rm -rf "$fresh"
  mkdir -p "$fresh"
  trap 'rm -rf "$fresh"' EXIT
  for path in package.json package-lock.json bin src manifests deploy docs README.md CHANGELOG.md LICENSE; do
    [ ! -e "$root/$path" ] || cp -R "$root/$path" "$fresh/"
  done
  say 'installing npm dependencies (npm ci --omit=dev)'
  # None of the dependencies needed to run has to run a script of its own.
  (cd "$fresh" && npm ci --omit=dev --ignore-scripts --loglevel=error --no-audit --no-fund >/dev/null) ||
    fail 'npm ci failed; what it said is above.'
  # The Node.js that the checkout was tried with: bin/sond.js looks for it here first.
  mkdir -p "$fresh/node_modules/node/bin"
  cp -L "$root/node_modules/node/bin/node" "$fresh/node_modules/node/bin/node"
  "$fresh/bin/sond.js" --version >/dev/null || fail 'the installed sond does not start'
  rm -rf "$target.old"
  [ ! -e "$target" ] || mv "$target" "$target.old"
  mv "$fresh" "$target"
  trap - EXIT
  rm -rf "$target.old"
}

link_commands() {
  mkdir -p "$prefix/usr/local/bin"
  for name in sond sonctl; do
    ln -sfn "/opt/sond/bin/$name.js" "$prefix/usr/local/bin/$name"
  done
}

create_group() {
  [ -z "$prefix" ] || return 0
  getent group sond >/dev/null || groupadd --system sond
}

# Users' files are never overwritten.
configure() {
  mkdir -p "$prefix/etc/sond/manifests.d"
  [ -e "$prefix/etc/sond/sond.yaml" ] || cp "$root/deploy/sond.yaml" "$prefix/etc/sond/sond.yaml"
  [ -z "$prefix" ] || return 0
  # Who may use the API may drop files as well; files keep the group.
  chgrp sond /etc/sond/manifests.d
  chmod 2775 /etc/sond/manifests.d
}

install_unit() {
  mkdir -p "$(dirname -- "$unit")"
  cp "$root/deploy/sond.service" "$unit"
  chmod 644 "$unit"
  has_systemd || return 0
  systemctl daemon-reload
  systemctl enable --quiet sond.service
  [ "$start" = yes ] || return 0
  systemctl restart sond.service || fail 'sond.service did not start; see: journalctl -u sond'
}

install() {
  [ "$root" != "$target" ] || fail "$root is the installed copy; run deploy/install.sh of a checkout elsewhere"
  if [ -z "$prefix" ]; then sh "$root/deploy/setup.sh"; else sh "$root/deploy/setup.sh" --npm; fi
  create_group
  install_programs
  link_commands
  configure
  install_unit
  say "sond $(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$target/package.json") is in $target"
  if has_systemd; then
    [ "$start" = no ] || say 'it runs: systemctl status sond, sonctl get'
  else
    say 'no systemd runs here; start it by hand: sond run, beside Docker and Open vSwitch (or with its own: --engines embedded)'
  fi
  say "drop packages and manifests into $prefix/etc/sond/manifests.d"
}

# --- uninstall ---------------------------------------------------------------------------------------------------

# By the marks that sond puts on everything it makes; what does not bear them stays.
end_services() {
  [ -z "$prefix" ] || return 0
  away=''
  if command -v docker >/dev/null 2>&1; then
    if ids=$(docker ps -aq --filter label=sond.dev/owner=sond 2>/dev/null); then
      for id in $ids; do docker rm -f "$id" >/dev/null; done
    else
      away=' Docker'
    fi
  fi
  if command -v ovs-vsctl >/dev/null 2>&1; then
    if names=$(ovs-vsctl --timeout=10 --bare --columns=name find bridge external_ids:sond-owner=sond 2>/dev/null); then
      for name in $names; do ovs-vsctl --timeout=30 del-br "$name"; done
    else
      away="$away Open-vSwitch"
    fi
  fi
  if command -v iptables >/dev/null 2>&1; then
    iptables -w 5 -S FORWARD 2>/dev/null | grep -E -- '--comment "?sond:sond:' | sed 's/^-A/-D/' | while read -r rule; do
      printf '%s\n' "$rule" | xargs iptables -w 5
    done
  fi
  if command -v nft >/dev/null 2>&1 && nft list table ip sond_sond >/dev/null 2>&1; then
    nft delete table ip sond_sond
  fi
  ip -o link 2>/dev/null | grep 'alias sond:sond:' | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | while read -r name; do
    ip link delete "$name" 2>/dev/null || true # its other end may have taken it along
  done
  if [ -z "$away" ]; then say 'services ended'; else say "what sond made of these stays, as they do not run:$away"; fi
}

uninstall() {
  if has_systemd && [ -e "$unit" ]; then
    systemctl disable --now --quiet sond.service || true
  fi
  [ "$services" = no ] || end_services
  rm -f "$unit"
  has_systemd && systemctl daemon-reload
  for name in sond sonctl; do
    link=$prefix/usr/local/bin/$name
    [ "$(readlink -- "$link" 2>/dev/null)" != "/opt/sond/bin/$name.js" ] || rm -f "$link"
  done
  rm -rf "$target" "$target.old" "$target.new"
  if [ "$purge" = yes ]; then
    rm -rf "$prefix/etc/sond" "$prefix/var/lib/sond" "$prefix/run/sond"
    if [ -z "$prefix" ] && getent group sond >/dev/null; then groupdel sond; fi
    say 'sond is gone, with its settings and its state'
  else
    say "sond is gone; $prefix/etc/sond and $prefix/var/lib/sond are kept (--purge removes them)"
  fi
  [ "$services" = yes ] || say 'services that ran run on (--with-services ends them)'
}

"$action"
