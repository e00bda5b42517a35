#!/usr/bin/env bash
# cctz 2.3 (Debian 12: libcctz-dev, libcctz2 2.3+dfsg1-3): load_time_zone() says yes to names that no
# time zone database has, so "it loads" is no check of a configured name.
#
# Seen: "libc:Asia/Tokyo" loads and is UTC, nine hours off what its name says; so does "libc:No/Such".
# "Fixed/UTC+01:00:00" loads although there is no such file. Both forms are resolved inside the library
# (time_zone_if.cc, time_zone_fixed.cc) before the database is asked. A name of the usual form that does
# not exist is refused, as one expects.
#
# Who takes a zone's name from a person has to refuse the prefixes "libc:" and "Fixed/" themselves.
# Prints what it saw; exit 1 if cctz behaves otherwise.
set -euo pipefail

version=2.3+dfsg1-3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -o APT::Sandbox::User=root download "libcctz-dev=$version" "libcctz2=$version" >/dev/null
for package in ./*.deb; do dpkg-deb -x "$package" root; done

cat >look.cpp <<'CPP'
#include <cctz/time_zone.h>
#include <cstdio>

int main(int count, char** names) {
  const auto noon = cctz::convert(cctz::civil_second(2026, 7, 1, 12, 0, 0), cctz::utc_time_zone());
  for (int i = 1; i < count; ++i) {
    cctz::time_zone zone;
    const bool loads = cctz::load_time_zone(names[i], &zone);
    std::printf("%-20s %-5s %+d s\n", names[i], loads ? "loads" : "fails", zone.lookup(noon).offset);
  }
}
CPP
library=$(dirname "$(find root -name 'libcctz.so.2')")
g++ -std=c++17 -Iroot/usr/include look.cpp -o look "$library/libcctz.so.2"
LD_LIBRARY_PATH=$library ./look Asia/Tokyo libc:Asia/Tokyo libc:No/Such Fixed/UTC+01:00:00 No/Such | tee seen

cat >expected <<'SEEN'
Asia/Tokyo           loads +32400 s
libc:Asia/Tokyo      loads +0 s
libc:No/Such         loads +0 s
Fixed/UTC+01:00:00   loads +3600 s
No/Such              fails +0 s
SEEN
diff expected seen && echo "as described, cctz $version"
