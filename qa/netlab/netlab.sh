#!/usr/bin/env bash
# netlab.sh - a real LAN on one machine: N hosts = N network namespaces on one bridge (in a
# namespace of its own). No address outside 10.77.0.0/24 and fd77::/64 is used, and nothing is
# connected to the machine's own interfaces. Root; Debian: iproute2 nftables iputils-ping ethtool gcc libc6-dev.
#
#   netlab.sh create N                     hosts 1..N; host I = 10.77.0.I and fd77::I, hostname hI
#   netlab.sh destroy                      end everything inside, remove all (may be repeated)
#   netlab.sh run I CMD...                 run CMD in host I (own hostname); add & for a daemon
#   netlab.sh partition 1,2 3,4,5 [...]    groups no longer reach each other, unnamed hosts are one
#                                          more group; replaces earlier partitions and cuts
#   netlab.sh cut 1,2 3,4 [...]            also cut these groups apart; all others reach them still
#   netlab.sh mend 1,2 3,4 [...]           undo a cut between these groups
#   netlab.sh oneway A B                   IP frames from A no longer reach B (B to A goes on; ARP passes)
#   netlab.sh loss A B PCT                 drop PCT % of the frames from A to B (one way), 0 = none
#   netlab.sh ways [cut 1-2 ...] [oneway 3-4 ...] [mute 5-6 ...]
#                                          exactly these pairs: nothing passes either way; no IP from
#                                          the first to the second; no multicast either way. Replaces
#                                          earlier partitions, cuts and oneways at one stroke
#   netlab.sh heal                         undo partition, cut, oneway, ways, loss
#   netlab.sh down I | up I                pull/plug host I's cable (the host sees NO-CARRIER)
#   netlab.sh address I A | none           host I's IPv4 address is A from now on, or it has none
#   netlab.sh netem I [up|down|both] delay=MS jitter=MS loss=PCT dup=PCT reorder=PCT rate=KBIT seed=N
#   netlab.sh netem I off                  back to the plain cable
#   netlab.sh killhost I                   kill -9 everything in host I (power loss of the software)
#   netlab.sh status                       what is cut and how much was dropped
#   netlab.sh sweep                        remove labs whose owner (NETLAB_OWNER) is gone
#
# NETLAB (default nl) is the name prefix: several labs can run side by side.
# NETLAB_OWNER: a process id noted at `create`, for `sweep`.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
P=${NETLAB:-nl} # prefix
SW=$P-sw        # the namespace of the switch
STATE=/run/netlab-$P

manual() { sed -n '2,/^set -euo/p' "$0" | sed '$d; s/^# \{0,1\}//'; }
die() {
  echo "netlab: $*" >&2
  exit 1
}
[[ $P =~ ^[a-zA-Z][a-zA-Z0-9]{0,30}$ ]] || die "NETLAB='$P': use letters and digits only, a letter first"

sw() { ip netns exec "$SW" "$@"; }
nftb() { sw nft "$@"; }
hosts() { ip netns list | awk -v p="^$P-h[0-9]+$" '$1 ~ p {sub(/.*-h/, "", $1); print $1}' | sort -n; }
namespaces() { ip netns list | awk -v p="^$P-(sw|h[0-9]+)$" '$1 ~ p {print $1}'; }
need() { [[ -e /run/netns/$P-h$1 ]] || die "lab $P has no host '$1' (it has: $(hosts | tr '\n' ' '))"; }

# The pairs of ports that frames from host A to host B may pass: port pI, or tI under netem.
# Leaves its answer in $pairs; called too often for a subshell.
add_pairs() {
  pairs+="\"p$1\" . \"p$2\", \"p$1\" . \"t$2\", \"t$1\" . \"p$2\", \"t$1\" . \"t$2\", "
}

