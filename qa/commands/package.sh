# shellcheck shell=bash
# package, arm64: Debian packages, for this machine and cross compiled. Sourced by titan.

package_command() {
  local architecture own
  [[ $# -eq 0 || ($# -eq 2 && $1 == --arch) ]] ||
    die "package takes --arch ARCHITECTURE at most, not '$*'."
  own=$(dpkg --print-architecture)
  architecture=${2:-$own}
  case $architecture in
    "$own")
      build release titan-pos titan-cloud
      step "packing"
      pack || die "packing failed."
      ;;
    arm64) package_arm64 ;;
    *) die "package is made for $own and arm64, not for '$architecture'." ;;
  esac
  local package
  for package in build/packages/*_"$architecture".*deb; do say "$(du -h "$package")"; done
}

pack() { # what is built already
  pack_with release "$(dpkg --print-architecture)" cpack
}
pack_with() { # preset, architecture, the command that is cpack
  rm -rf build/packages/_CPack_Packages build/packages/*_"$2".*deb
  if ! "${@:3}" --config "build/$1/CPackConfig.cmake" -B build/packages >build/package.log 2>&1; then
    tail -n 5 build/package.log
    return 1
  fi
  rm -rf build/packages/_CPack_Packages
}

# ---------------------------------------------------------------------------------------------
# arm64: a root of its own cross compiles (packaging/arm64_root.py), this machine runs the tests
# ---------------------------------------------------------------------------------------------
in_arm64_root() {
  as_root env CCACHE_DIR="$CCACHE_DIR" CCACHE_SLOPPINESS="$CCACHE_SLOPPINESS" \
    "$python" packaging/arm64_root.py run "$@"
}
build_arm64() { # targets; everything without
  install_packages test
  step "what compiles for arm64 (in build/arm64-root; the first time takes minutes)"
  # shellcheck disable=SC2046 # the list is meant to be split
  as_root "$python" packaging/arm64_root.py make $(packages build) catch2 librapidcheck-dev
  forget_moved build/arm64
  mkdir -p build/arm64 "$CCACHE_DIR"
  step "building (arm64) into build/arm64"
  { [[ -e build/arm64/build.ninja ]] || in_arm64_root cmake --preset arm64; } >build/arm64.log 2>&1 || {
    tail -n 30 build/arm64.log >&2
    die "CMake could not configure the build for arm64; the reason stands above."
  }
  in_arm64_root ninja -C build/arm64 -j "$(jobs)" "$@" 2>&1 | show_build_progress ||
    die "the build for arm64 failed; the first error stands above."
}
package_arm64() {
  build_arm64 titan-pos
  step "packing (arm64)"
  mkdir -p build/packages
  # dpkg-shlibdeps looks for the libraries of DEB_HOST_ARCH.
  pack_with arm64 arm64 in_arm64_root env DEB_HOST_ARCH=arm64 cpack || die "packing failed."
}
arm64_command() {
  [[ $# -eq 0 ]] || die "arm64 takes no arguments."
  package_command --arch arm64
  build_arm64
  build release titan-pos titan-cloud
  start_run
  mkdir "$run_folder/results"

  step "unit and contract tests of titan-pos for arm64, under qemu-user"
  TITAN_TEST_RESULTS=$run_folder/results ctest --test-dir build/arm64 --output-on-failure \
    --timeout 3000 --output-junit "$run_folder/ctest.xml" </dev/null 2>&1 |
    grep -E '^ *[0-9]+/[0-9]+ Test' || true

  say "not run there: test cases tagged [tcp_info], for qemu-user does not hand those figures on"

  step "tills for arm64 under qemu-user, with tills of this machine"
  as_root env "TMPDIR=$run_folder" TITAN_ARM64_BIN=build/arm64/bin "$python" tests/end_to_end/run.py \
    --json "$run_folder/end_to_end.json" --match test_arm64 </dev/null || true
  run_case "no process and no namespace is left" nothing_left

  step "summary"
  "$python" qa/checks/summarise_tests.py "$run_folder"
}
