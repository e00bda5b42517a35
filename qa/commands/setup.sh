# shellcheck shell=bash
# setup: Debian packages, and the driver of the browser tests. Sourced by titan.

# ---------------------------------------------------------------------------------------------
# What has to be installed, for what, and why. The one list: who needs it, the reason, packages.
#   build  compiling the programs
#   demo   running a store on this machine: the demo and the lab
#   test   everything else: tests, checks, benchmarks
# ---------------------------------------------------------------------------------------------
package_list() {
  cat <<'LIST'
build : compiler and build   : g++ cmake ninja-build ccache mold pkg-config git ca-certificates
build : messages between tills : libzmq3-dev cppzmq-dev
build : finding tills (mDNS) : libavahi-client-dev
build : wire format          : protobuf-compiler libprotobuf-dev
build : product lists, compressed : zlib1g-dev
build : journal on the till  : libsqlitecpp-dev libsqlite3-dev
build : store and cloud database : libpqxx-dev
build : keys and TLS         : libsodium-dev libssl-dev
build : HTTP, JSON, event loop : libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libboost-system1.81-dev
build : time zones of stores by name : libcctz-dev tzdata
build : Debian packages      : dpkg-dev file
build : logs, options, settings, metrics : libspdlog-dev libcli11-dev libtomlplusplus-dev prometheus-cpp-dev
demo  : finding tills (mDNS) : avahi-daemon dbus
demo  : store and cloud database : postgresql-15
demo  : a LAN on one machine : nftables iproute2 iputils-ping ethtool procps util-linux
demo  : who acts in the store : python3 python3-aiohttp
test  : formatting and lint  : clang-format clang-tidy
test  : unit tests and benchmarks : catch2 librapidcheck-dev libbenchmark-dev
test  : end-to-end tests     : python3-yaml python3-jsonschema curl openssl sqlite3 avahi-utils socat
test  : tests that look at pages : chromium
test  : installing the packages : debootstrap
LIST
  # Whoever has a newer Node.js of their own keeps it.
  command -v node >/dev/null && command -v npm >/dev/null || echo 'test : driving the browser : nodejs npm'
}
# The packages for "build", "demo" (which builds first) or "test" (everything).
packages() {
  local wanted
  case $1 in build) wanted=build ;; demo) wanted='build|demo' ;; test) wanted='build|demo|test' ;; esac
  package_list | grep -E "^($wanted) " | sed 's/^.*://'
}

missing_packages() { # for what: build, demo, test
  local installed
  # shellcheck disable=SC2046 # the list is meant to be split
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $(packages "$1") 2>/dev/null |
    sed -n 's/^ii //p' || true)
  packages "$1" | tr -s ' ' '\n' | sed '/^$/d' | grep -vxF -e "$installed" || true
}

# Installing PostgreSQL and Avahi usually also starts them. The tills start their own, private
# ones, and the machine of whoever tries this must not get servers it did not ask for: so no
# main cluster is made and no service is started while we install. Both guards are removed again.
guards=()
put_guards_up() {
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
    guards+=(/usr/sbin/policy-rc.d)
  fi
  local no_cluster=/etc/postgresql-common/createcluster.d/titan-mesh.conf
  as_root mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
  guards+=("$no_cluster")
}
take_guards_down() {
  [[ ${#guards[@]} -eq 0 ]] || as_root rm -f "${guards[@]}"
  guards=()
}
# `systemctl is-enabled` units would come up at the next boot: stopped for good, but only the
# ones that this very installation brought.
keep_services_off() {
  [[ -d /run/systemd/system ]] || return 0
  local unit
  for unit in "$@"; do as_root systemctl disable --now "$unit" >/dev/null 2>&1 || true; done
}

# One line per 20 packages on a log, one moving line on a terminal.
show_install_progress() {
  local total=$1 every=20
  [[ -t 1 ]] && every=1
  awk -v total="$total" -v every="$every" -v terminal="$([[ -t 1 ]] && echo 1 || echo 0)" '
    /^Get:/ && !fetching { fetching = 1; print "    downloading"; fflush() }
    /^Setting up / {
      n++
      if (n % every == 0 || n == total) {
        printf(terminal == 1 ? "\r\033[K    %d of %d: %s" : "    %d of %d: %s\n", n, total, $3)
        fflush()
      }
    }
    END { if (terminal == 1 && n) printf("\n") }'
}

# For what: build, demo or test; each brings what the one before needs as well.
setup() {
  local purpose=${1:-test}
  install_packages "$purpose"
  [[ $purpose != test ]] || install_browser_driver
}

# Playwright's core drives Debian's Chromium; it brings no browser of its own.
install_browser_driver() {
  local folder=tests/browser
  cmp -s $folder/package-lock.json $folder/node_modules/.installed-for && return
  step "installing the browser driver (npm) into $folder/node_modules"
  npm --prefix $folder ci --loglevel=error >/tmp/titan-npm.$$ 2>&1 || {
    tail -n 15 /tmp/titan-npm.$$ >&2
    rm -f /tmp/titan-npm.$$
    die "npm could not install what $folder/package-lock.json names. Is the network up?"
  }
  rm -f /tmp/titan-npm.$$
  cp $folder/package-lock.json $folder/node_modules/.installed-for
}

install_packages() {
  local purpose=$1
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    die "this is not a Debian machine (no apt-get). Install what these Debian packages contain:
$(packages "$purpose")"
  local missing=() total log
  mapfile -t missing < <(missing_packages "$purpose")
  if [[ ${#missing[@]} -eq 0 ]]; then return; fi

  if ! grep -q 'VERSION_ID="12"' /etc/os-release 2>/dev/null; then
    say "note: Titan Mesh is built and tested on Debian 12; this is $(. /etc/os-release && echo "${PRETTY_NAME:-another system}")."
  fi
  step "installing ${#missing[@]} missing packages: ${missing[*]}"
  can_be_root || die "installing packages needs root. Run ./titan setup $purpose as root once."
  log=$(mktemp /tmp/titan-setup.XXXXXX)
  trap take_guards_down EXIT
  put_guards_up
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  as_root "${apt[@]}" update >"$log" 2>&1 || say "note: apt-get update complained; trying with the lists at hand."
  total=$(as_root "${apt[@]}" install --simulate --no-install-recommends "${missing[@]}" 2>>"$log" | grep -c '^Inst' || true)
  if ! as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null 2>&1 |
    tee -a "$log" | show_install_progress "$total"; then
    echo "--- the last lines of apt-get:" >&2
    tail -n 15 "$log" >&2
    die "apt-get could not install the packages. Is the network up, and does /etc/apt/sources.list
name a Debian 12 mirror? Mend that and run ./titan setup again. Full log: $log"
  fi
  take_guards_down
  trap - EXIT
  case " ${missing[*]} " in *' postgresql-15 '*) keep_services_off postgresql.service ;; esac
  case " ${missing[*]} " in *' avahi-daemon '*) keep_services_off avahi-daemon.socket avahi-daemon.service ;; esac
  rm -f "$log"
}
