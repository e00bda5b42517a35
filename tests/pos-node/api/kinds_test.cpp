// A kind of entry that was added to the wire alone would be told as a number.
#include <catch2/catch.hpp>
#include <string>

#include "pos-node/api/answers.h"
#include "proto/entry.pb.h"

using namespace titan;

TEST_CASE("every kind of the wire has a name in answers") {
  for (int number = entry::v1::Kind_MIN; number <= entry::v1::Kind_MAX; ++number) {
    if (!entry::v1::Kind_IsValid(number)) continue;
    INFO(entry::v1::Kind_Name(static_cast<entry::v1::Kind>(number)));
    CHECK(pos::kind_name(static_cast<mesh::Kind>(number)).rfind("kind_", 0) != 0);
  }
}