create() {
  local n=$1 i
  [[ $n =~ ^[0-9]+$ && $n -ge 1 && $n -le 250 ]] || die "create: '$n' is not a number of hosts from 1 to 250"
  [[ ! -e /run/netns/$SW ]] || die "lab $P exists already; remove it with: netlab.sh destroy"
  trap 'trap - INT TERM EXIT; destroy; die "create was stopped or failed; what was made is removed again"' INT TERM EXIT
  mkdir -p "$STATE"
  [[ -z ${NETLAB_OWNER:-} ]] || echo "$NETLAB_OWNER" >"$STATE/owner"
  ip netns add "$SW"
  sw sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip -n "$SW" link set lo up
  ip -n "$SW" link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
  ip -n "$SW" link set br0 up
  nftb -f - <<'RULES'
table bridge netlab {
  set cut    { type ifname . ifname; }
  set oneway { type ifname . ifname; }
  set mute   { type ifname . ifname; }
  chain forwarding {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut counter drop
    iifname . oifname @oneway jump only_one_way
    ip daddr 224.0.0.0/4 iifname . oifname @mute counter drop
    ip6 daddr ff00::/8 meta l4proto udp iifname . oifname @mute counter drop
    jump losses
  }
  chain only_one_way {
    ether type arp return
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
    counter drop
  }
  chain losses { }
}
RULES
  for ((i = 1; i <= n; i++)); do
    ip netns add "$P-h$i"
    ip -n "$SW" link add "p$i" type veth peer name eth0 address "$(printf '02:4d:00:00:00:%02x' "$i")" netns "$P-h$i"
    # An IPv6 address may be used at once: nobody else has it, and nobody routes here.
    ip netns exec "$P-h$i" sysctl -qw net.ipv4.ping_group_range="0 65534" \
      net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.router_solicitations=0
    ip -n "$SW" link set "p$i" master br0 up
    ip -n "$P-h$i" -batch - <<BATCH
addr add 10.77.0.$i/24 brd + dev eth0
link set lo up
link set eth0 up multicast on
addr add fd77::$i/64 dev eth0
route add 224.0.0.0/4 dev eth0
BATCH
  done
  trap - INT TERM EXIT
}

