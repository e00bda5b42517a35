# shellcheck shell=bash
# demo, bench, sim, lab: what runs the product for somebody to look at. Sourced by titan.

demo_command() {
  [[ -e qa/demo/titan_demo.py ]] || die "qa/demo/titan_demo.py is missing: is this checkout complete?"
  [[ ! -x $python ]] || case " $* " in *' --help '* | *' -h '*) exec "$python" qa/demo/titan_demo.py --help ;; esac
  setup demo
  build release titan-pos titan-cloud
  # Without root the demo runs on loopback and says what it cannot show.
  if can_be_root 2>/dev/null; then
    as_root "$python" qa/demo/titan_demo.py "$@"
  else
    "$python" qa/demo/titan_demo.py "$@"
  fi
}

bench_command() {
  [[ -e qa/bench/run.py ]] || die "qa/bench/run.py is missing: is this checkout complete?"
  build release
  as_root "$python" qa/bench/run.py "$@"
}

# What the build says goes to standard error: the output of `sim show --json` is for programs.
sim_command() {
  build release titan-sim >&2
  case ${1:-help} in
    help | --help | -h) build/release/bin/titan-sim --help ;;
    *) build/release/bin/titan-sim "$@" ;;
  esac
}

# Scenarios on real processes: play_scenarios run FILE, play_scenarios suite FILE or FOLDER ...
play_scenarios() {
  build release titan-pos titan-pos-next titan-cloud titan-sim
  as_root "$python" "qa/live/$1.py" "${@:2}"
}

lab_help() {
  cat <<'HELP'
Scenarios on real processes: titan-pos in namespaces, titan-cloud, PostgreSQL.

  ./titan lab run FILE [--seed N]   play a scenario file (simulations/scenarios/*.toml) and judge it
      [--json FILE] [--html FILE]   with the report as JSON, as a page; --history FILE keeps the
                                    history for ./titan sim judge, --logs FOLDER the logs
  ./titan lab suite [FOLDER or FILE …] [--results FILE]
                                    play many (all of simulations/scenarios), one line each
  ./titan lab torture [--minutes N] [--seed N] [--results FILE]
                                    random stores with random faults, an hour of them if not told

A LAN on this machine: N hosts (network namespaces) at 10.77.0.1 … 10.77.0.N on one switch.

  ./titan lab create N              make hosts 1..N
  ./titan lab run I COMMAND…        run a command in host I
  ./titan lab partition 1,2 3,4,5   the groups no longer reach each other (hosts not named: one more group)
  ./titan lab cut 1,2 3,4           also cut these apart; everybody else still reaches both
  ./titan lab mend 1,2 3,4          undo that
  ./titan lab oneway A B            IP from A no longer reaches B
  ./titan lab loss A B PERCENT      drop that share of the frames from A to B, 0 = none
  ./titan lab netem I delay=MS …    delay, jitter, loss, dup, reorder, rate on host I's cable; off = plain
  ./titan lab down I | up I         pull or plug host I's cable
  ./titan lab heal                  undo partition, cut, oneway and loss
  ./titan lab killhost I            kill -9 everything in host I
  ./titan lab status                what is cut, what was dropped
  ./titan lab destroy               end everything inside and remove it all
  ./titan lab sweep                 remove labs whose owner died
  ./titan lab avahi start|stop|kill I, avahi exec I COMMAND…   a private Avahi (mDNS) in host I
  ./titan lab test                  the lab tests itself (1 minute)

NETLAB=name ./titan lab … gives a lab of another name; several run side by side.
HELP
}
lab_command() {
  case ${1:-help} in
    help | --help | -h) lab_help ;;
    avahi) setup demo && as_root qa/netlab/avahi-in-netns.sh "${@:2}" ;;
    test) setup && as_root qa/netlab/netlab-test.sh ;;
    run)
      if [[ ${2:-} =~ ^[0-9]+$ ]]; then
        setup demo && as_root qa/netlab/netlab.sh "$@"
      else
        play_scenarios "$@"
      fi
      ;;
    suite | torture) play_scenarios "$@" ;;
    *) setup demo && as_root qa/netlab/netlab.sh "$@" ;;
  esac
}
