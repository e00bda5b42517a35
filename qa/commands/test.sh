# shellcheck shell=bash
# test, nightly: every test, from Catch2 binaries to real processes. Sourced by titan.

# Everything a test run starts inherits TITAN_RUN, and keeps its files in $run_folder. PostgreSQL
# overwrites its environment, hence also by folder.
run_processes() {
  as_root bash -c '
    for process in /proc/[0-9]*; do
      pid=${process#/proc/}
      [[ $pid != "$$" && $pid != "$PPID" ]] || continue
      if grep -qzxF "TITAN_RUN=$1" "$process/environ" 2>/dev/null ||
         [[ $(readlink "$process/cwd" 2>/dev/null) == "$2"* ]]; then
        [[ -e $process/exe ]] && echo "$pid $(tr "\0" " " <"$process/cmdline" | cut -c1-120)"
      fi
    done' bash "$TITAN_RUN" "$run_folder" 2>/dev/null || true
}
run_namespaces() { ip netns list 2>/dev/null | awk -v prefix="$TITAN_RUN" 'index($1, prefix) == 1 {print $1}'; }
# Of a machine that boots (qa/harness/machine.py); it stands as long as anything of it runs, and longer.
run_control_groups() {
  find /sys/fs/cgroup /sys/fs/cgroup/systemd -maxdepth 1 -type d -name "${TITAN_RUN}*x*" 2>/dev/null || true
}
leftovers() {
  run_processes
  run_namespaces
  run_control_groups
}
# Ends what a run left (after Ctrl-C or a failure): only what carries this run's mark.
sweep_run() {
  local pid rest name
  while read -r pid rest; do [[ -z $pid ]] || as_root kill -KILL "$pid" 2>/dev/null || true; done < <(run_processes)
  for name in $(run_namespaces); do as_root ip netns del "$name" 2>/dev/null || true; done
  for name in $(run_control_groups); do as_root find "$name" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
}
finish_run() {
  trap '' INT TERM
  sweep_run
  as_root rm -rf "$run_folder"
  # What a failed test left to read belongs to whoever called us.
  [[ $EUID -eq 0 || ! -e build/test-logs ]] || as_root chown -R "$(id -u):$(id -g)" build/test-logs
}
start_run() {
  export TITAN_RUN=tt$$
  run_folder=$(mktemp -d "${TMPDIR:-/tmp}/titan-test.XXXXXX")
  chmod 755 "$run_folder" # the private PostgreSQL runs as another user
  trap finish_run EXIT
  trap 'echo; echo "titan: stopped, cleaning up"; exit 130' INT TERM
}

# Writes one result the way the Catch2 binaries do (tests/catch_main.cpp): verdict, seconds, name.
# The verdict "left" names a case that the nightly run does.
record() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$run_folder/results/titan"; }

run_case() { # name, command...: one test case that is a command
  local name=$1 began=$EPOCHREALTIME output seconds
  shift
  if output=$("$@" 2>&1); then
    seconds=$(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $began}")
    echo "ok   $name ($seconds s)"
    record ok "$seconds" "$name"
  else
    echo "FAIL $name"
    printf '%s\n' "$output" | sed 's/^/     /'
    record FAIL 0 "$name"
  fi
}

nothing_left() {
  local deadline=$((SECONDS + 10)) left
  while left=$(leftovers) && [[ -n $left ]]; do
    if [[ $SECONDS -ge $deadline ]]; then
      echo "still there 10 s after the last test:"
      echo "$left"
      ps -o pid,ppid,user,stat,etimes,wchan:24,args -p "$(run_processes | cut -d' ' -f1 | paste -sd,)"
      run_processes | while read -r pid _; do as_root ls -l "/proc/$pid/cwd"; done
      return 1
    fi
    read -rt 0.2 <> <(:) || true
  done
}

# Every scenario, the planted bugs, the same traces from other memory, and fresh seeds.
explore_minutes=2
simulator_tests() {
  local simulator=build/release/bin/titan-sim
  step "simulator: every scenario, in virtual time"
  scenarios simulations/scenarios simulations/negative simulations/regressions

  step "simulator: the same traces where memory holds other bytes"
  run_case "simulator: the same traces where memory holds other bytes" \
    same_traces env MALLOC_PERTURB_=165 "$simulator"

  record left 0 "simulator: both builds make the same traces"

  step "simulator: fresh seeds for $explore_minutes minutes"
  run_case "simulator: fresh seeds" "$simulator" explore --minutes "$explore_minutes" \
    --out "$run_folder/found"
  [[ ! -d $run_folder/found ]] || head -n 200 "$run_folder"/found/*.toml
}
scenarios() { # folders or files
  build/release/bin/titan-sim suite --results "$run_folder/results/scenarios" \
    --traces "$run_folder/traces" "$@" || [[ $? -eq 1 ]] || record FAIL 0 "simulator: the suite came to its end"
}
# Spread over all names; only what a build that is ten times slower runs in time.
same_traces() { # another simulator, held against the traces of the suite
  "$@" suite --traces "$run_folder/traces.other" simulations/regressions \
    simulations/scenarios/short-*.toml || return 1
  # Each line of the other must be among those of the first.
  ! grep -vxF -f "$run_folder/traces" "$run_folder/traces.other"
}

# The simulator computes, and what runs on real processes mostly waits: so it computes meanwhile, in a
# session of its own, to which the kernel gives what the others leave.
begin_simulator_tests() {
  setsid "$here/titan" simulator-tests "$run_folder" >"$run_folder/simulator.log" 2>&1 </dev/null &
  simulator_pid=$!
}
simulator_tests_command() { # run folder
  run_folder=$1
  echo 15 >/proc/self/autogroup || true
  renice -n 19 -p $$ >/dev/null
  simulator_tests
}
end_simulator_tests() {
  wait "$simulator_pid" || record FAIL 0 "simulator: its tests came to their end"
  cat "$run_folder/simulator.log"
}

# Tests that run side by side: most of their time they wait for something.
at_once() { echo $(($(nproc) + 1)); }

test_command() {
  local pattern=${1:-}
  [[ $# -le 1 ]] || die "test takes one pattern at most, e.g.: ./titan test heal"
  build release
  start_run
  mkdir "$run_folder/results"
  local select=()
  [[ -z $pattern ]] || select=(-R "$pattern")

  step "unit and contract tests"
  TITAN_TEST_RESULTS=$run_folder/results ctest --test-dir build/release -j "$(at_once)" \
    --output-on-failure --timeout 600 --output-junit "$run_folder/ctest.xml" "${select[@]}" </dev/null 2>&1 |
    grep -vE '^(Internal ctest|Test project|    Start|Total Test|The following|Errors while|\s+[0-9]+ - |[0-9]+% tests|$)' || true

  if [[ -z $pattern || style == *"$pattern"* ]]; then
    step "style: what ./titan check looks at"
    run_case "style: format" check_format
    run_case "style: layers and rooms" check_layers
    run_case "style: scripts" check_scripts
  fi

  local files
  if [[ -z $pattern ]]; then
    begin_simulator_tests
    end_to_end_tests ""
    end_simulator_tests
  elif [[ simulator == *"$pattern"* ]]; then
    simulator_tests
    end_to_end_tests "$pattern"
  else
    mapfile -t files < <(find simulations -name "*$pattern*.toml" | sort)
    [[ ${#files[@]} -eq 0 ]] || scenarios "${files[@]}"
    end_to_end_tests "$pattern"
  fi

  step "what is left behind"
  run_case "no process, namespace or control group is left" nothing_left

  step "summary"
  "$python" qa/checks/summarise_tests.py "$run_folder" ${pattern:+--pattern "$pattern"}
}

# The long tests: those that tests/ marks @nightly (qa/harness/runner.py), and the simulator built anew
# with AddressSanitizer: no error, and the traces of the other build.
nightly_command() {
  local pattern=${1:-}
  [[ $# -le 1 ]] || die "nightly takes one pattern at most, e.g.: ./titan nightly thirty"
  build release
  start_run
  mkdir "$run_folder/results"
  end_to_end_tests "$pattern" --nightly
  [[ -n $pattern && disk != *"$pattern"* ]] || disk_tests
  [[ -n $pattern && simulator != *"$pattern"* ]] || simulator_in_another_build
  step "what is left behind"
  run_case "no process, namespace or control group is left" nothing_left
  step "summary"
  "$python" qa/checks/summarise_tests.py "$run_folder" --nightly ${pattern:+--pattern "$pattern"}
}

# At each call of the disk where the usual run takes some, each length, more patterns and seeds.
disk_tests() {
  step "disks: faults and torn files, all of them"
  run_case "disks: faults and torn files, all of them" \
    env TITAN_THOROUGH=1 build/release/bin/titan_mesh_sqlite_test "[disk]"
}

simulator_in_another_build() {
  scenarios simulations/regressions simulations/scenarios/short-*.toml
  step "simulator: the same traces from a build with AddressSanitizer"
  build traces titan-sim
  run_case "simulator: both builds make the same traces" same_traces build/traces/bin/titan-sim
}

end_to_end_tests() { # pattern (may be empty), further options of the runner
  local run=("$python" tests/end_to_end/run.py --match "$1" --jobs "$(at_once)" "${@:2}")
  if "${run[@]}" --list | grep -E '^test_(packages|boot|first_day)' >/dev/null; then
    step "packages"
    run_case "the Debian packages are made" pack
  fi

  step "end-to-end tests (real processes in network namespaces)"
  can_be_root || die "the end-to-end tests make network namespaces and need root or sudo."
  as_root env "TMPDIR=$run_folder" "${run[@]}" --json "$run_folder/end_to_end.json" </dev/null || true
}
