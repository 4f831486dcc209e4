# Sourced by sond.js and sonctl.js when a shell executes them. Finds Node.js 24 or newer and becomes it (exec keeps the
# process id, so a signal sent to the command reaches the daemon). Expects $0 and "$@" of the command itself.
sond_self=$(readlink -f -- "$0") || exit 1
sond_root=$(dirname -- "$(dirname -- "$sond_self")")
sond_packaged=$sond_root/node_modules/node/bin/node
if [ -x "$sond_packaged" ]; then
  exec "$sond_packaged" "$sond_self" "$@"
fi
sond_version=$(node -p 'process.versions.node' 2>/dev/null) || sond_version=none
sond_major=${sond_version%%.*}
case $sond_major in
'' | *[!0-9]*) sond_major=0 ;;
esac
if [ "$sond_major" -ge 24 ]; then
  exec node "$sond_self" "$@"
fi
echo "$(basename -- "$sond_self" .js): needs Node.js 24 or newer (on PATH: $sond_version)." >&2
echo "Install Node.js 24; or, in a checkout ($sond_root), run 'npm ci', which brings its own." >&2
exit 1
