#include "mesh/wire/product_list.h"

#include <catch2/catch.hpp>

#include "base/random.h"
#include "proto/entry.pb.h"

using namespace titan;
using namespace titan::mesh;

namespace {

Bytes products(int count) {
  titan::entry::v1::Products body;
  Random random(7);
  for (int i = 0; i < count; ++i) {
    auto& product = *body.add_products();
    product.set_sku("sku " + std::to_string(i));
    product.set_description(Hash::draw(random).hex() + Hash::draw(random).hex());
  }
  return body.SerializeAsString();
}

ListUnit unit_of(const Bytes& body, int count) {
  Random random(1);
  auto unit = make_list_unit(ListId::draw(random), body, static_cast<std::uint32_t>(count));
  REQUIRE(unit.has_value());
  return std::move(*unit);
}

std::vector<Bytes> data_of(const ListUnit& unit) {
  std::vector<Bytes> data;
  for (const Bytes& body : unit.parts) data.emplace_back(parse_list_part(body).value().data);
  return data;
}

}  // namespace

TEST_CASE("a list there and back, in parts of bounded size") {
  const Bytes body = products(8000);
  const ListUnit unit = unit_of(body, 8000);
  REQUIRE(unit.parts.size() > 1);
  const auto head = parse_list_head(unit.head);
  REQUIRE(head);
  CHECK(head->parts == unit.parts.size());
  for (std::size_t i = 0; i < unit.parts.size(); ++i) {
    CHECK(parse_list_part(unit.parts[i])->index == i);
    CHECK(parse_list_part(unit.parts[i])->data.size() <= list_part_bytes_max);
  }
  const auto whole = join_list(*head, data_of(unit));
  REQUIRE(whole.has_value());
  CHECK(*whole == body);
  CHECK(split_products(*whole)->size() == 8000);
}

TEST_CASE("what does not fit together is refused, whatever it says of itself") {
  const Bytes body = products(8000);
  const ListUnit unit = unit_of(body, 8000);
  const auto head = parse_list_head(unit.head).value();
  auto data = data_of(unit);
  SECTION("a part is missing") {
    data.pop_back();
  }
  SECTION("parts change places") {
    std::swap(data[0], data[1]);
  }
  SECTION("a byte is another one") {
    data[1][100] ^= 1;
  }
  SECTION("something follows") {
    data.back() += "more";
  }
  CHECK_FALSE(join_list(head, data).has_value());
}

TEST_CASE("a small body that unpacks to much more than it says is stopped at what it says") {
  const ListUnit unit = unit_of(Bytes(32 * 1024 * 1024, '\0'), 1);
  REQUIRE(unit.parts.size() == 1);
  auto head = parse_list_head(unit.head).value();
  head.bytes = 1000;
  CHECK_FALSE(join_list(head, data_of(unit)).has_value());

  titan::entry::v1::ProductList huge;
  huge.ParseFromString(unit.head);
  huge.set_bytes(list_bytes_max + 1);
  CHECK_FALSE(parse_list_head(huge.SerializeAsString()));
  CHECK_FALSE(parse_list_head("no list"));
  CHECK_FALSE(parse_list_part(""));
  CHECK_FALSE(split_products("\x0A\x7F too short").has_value());
  Random random(1);
  CHECK(make_list_unit(ListId::draw(random), Bytes(list_bytes_max + 1, 'x'), 1).error().code ==
        ErrorCode::too_large);
}
