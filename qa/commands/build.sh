# shellcheck shell=bash
# build: configure and compile. Sourced by titan.

# A compiler of this code base takes up to 1.5 GB; more of them than fit make everything slower.
jobs() {
  local by_memory cores
  cores=$(nproc)
  by_memory=$(awk '/^MemAvailable/ {print int($2 / 1572864)}' /proc/meminfo)
  [[ $by_memory -ge 1 ]] || by_memory=1
  echo "${TITAN_JOBS:-$((cores < by_memory ? cores : by_memory))}"
}

# On a log: a line every 20 steps, and whatever is not a mere step (warnings, errors).
show_build_progress() {
  awk '/^\[[0-9]+\/[0-9]+ / {
         split(substr($1, 2), at, "/"); last = $0
         if (at[1] > 0 && (at[1] % 20 == 0 || at[1] == at[2])) { print "    " $1 " " $2; fflush() }
         next
       }
       /^ninja: (no work to do|Entering directory)/ || /^-- / { next }
       /^FAILED: / { print last }
       { print; fflush() }'
}

# What can be built without the packages of the tests.
programs=(titan-pos titan-cloud titan-sim)
only_programs() {
  [[ $# -gt 0 ]] || return 1
  local target
  for target in "$@"; do
    [[ " ${programs[*]} " == *" $target "* ]] || return 1
  done
}

# A checkout that was moved keeps paths that no longer exist.
forget_moved() { # build folder
  if [[ -e $1/CMakeCache.txt ]] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$here" "$1/CMakeCache.txt"; then
    say "this checkout was moved: configuring anew"
    rm -rf "$1"
  fi
}

# A build folder begins with the programs alone where the packages of the tests are not installed;
# who then asks for more gets the rest configured into the same folder, and keeps what is compiled.
configure() { # preset, folder, with tests: ON or OFF
  local preset=$1 folder=$2 tests=$3
  if [[ -e $folder/build.ninja ]]; then
    [[ $tests == ON ]] && grep -qxF 'TITAN_TESTS:BOOL=OFF' "$folder/CMakeCache.txt" || return 0
  fi
  step "configuring ($preset)"
  cmake --preset "$preset" -D TITAN_TESTS="$tests" -D TITAN_BENCHMARKS="$tests" \
    >"/tmp/titan-configure.$$" 2>&1 || {
    tail -n 30 "/tmp/titan-configure.$$" >&2
    rm -f "/tmp/titan-configure.$$"
    die "CMake could not configure the build; the reason stands above."
  }
  rm -f "/tmp/titan-configure.$$"
}

build() {
  local preset=release tests=ON
  case ${1:-} in release | traces | asan | tsan)
    preset=$1
    shift
    ;;
  esac
  if only_programs "$@"; then
    setup build
    [[ -z $(missing_packages test) ]] || tests=OFF
  else
    setup
  fi
  local folder=build/$preset
  mkdir -p "$CCACHE_DIR" 2>/dev/null ||
    die "cannot make the compiler cache $CCACHE_DIR. Set CCACHE_DIR to a folder you may write to."
  forget_moved "$folder"
  configure "$preset" "$folder" "$tests"
  step "building ($preset) into $folder"
  local ninja=(ninja -C "$folder" -j "$(jobs)" "$@") ok=yes
  if [[ -t 1 ]]; then
    NINJA_STATUS='[%f/%t %es] ' "${ninja[@]}" || ok=no
  else
    NINJA_STATUS='[%f/%t %es] ' "${ninja[@]}" 2>&1 | show_build_progress || ok=no
  fi
  [[ $ok == yes ]] || die "the build failed; the first error stands above. Nothing was run."
}
