// A kind of entry has its number in the wire's list and in the core's: both must mean the same.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <string>

#include "pos-node/api/answers.h"
#include "proto/entry.pb.h"

using namespace titan;

TEST_CASE("answers call a kind what the wire calls it, or by its number") {
  int known = 0;
  for (int number = entry::v1::SALE; number <= entry::v1::Kind_MAX; ++number) {
    if (!entry::v1::Kind_IsValid(number)) continue;
    std::string name = entry::v1::Kind_Name(static_cast<entry::v1::Kind>(number));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string told = pos::kind_name(static_cast<mesh::Kind>(number));
    if (told == "kind_" + std::to_string(number)) continue;  // reserved for a later version
    CHECK(told == name);
    ++known;
  }
  CHECK(known >= static_cast<int>(mesh::Kind::fold));
}
