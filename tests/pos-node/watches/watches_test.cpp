// What a till notices in what other tills of the store record.
#include <catch2/catch.hpp>

#include "pos-node/watches/key_watch.h"
#include "pos-node/watches/reorder_watch.h"
#include "pos-node/watches/settings_watch.h"
#include "proto/entry.pb.h"

namespace titan::pos {
namespace {

constexpr WallTime noon{1'793'016'000'000};  // 2026-10-26 12:00 UTC

DeviceId device(std::uint8_t number) {
  DeviceId id;
  id.bytes[0] = number;
  return id;
}

mesh::Entry sale_of(std::uint8_t number, const std::string& currency, std::int32_t offset_minutes,
                    WallTime time = noon) {
  titan::entry::v1::Sale body;
  body.set_currency(currency);
  mesh::Entry entry;
  entry.envelope.kind = mesh::Kind::sale;
  entry.envelope.device = device(number);
  entry.envelope.time = time;
  entry.envelope.utc_offset_minutes = offset_minutes;
  entry.envelope.body = body.SerializeAsString();
  return entry;
}

struct Till {
  StoreFacts facts = [] {
    StoreFacts own;
    own.currency = "EUR";
    own.device = device(1);
    return own;
  }();
  StoreCalendar calendar = StoreCalendar::make("Europe/Berlin", "").value();  // +01:00 then
  SettingsWatch watch{facts, calendar};

  std::vector<std::string> hears(const mesh::Entry& entry) {
    std::vector<std::string> texts;
    const auto name_of = [](const mesh::Entry&) { return std::string("till-2"); };
    for (const auto& alarm : watch.on_stored(RecordedEntry(entry), noon, name_of)) {
      texts.push_back(alarm.message);
    }
    return texts;
  }
};

mesh::Entry request(std::uint8_t number, const std::string& key, const std::string& basket) {
  static std::uint64_t count = 0;
  mesh::Entry entry;
  entry.envelope.device = device(number);
  entry.envelope.id.number = ++count;
  entry.envelope.idempotency_key = key;
  entry.envelope.request_hash = blake2b(basket);
  return entry;
}

}  // namespace

TEST_CASE("a till that sells in another currency is told once, until it agrees again") {
  Till till;
  CHECK(till.hears(sale_of(2, "EUR", 60)).empty());
  const auto first = till.hears(sale_of(2, "CHF", 60));
  REQUIRE(first.size() == 1);
  CHECK(first[0] ==
        "till-2 sells in CHF, this terminal in EUR; set the same [store] currency on every "
        "terminal");
  CHECK(till.hears(sale_of(2, "CHF", 60)).empty());
  CHECK(till.hears(sale_of(3, "CHF", 60)).size() == 1);
  CHECK(till.hears(sale_of(2, "EUR", 60)).empty());
  CHECK(till.hears(sale_of(2, "CHF", 60)).size() == 1);
}

TEST_CASE("a till that keeps another time zone is told, by its offset at that time") {
  Till till;
  const auto told = till.hears(sale_of(2, "EUR", -270));
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("till-2 keeps UTC-04:30, this terminal UTC+01:00;"));
  CHECK(till.hears(sale_of(2, "EUR", -270)).empty());
  CHECK(till.hears(sale_of(2, "EUR", 120)).size() == 1);  // differs otherwise
  CHECK(till.hears(sale_of(2, "USD", 120)).size() == 1);
}

TEST_CASE("settings are judged by what other tills sold within a day") {
  Till till;
  CHECK(till.hears(sale_of(1, "USD", 0)).empty());  // its own, before its setting was mended
  CHECK(till.hears(sale_of(2, "USD", 0, {noon.utc_ms - 25 * 3600 * 1000})).empty());
  CHECK(till.hears(sale_of(2, "USD", 0, {1000})).empty());
  mesh::Entry delivery = sale_of(2, "", 0);
  delivery.envelope.kind = mesh::Kind::delivery;
  CHECK(till.hears(delivery).empty());
}

TEST_CASE("reorder is told when a product stays below zero, and not while catching up") {
  ReorderWatch watch;
  watch.on_changed({"milk", 1, -1});
  watch.on_changed({"milk", -1, -2});
  CHECK(watch.look(false).empty());
  CHECK(watch.look(false) == std::vector<std::string>{"milk"});
  CHECK(watch.look(false).empty());

  // The delivery that it sold from comes after the sale.
  watch.on_changed({"bread", 0, -1});
  CHECK(watch.look(false).empty());
  watch.on_changed({"bread", -1, 9});
  CHECK(watch.look(false).empty());

  watch.on_changed({"eggs", 0, -1});
  CHECK(watch.look(true).empty());
  CHECK(watch.look(true).empty());
  CHECK(watch.look(false) == std::vector<std::string>{"eggs"});
}

TEST_CASE("one request at two tills is noticed; a twin of one till and another basket are not") {
  KeyWatch watch;
  const auto first = request(1, "17", "one milk");
  CHECK_FALSE(watch.on_stored(first));
  CHECK_FALSE(watch.on_stored(request(1, "17", "one milk")));
  CHECK_FALSE(watch.on_stored(request(2, "17", "two breads")));
  CHECK_FALSE(watch.on_stored(request(2, "18", "one milk")));
  CHECK(watch.on_stored(request(2, "17", "one milk")) == first.envelope.id);
  CHECK_FALSE(watch.on_stored(request(2, "", "one milk")));
}

TEST_CASE("the memory of requests is bounded, and forgets the oldest first") {
  KeyWatch watch;
  for (std::size_t i = 0; i <= key_watch_max; ++i) {
    watch.on_stored(request(1, std::to_string(i), "one milk"));
  }
  CHECK_FALSE(watch.on_stored(request(2, "0", "one milk")));
  CHECK(watch.on_stored(request(2, std::to_string(key_watch_max), "one milk")));
}

}  // namespace titan::pos
