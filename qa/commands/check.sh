# shellcheck shell=bash
# check: what is looked at before a commit. Sourced by titan.

check_scripts() {
  local script failed=0
  local scripts=(titan .ci/run qa/commands/*.sh qa/netlab/*.sh)
  for script in "${scripts[@]}"; do bash -n "$script" || failed=1; done
  if command -v shellcheck >/dev/null; then shellcheck -S warning "${scripts[@]}" || failed=1; fi
  # Python 3.11's wait_for drops a cancellation that comes with its answer (CPython issue 86296), and
  # the task goes on for ever.
  if grep -rn --include='*.py' 'asyncio\.wait_for(' qa tests; then
    say "use: async with asyncio.timeout(seconds)"
    failed=1
  fi
  # Who reads no further than it must breaks the pipe of who still writes, and with pipefail the
  # condition is false although it was found.
  if grep -nE '[^|][|] +(grep -[A-Za-z]*q|head )' titan .ci/run qa/commands/*.sh; then
    say "use: grep ... >/dev/null"
    failed=1
  fi
  sources '*.py' | xargs -r "$python" -c 'import ast, sys
for path in sys.argv[1:]: ast.parse(open(path, encoding="utf-8").read(), path)' || failed=1
  return $failed
}
sources() { # one pattern, e.g. '*.py'
  find . \( -path ./build -o -path ./.git -o -name node_modules \) -prune -o -type f -name "$1" -print | sort
}
check_format() {
  { sources '*.h' && sources '*.cpp'; } | xargs -r clang-format --dry-run -Werror --style=file || {
    say "mend with: clang-format -i FILE…"
    return 1
  }
}

# Without address randomisation: GCC 12's ThreadSanitizer does not start on kernels that use
# 32 random bits. What Debian's libraries synchronise inside it cannot see, so what they do is not
# held against us, nor against each other.
sanitized_tests() { # preset
  TSAN_OPTIONS="ignore_noninstrumented_modules=1 second_deadlock_stack=1" \
    LSAN_OPTIONS="suppressions=$here/tests/lsan.suppressions" \
    setarch "$(uname -m)" --addr-no-randomize \
    ctest --test-dir "build/$1" --output-on-failure --timeout 1200
}

check_layers() { "$python" qa/checks/check_layers.py && "$python" qa/checks/draw_house.py --check; }

# Without --full it is quick: for before each commit.
check_command() {
  local full=no failed=()
  case ${1:-} in '') ;; --full) full=yes ;; *) die "check knows only --full, not '$1'." ;; esac
  setup
  step "format"
  check_format || failed+=(format)
  step "layers and rooms"
  check_layers || failed+=(layers)
  step "scripts"
  check_scripts || failed+=(scripts)
  [[ $full == no ]] || check_fully
  [[ ${#failed[@]} -eq 0 ]] || die "check found faults in: ${failed[*]}"
  step "check: all well"
}

check_fully() {
  local preset
  for preset in asan tsan; do
    build "$preset"
    step "unit tests under $preset"
    sanitized_tests "$preset" || failed+=("$preset")
  done
  step "scenarios under asan"
  build/asan/bin/titan-sim suite simulations/regressions simulations/scenarios/short-*.toml ||
    failed+=("scenarios under asan")
  step "clang-tidy (this takes a while)"
  sources '*.cpp' | grep -v '^./tests/' | xargs -r -P "$(jobs)" -n 1 clang-tidy -p build/asan --quiet \
    --warnings-as-errors='*' 2>/dev/null || failed+=(clang-tidy)
}