signal_namespace() { # namespace, signal
  local pids
  pids=$(ip netns pids "$1" 2>/dev/null) || return 0
  # shellcheck disable=SC2086 # one word per process
  [[ -z $pids ]] || kill "-$2" $pids 2>/dev/null || true
}
anyone_inside() {
  local ns
  for ns in $(namespaces); do [[ -z $(ip netns pids "$ns" 2>/dev/null) ]] || return 0; done
  return 1
}
destroy() {
  local ns file try
  # Avahi on the machine's own loopback lives in no namespace of ours: end it by its pid files.
  for file in "$STATE"/avahi-lo/*.pid; do [[ ! -e $file ]] || kill "$(cat "$file")" 2>/dev/null || true; done
  if anyone_inside; then
    for ns in $(namespaces); do signal_namespace "$ns" TERM; done
    for try in {1..15}; do
      anyone_inside || break
      [[ $try -lt 15 ]] || for ns in $(namespaces); do signal_namespace "$ns" KILL; done
      sleep 0.02
    done
  fi
  for ns in $(namespaces); do ip netns del "$ns"; done
  rm -rf "$STATE"
}
sweep() {
  local state owner
  for state in /run/netlab-*; do
    [[ -e $state/owner ]] || continue
    owner=$(cat "$state/owner")
    [[ -e /proc/$owner ]] || NETLAB=${state#/run/netlab-} "$HERE/netlab.sh" destroy
  done
}

run() {
  local i=$1
  need "$i"
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  exec ip netns exec "$P-h$i" unshare --uts sh -c 'echo "$0" > /proc/sys/kernel/hostname; exec "$@"' "h$i" "$@"
}

partition() {
  local -A group=()
  local i j n=0 names pairs=""
  for names in "$@"; do
    n=$((n + 1))
    for i in ${names//,/ }; do
      need "$i"
      group[$i]=$n
    done
  done
  for i in $(hosts); do
    for j in $(hosts); do [[ ${group[$i]:-0} == "${group[$j]:-0}" ]] || add_pairs "$i" "$j"; done
  done
  { # one transaction, so that no moment in between has another shape
    echo "flush set bridge netlab cut"
    [[ -z $pairs ]] || echo "add element bridge netlab cut { ${pairs%, } }"
  } | nftb -f -
}
pairs_between() { # groups: every pair of hosts of two different groups, both ways, into $pairs
  local a b i j
  [[ $# -ge 2 ]] || die "cut and mend take two groups or more, e.g.: cut 1,2 3,4,5"
  for a in "$@"; do
    for b in "$@"; do
      [[ $a != "$b" ]] || continue
      for i in ${a//,/ }; do
        need "$i"
        for j in ${b//,/ }; do add_pairs "$i" "$j"; done
      done
    done
  done
}
cut() {
  local pairs=""
  pairs_between "$@"
  nftb "add element bridge netlab cut { ${pairs%, } }"
}
mend() {
  local pairs=""
  pairs_between "$@"
  # Deleting an element that is not there is an error: so add it first, in the same transaction.
  printf '%s element bridge netlab cut { %s }\n' add "${pairs%, }" delete "${pairs%, }" | nftb -f -
}
oneway() {
  local pairs=""
  need "$1"
  need "$2"
  add_pairs "$1" "$2"
  nftb "add element bridge netlab oneway { ${pairs%, } }"
}
ways() {
  local kind="" word pairs
  local -A elements=([cut]="" [oneway]="" [mute]="")
  for word in "$@"; do
    case $word in
      cut | oneway | mute) kind=$word ;;
      *-*)
        [[ -n $kind ]] || die "ways: say cut, oneway or mute before '$word'"
        need "${word%-*}"
        need "${word#*-}"
        pairs=""
        add_pairs "${word%-*}" "${word#*-}"
        [[ $kind == oneway ]] || add_pairs "${word#*-}" "${word%-*}"
        elements[$kind]+=$pairs
        ;;
      *) die "ways: '$word' is not a pair of hosts like 1-2" ;;
    esac
  done
  for kind in cut oneway mute; do
    echo "flush set bridge netlab $kind"
    pairs=${elements[$kind]}
    [[ -z $pairs ]] || echo "add element bridge netlab $kind { ${pairs%, } }"
  done | nftb -f -
}
loss() {
  local handle share
  need "$1"
  need "$2"
  share=$(awk -v percent="$3" 'BEGIN {print int(percent * 100)}')
  for handle in $(nftb -a list chain bridge netlab losses | awk -v c="\"$1>$2\"" 'index($0, c) {print $NF}'); do
    nftb delete rule bridge netlab losses handle "$handle"
  done
  [[ $share == 0 ]] || nftb "add rule bridge netlab losses iifname { \"p$1\", \"t$1\" } oifname { \"p$2\", \"t$2\" } numgen random mod 10000 < $share counter drop comment \"$1>$2\""
}
heal() {
  printf 'flush set bridge netlab cut\nflush set bridge netlab oneway\nflush set bridge netlab mute\nflush chain bridge netlab losses\n' | nftb -f -
}

address() { # host, IPv4 address or none
  need "$1"
  ip -n "$P-h$1" -4 addr flush dev eth0
  [[ $2 != none ]] || return 0
  # With the last address its routes went, too.
  ip -n "$P-h$1" -batch - <<BATCH
addr add $2/24 brd + dev eth0
route replace 224.0.0.0/4 dev eth0
BATCH
}

netem_off() {
  local i=$1 file=$STATE/netem$1
  if [[ -e $file.pid ]]; then
    kill "$(cat "$file.pid")" 2>/dev/null || true
    rm -f "$file" "$file.pid"
  fi
  ip -n "$SW" link del "t$i" 2>/dev/null || true
  ip -n "$SW" link set "p$i" master br0
  ip netns exec "$P-h$i" ethtool -K eth0 tx on tso on gso on >/dev/null 2>&1 || true
}
netem() {
  need "$1"
  local i=$1 way=both delay=0 jitter=0 loss=0 dup=0 reorder=0 rate=0 seed=1 setting
  local file=$STATE/netem$1 relay=$STATE/netlab-link
  shift
  if [[ ${1:-} == off ]]; then
    netem_off "$i"
    return
  fi
  case ${1:-} in up | down | both)
    way=$1
    shift
    ;;
  esac
  for setting in "$@"; do
    [[ ${setting#*=} =~ ^[0-9]+(\.[0-9]+)?$ ]] || die "netem: '$setting' is not NAME=NUMBER"
    case $setting in
      delay=*) delay=${setting#*=} ;;
      jitter=*) jitter=${setting#*=} ;;
      loss=*) loss=${setting#*=} ;;
      dup=*) dup=${setting#*=} ;;
      reorder=*) reorder=${setting#*=} ;;
      rate=*) rate=${setting#*=} ;;
      seed=*) seed=${setting#*=} ;;
      *) die "netem: unknown setting '$setting'; known are delay jitter loss dup reorder rate seed" ;;
    esac
  done
  [[ -e $file ]] || printf 'up 0 0 0 0 0 0 1\ndown 0 0 0 0 0 0 1\n' >"$file"
  for setting in up down; do
    [[ $way != both && $way != "$setting" ]] ||
      sed -i "s/^$setting .*/$setting $delay $jitter $loss $dup $reorder $rate $seed/" "$file"
  done
  if [[ -e $file.pid ]] && kill -HUP "$(cat "$file.pid")" 2>/dev/null; then return; fi
  # Several hosts may need it in the same moment: each sees no relay or a whole one.
  [[ -x $relay ]] || { gcc -O2 -o "$relay.$$" "$HERE/netlab-link.c" && mv -f "$relay.$$" "$relay"; }
  # Whole frames with real checksums on this cable: the relay passes on what it reads.
  ip netns exec "$P-h$i" ethtool -K eth0 tx off tso off gso off >/dev/null
  ip -n "$SW" link set "p$i" nomaster
  ip -n "$SW" tuntap add dev "t$i" mode tap
  ip -n "$SW" link set "t$i" master br0 up
  ip netns exec "$SW" "$relay" "p$i" "t$i" "$file" </dev/null >/dev/null 2>>"$STATE/netlab-link.log" &
  echo $! >"$file.pid"
  for _ in {1..50}; do
    [[ $(ip -n "$SW" -br link show "t$i") == *LOWER_UP* ]] && return
    sleep 0.02
  done
  die "netem: the relay of host $i did not start: $(tail -n 1 "$STATE/netlab-link.log")"
}

