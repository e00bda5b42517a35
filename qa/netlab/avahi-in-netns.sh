#!/usr/bin/env bash
# avahi-in-netns.sh - a private dbus-daemon and avahi-daemon per netlab host (or on loopback), as
# plain child processes. Root; Debian: dbus avahi-daemon avahi-utils, and what netlab.sh needs.
#
#   avahi-in-netns.sh start I            in netlab host I (with its own /run/avahi-daemon)
#   avahi-in-netns.sh stop I             polite: Avahi says goodbye to the others
#   avahi-in-netns.sh kill I             kill -9, no goodbye
#   avahi-in-netns.sh exec I CMD...      CMD in host I with DBUS_SYSTEM_BUS_ADDRESS set:
#                                        avahi-publish, avahi-browse, your program
#   avahi-in-netns.sh address I          prints that bus address
#
# I = lo: the machine's own namespace, loopback ONLY (IPv4), for everything on one machine: the
# machine has a real network card, which none of this may touch.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export NETLAB=${NETLAB:-nl}

if [[ $# -lt 2 ]]; then
  sed -n '2,/^set -euo/p' "$0" | sed '$d; s/^# \{0,1\}//'
  exit 2
fi
command=$1 host=$2
shift 2
D=/run/netlab-$NETLAB/avahi-$host
BUS=unix:path=$D/bus
interface=eth0 name=h$host ipv6=yes
in_host() { exec "$HERE/netlab.sh" run "$host" "$@"; }
if [[ $host == lo ]]; then
  interface=lo name=demo ipv6=no
  in_host() { exec unshare --uts sh -c 'exec "$@"' lo "$@"; }
fi
# Not `kill -0`: that also answers for a process which ended and was not reaped yet.
alive() { [[ -e $D/$1.pid && -e /proc/$(cat "$D/$1.pid")/exe ]]; }

write_settings() {
  cat >"$D/bus.conf" <<BUSCONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>$BUS</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy></busconfig>
BUSCONF
  cat >"$D/avahi.conf" <<AVAHICONF
[server]
host-name=$name
use-ipv4=yes
use-ipv6=$ipv6
allow-interfaces=$interface
use-iff-running=no
enable-dbus=yes
disallow-other-stacks=no
ratelimit-interval-usec=1000000
ratelimit-burst=1000
[publish]
publish-hinfo=no
publish-workstation=no
AVAHICONF
}

start() {
  if alive avahi; then
    echo "avahi-in-netns: Avahi is already running on $host" >&2
    exit 1
  fi
  mkdir -p "$D/run"
  [[ $host != lo || -z ${NETLAB_OWNER:-} ]] || echo "$NETLAB_OWNER" >"${D%/*}/owner" # for netlab.sh sweep
  rm -f "$D"/*.pid "$D/bus" "$D/run/pid" # a killed daemon leaves the last one behind
  : >"$D/avahi.log" # is looked into before the background shell has opened it
  write_settings
  (in_host dbus-daemon --nofork --nopidfile --nosyslog --config-file="$D/bus.conf") </dev/null >"$D/dbus.log" 2>&1 &
  echo $! >"$D/dbus.pid"
  for _ in {1..200}; do [[ -S $D/bus ]] && break; sleep 0.02; done
  # shellcheck disable=SC2016 # expanded by the inner shell
  (in_host env DBUS_SYSTEM_BUS_ADDRESS="$BUS" unshare -m sh -c 'mkdir -p /run/avahi-daemon && mount --bind "$1" /run/avahi-daemon &&
    exec avahi-daemon -f "$2" --no-drop-root --no-chroot --no-rlimits --no-proc-title' sh "$D/run" "$D/avahi.conf") </dev/null >"$D/avahi.log" 2>&1 &
  echo $! >"$D/avahi.pid"
  for _ in {1..500}; do
    grep -q 'Server startup complete' "$D/avahi.log" && exit 0
    alive avahi || break
    sleep 0.02
  done
  echo "avahi-in-netns: Avahi did not start on $host:" >&2
  tail -n 3 "$D/avahi.log" "$D/dbus.log" >&2
  stop KILL
  exit 1
}
stop() { # signal
  local daemon
  for daemon in avahi dbus; do
    if alive $daemon; then
      kill "-$1" "$(cat "$D/$daemon.pid")"
      for _ in {1..100}; do alive $daemon || break; sleep 0.02; done
    fi
  done
  rm -f "$D"/*.pid
}

case $command in
  start) start ;;
  stop) stop TERM ;;
  kill) stop KILL ;;
  exec) DBUS_SYSTEM_BUS_ADDRESS=$BUS in_host "$@" ;;
  address) echo "$BUS" ;;
  *)
    echo "avahi-in-netns: unknown command '$command'; run it without arguments for help" >&2
    exit 2
    ;;
esac