status() {
  [[ -e /run/netns/$SW ]] || die "there is no lab $P; make one with: netlab.sh create N"
  echo "lab $P: hosts $(hosts | tr '\n' ' ')"
  nftb list table bridge netlab | grep -E 'elements|"p|"t|counter' || true
  ip -n "$SW" -br link show
  grep -H . "$STATE"/netem[0-9]* 2>/dev/null | grep -v '\.pid:' || true
}

command=${1:-}
[[ $# -eq 0 ]] || shift
declare -A arguments=([create]=1 [run]=2 [partition]=1 [cut]=2 [mend]=2 [oneway]=2 [ways]=0 [loss]=3 [netem]=2
  [down]=1 [up]=1 [address]=2 [killhost]=1 [destroy]=0 [heal]=0 [status]=0 [sweep]=0)
[[ -n $command && -n ${arguments[$command]:-} ]] || {
  manual
  exit 2
}
[[ $EUID -eq 0 ]] || die "network namespaces take the rights of root: use sudo"
[[ $# -ge ${arguments[$command]} ]] || die "$command takes ${arguments[$command]} arguments or more; see: netlab.sh help"
case $command in
  down | up)
    need "$1"
    ip -n "$SW" link set "p$1" "$command"
    ;;
  killhost)
    need "$1"
    signal_namespace "$P-h$1" KILL
    ;;
  *) "$command" "$@" ;;
esac
