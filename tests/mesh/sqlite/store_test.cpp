// What a journal store must do whoever calls it: keep entries verbatim, answer for them, say whose
// file it is.
#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/watermark/signing.h"
#include "mesh/watermark/telling.h"
#include "mesh/watermark/watermark_follower.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("what is committed is there after reopening, byte for byte") {
  TempFolder folder;
  Till till(1);
  const auto first = till.sale({{"85123A", 2}, {"71053", 1}}, "key-1");
  const auto second = till.delivery("85123A", 10);
  {
    auto store = open_store(folder.file());
    must(store->commit(request_of({first, second})));
  }  // no close(): as after a crash
  auto store = open_store(folder.file());
  auto reader = must(store->open_reader());

  const auto found = must(reader->find_entry(first->envelope.id));
  REQUIRE(found.size() == 1);
  CHECK(found[0].bytes == first->bytes);
  CHECK(found[0].hash == first->hash);
  CHECK(must(reader->entry_count()) == 2);

  const StoredState state = must(store->load());
  CHECK(state.vector.contains(first->envelope.id.journal, 2));
  CHECK(state.vector.entry_count() == 2);
  CHECK(state.stock.on_hand("85123A") == 8 * crdt::stock_units_per_piece);
  CHECK(state.stock.on_hand("71053") == -crdt::stock_units_per_piece);
  CHECK(state.last_journal == first->envelope.id.journal);
  CHECK(state.last_number == 2);
  CHECK(state.last_hash == second->hash);
  CHECK(state.last_receipt_number == 1);
  CHECK(state.logical_clock == second->envelope.logical_clock);
  CHECK(state.keys == KeyHashes({hash_of_key("key-1")}));
  CHECK(key_in(*store, "key-1") ==
        IdempotencyRecord{first->envelope.id, first->hash, first->envelope.request_hash});
}

TEST_CASE("an empty file loads as an empty state") {
  auto store = open_in_memory();
  const StoredState state = must(store->load());
  CHECK(state.vector.empty());
  CHECK(state.last_journal.is_none());
  CHECK(state.keys.empty());
  CHECK_FALSE(state.watermark.has_value());
}

TEST_CASE("storing an entry again changes nothing") {
  auto store = open_in_memory();
  Till till(1);
  const auto sale = till.sale({{"A", 1}});
  must(store->commit(request_of({sale, sale})));
  must(store->commit(request_of({sale})));
  CHECK(must(must(store->open_reader())->entry_count()) == 1);
  CHECK(must(store->load()).stock.on_hand("A") == -crdt::stock_units_per_piece);
}

TEST_CASE("both branches of a forked journal are kept and count") {
  auto store = open_in_memory();
  Till till(2);
  const auto opening = till.sale({{"A", 1}});
  // A virtual machine's snapshot, resumed beside the original: same journal, same number.
  const auto make_branch = [&](const std::string& sku) {
    Envelope envelope = opening->envelope;
    envelope.id.number = 2;
    envelope.previous_hash = opening->hash;
    envelope.opening.reset();
    envelope.receipt.reset();
    envelope.stock_effects = {{sku, 0, 1'000'000}};
    const Bytes bytes = codec().encode_envelope(envelope);
    const Signature signature = sign(till.key(), signed_part(bytes));
    return std::make_shared<const Entry>(
        must(codec().decode_entry(codec().encode_signed_entry(bytes, signature))));
  };
  const auto left = make_branch("L");
  const auto right = make_branch("R");
  must(store->commit(request_of({opening, left})));
  must(store->commit(request_of({right})));

  auto reader = must(store->open_reader());
  const auto branches = must(reader->find_entry({opening->envelope.id.journal, 2}));
  REQUIRE(branches.size() == 2);
  CHECK(branches[0].hash < branches[1].hash);
  const auto list = must(reader->hash_list(opening->envelope.id.journal));
  CHECK(list.size() == 3);
  const StoredState state = must(store->load());
  CHECK(state.stock.on_hand("L") == -crdt::stock_units_per_piece);
  CHECK(state.stock.on_hand("R") == -crdt::stock_units_per_piece);

  crdt::IntervalSet numbers;
  numbers.add(crdt::Interval{1, 2});
  CHECK(must(reader->read_entries({opening->envelope.id.journal, numbers, {}, 1 << 20, false}))
            .size() == 3);
  CHECK(must(reader->read_entries(
            {opening->envelope.id.journal, {}, {right->hash}, 1 << 20, false})) ==
        std::vector<Bytes>{right->bytes});
}

TEST_CASE("of the numbers asked for only products, settings and users, where that is asked") {
  auto store = open_in_memory();
  Till till(1);
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 12; ++i) {
    entries.push_back(i % 3 == 0 ? till.products({product("P" + std::to_string(i), "TEA")})
                                 : till.sale({{"A", i + 1}}));
  }
  must(store->commit(request_of(entries)));
  auto reader = must(store->open_reader());
  const JournalId journal = entries[0]->envelope.id.journal;
  crdt::IntervalSet wanted;
  wanted.add(crdt::Interval{2, 99});
  const std::vector<Bytes> all =
      must(reader->read_entries({journal, wanted, {}, 1 << 20, false, true}));
  CHECK(all == std::vector<Bytes>{entries[3]->bytes, entries[6]->bytes, entries[9]->bytes});
  CHECK(must(reader->read_entries({journal, wanted, {}, 1, true, true})) ==
        std::vector<Bytes>{entries[9]->bytes});
}

TEST_CASE("entries are read by intervals, bounded, from either end, ascending") {
  auto store = open_in_memory();
  Till till(1);
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 20; ++i) entries.push_back(till.sale({{"A", i + 1}}));
  must(store->commit(request_of(entries)));
  auto reader = must(store->open_reader());
  const JournalId journal = entries[0]->envelope.id.journal;

  crdt::IntervalSet wanted;
  wanted.add(crdt::Interval{3, 5});
  wanted.add(crdt::Interval{15, 99});
  auto all = must(reader->read_entries({journal, wanted, {}, 1 << 20, false}));
  REQUIRE(all.size() == 9);
  CHECK(all.front() == entries[2]->bytes);
  CHECK(all.back() == entries[19]->bytes);

  const std::uint64_t two = entries[18]->bytes.size() + entries[19]->bytes.size();
  auto newest = must(reader->read_entries({journal, wanted, {}, two, true}));
  REQUIRE(newest.size() == 2);
  CHECK(newest[0] == entries[18]->bytes);
  CHECK(newest[1] == entries[19]->bytes);
  // One is given whatever the limit, or a large entry could never travel.
  CHECK(must(reader->read_entries({journal, wanted, {}, 1, false})).size() == 1);

  const auto page = must(reader->journal_entries(journal, 18, 2));
  REQUIRE(page.size() == 2);
  CHECK(page[0].id.number == 18);
  const auto later = must(reader->entries_after(15, 100, 1 << 20));
  REQUIRE(later.size() == 5);
  CHECK(later[0].bytes == entries[15]->bytes);
  CHECK(must(reader->newest_position()) == 20);
  Random random(5);
  CHECK(must(reader->read_entries({JournalId::draw(random), wanted, {}, 1 << 20, false})).empty());
}

TEST_CASE("a sale is found by receipt, by date, by claim and by who refers to it") {
  auto store = open_in_memory();
  Till till(1);
  Till other(2);
  const auto sale = till.sale({{"A", 2}});
  const auto same_number = other.sale({{"A", 1}});
  const auto refund = other.refund(*sale, {{"A", 1}});
  const auto first_void = till.void_sale(*sale);
  const auto second_void = other.void_sale(*sale);
  till.business_date = 20111007;
  const auto next_day = till.sale({{"B", 1}});
  must(store->commit(request_of({sale, same_number, refund, first_void, second_void, next_day})));
  auto reader = must(store->open_reader());

  const auto by_receipt = must(reader->find_by_receipt("till-1", 1));
  REQUIRE(by_receipt.size() == 1);
  CHECK(by_receipt[0].id == sale->envelope.id);
  CHECK(must(reader->find_by_receipt("till-9", 1)).empty());

  CHECK(must(reader->sales_of(20111006, 0, 100)).size() == 5);
  CHECK(must(reader->sales_of(20111006, 3, 100)).size() == 2);
  CHECK(must(reader->sales_of(20111007, 0, 100)).size() == 1);

  const auto claims = must(reader->entries_with_claim(first_void->envelope.claim));
  REQUIRE(claims.size() == 2);
  CHECK(claims[0].hash == std::min(first_void->hash, second_void->hash));

  const auto refunds = must(reader->entries_about(sale->envelope.id, Kind::refund));
  REQUIRE(refunds.size() == 1);
  CHECK(refunds[0].bytes == refund->bytes);
  CHECK(must(reader->entries_about(sale->envelope.id, Kind::void_sale)).size() == 2);
  CHECK(must(reader->entries_about(next_day->envelope.id, Kind::refund)).empty());

  const auto journals = must(reader->journals());
  REQUIRE(journals.size() == 2);
  CHECK(journals[0].terminal == "till-1");
  CHECK(journals[1].device == other.device());
}

TEST_CASE("a journal's terminal is learnt when its first entry turns up late") {
  auto store = open_in_memory();
  Till till(3);
  const auto first = till.sale({{"A", 1}});
  const auto second = till.sale({{"A", 1}});
  must(store->commit(request_of({second})));
  auto reader = must(store->open_reader());
  CHECK(must(reader->journals())[0].terminal.empty());
  must(store->commit(request_of({first})));
  CHECK(must(reader->journals())[0].terminal == "till-3");
}

TEST_CASE("promise, members, device keys and watermark are remembered") {
  TempFolder folder;
  Random random(9);
  StoreRequest request;
  request.devices = {key_of(1).public_key, key_of(2).public_key, key_of(1).public_key};
  request.promise = election::Promise{7, ProcessId::draw(random)};
  RememberedMember member;
  member.member.process = ProcessId::draw(random);
  member.member.device_key = key_of(2).public_key;
  member.member.terminal = "till-2";
  member.member.addresses = {"10.77.0.2:7411", "[fe80::1%eth0]:7411"};
  member.member.priority = 3;
  member.member.may_lead = false;
  member.member.started = {1317888000000};
  member.last_good_address = "10.77.0.2:7411";
  member.last_seen = {1317888001000};
  request.members = {member};
  const auto item = [](char letter, std::uint64_t last) {
    return JournalItem{*JournalId::from_bytes(Bytes(16, letter)),
                       {crdt::IntervalSet({{1, last}, {last + 2, last + 2}}), {last, 7}}};
  };
  const auto device = [](char letter) { return *DeviceId::from_bytes(Bytes(16, letter)); };
  request.watermark = {
      Watermark{"statement", sign(key_of(5), "x"), key_of(5).public_key},
      true,
      {{device('a'), {item('j', 3), item('k', 4)}}, {device('b'), {item('l', 5)}}}};
  {
    auto store = open_store(folder.file());
    must(store->commit(request));
    member.member.process = ProcessId::draw(random);  // restarted: replaces its old process
    StoreRequest later;
    later.members = {member};
    later.promise = election::Promise{8, ProcessId::draw(random)};
    must(store->commit(later));
    request.promise = later.promise;
  }
  const StoredState state = must(open_store(folder.file())->load());
  CHECK(state.devices.size() == 2);
  CHECK(state.promise == *request.promise);
  REQUIRE(state.members.size() == 1);
  CHECK(state.members[0] == member);
  CHECK(state.watermark == request.watermark);

  // The next one tells what is others since; nothing else is written.
  StoredWatermark next{
      Watermark{"next", sign(key_of(5), "y"), key_of(5).public_key},
      false,
      {{device('a'), {{item('j', 3).journal, {}}, item('m', 1)}}, {device('b'), {item('l', 6)}}}};
  StoreRequest change;
  change.watermark = next;
  must(open_store(folder.file())->commit(change));
  next.is_whole = true;
  next.journals = {{device('a'), {item('k', 4), item('m', 1)}}, {device('b'), {item('l', 6)}}};
  CHECK(must(open_store(folder.file())->load()).watermark == next);
  // And one that is told in whole leaves nothing of those before.
  next.journals = {{device('c'), {item('n', 9)}}};
  change.watermark = next;
  must(open_store(folder.file())->commit(change));
  CHECK(must(open_store(folder.file())->load()).watermark == next);
}

TEST_CASE("a watermark comes back from the disk as the cloud signed it") {
  TempFolder folder;
  const KeyPair cloud = key_of(9);
  crdt::VersionVector vector;
  Random random(4);
  std::vector<JournalId> journals;
  for (std::uint64_t i = 0; i < 60; ++i) {
    journals.push_back(JournalId::draw(random));
    vector.add(device_of_seed(1 + i % 3), journals.back(), 1 + i % 4, Hash::draw(random));
  }
  const auto signed_of = [&](std::uint64_t sequence, const crdt::RootedVector& held) {
    return sign_watermark(
        codec(), cloud,
        {1, "random", sequence, "acme", "london-1", held.root(), held.vector().journal_count()});
  };
  const auto comes_back = [&](const crdt::VersionVector& expected) {
    const auto stored = must(open_store(folder.file())->load()).watermark;
    REQUIRE(stored.has_value());
    WatermarkFollower follower(codec(), "acme", "london-1", cloud.public_key);
    CHECK(follower.take(*stored, {}) == WatermarkFollower::Outcome::taken);
    CHECK(follower.known().held.vector() == expected);
  };
  StoreRequest request;
  request.watermark = {signed_of(1, crdt::RootedVector(vector)), true, difference({}, vector)};
  must(open_store(folder.file())->commit(request));
  comes_back(vector);

  crdt::VersionVector next = vector;
  next.add(device_of_seed(1), journals[0], 9, Hash::draw(random));
  next.set(device_of_seed(2), journals[1], {});
  next.add(device_of_seed(4), JournalId::draw(random), 1, Hash::draw(random));
  request.watermark = {signed_of(2, crdt::RootedVector(next)), false, difference(vector, next)};
  auto store = open_store(folder.file());
  const auto writes = number(*store, "SELECT total_changes()");
  must(store->commit(request));
  // The statement and the three that changed, however many there are.
  CHECK(number(*store, "SELECT total_changes()") - writes == 4);
  comes_back(next);

  auto reader = must(store->open_reader());
  CHECK(must(reader->watermark()) == request.watermark->watermark);
  CHECK(must(reader->held_by_cloud(journals[0])) == crdt::IntervalSet({{1, 1}, {9, 9}}));
  CHECK(must(reader->held_by_cloud(journals[1])).empty());
}

TEST_CASE("what changed since a watermark that the file does not have is left out") {
  auto store = open_in_memory();
  StoreRequest request;
  request.watermark = {Watermark{"statement", Signature{}, key_of(9).public_key},
                       false,
                       {{DeviceId{}, {{JournalId{}, {crdt::IntervalSet({{1, 2}}), {}}}}}}};
  must(store->commit(request));
  CHECK_FALSE(must(store->load()).watermark.has_value());
  CHECK(number(*store, "SELECT count(*) FROM held_by_cloud") == 0);
}

TEST_CASE("a file of another tenant, store or device is refused by name") {
  TempFolder folder;
  { auto store = open_store(folder.file()); }
  StoreOptions options;
  options.path = folder.file();
  StoreIdentity other_store = identity();
  other_store.store = "paris-2";
  const auto refused = SqliteStore::open(options, other_store, codec());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().field == "store");
  CHECK(refused.error().message.find("london-1") != std::string::npos);
  CHECK(refused.error().message.find("paris-2") != std::string::npos);
  StoreIdentity other_tenant = identity();
  other_tenant.tenant = "globex";
  CHECK(SqliteStore::open(options, other_tenant, codec()).error().field == "tenant");
  CHECK(SqliteStore::open(options, identity(2), codec()).error().field == "device");
  CHECK(SqliteStore::open(options, identity(1), codec()).has_value());
}

TEST_CASE("a folder that does not exist is named") {
  StoreOptions options;
  options.path = "/nonexistent-folder/titan.sqlite3";
  const auto failed = SqliteStore::open(options, identity(), codec());
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::io);
  CHECK(failed.error().message.find("/nonexistent-folder") != std::string::npos);
}

TEST_CASE("a reader in another connection sees what was committed, not more") {
  TempFolder folder;
  auto store = open_store(folder.file());
  auto reader = must(store->open_reader());
  Till till(1);
  CHECK(must(reader->entry_count()) == 0);
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  CHECK(must(reader->entry_count()) == 1);
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  CHECK(must(reader->entry_count()) == 2);
}

TEST_CASE("the log is copied back in idle moments and starts over") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  const auto log_bytes = [&] { return std::filesystem::file_size(folder.file() + "-wal"); };
  std::uintmax_t highest = 0;
  for (int i = 0; i < 1000; ++i) {
    must(store->commit(request_of({till.sale({{"A", 1}, {"B", 2}})})));
    highest = std::max(highest, log_bytes());
    if (i % 50 == 49) {
      while (must(store->checkpoint_if_idle())) {
      }
    }
  }
  // 1,000 commits of four pages and more would be over 16 MB.
  CHECK(highest < 6u << 20);
  CHECK(must(store->load()).vector.entry_count() == 1000);
}

TEST_CASE("without an idle moment a commit copies the log back before it grows without bound") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  std::uintmax_t highest = 0;
  for (int i = 0; i < 150; ++i) {
    std::vector<EntryPointer> entries;
    for (int k = 0; k < 100; ++k) entries.push_back(till.sale({{"A", 1}, {"B", 2}}));
    must(store->commit(request_of(entries)));
    highest = std::max(highest, std::filesystem::file_size(folder.file() + "-wal"));
  }
  CHECK(highest > static_cast<std::uintmax_t>(log_pages_max) * 3000);
  CHECK(highest < static_cast<std::uintmax_t>(log_pages_max) * 4096 * 5 / 4);
  CHECK(must(store->load()).vector.entry_count() == 15'000);
}

TEST_CASE("an image of a disk goes its own way") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  const auto first = till.sale({{"A", 1}});
  must(store->commit(request_of({first})));
  auto image = must(store->copy());
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  CHECK(must(image->load()).vector.entry_count() == 1);
  Till restored(1);
  must(image->commit(request_of({restored.sale({{"A", 1}})})));
  CHECK(must(image->load()).vector.devices().at(till.device()).size() == 2);
  CHECK(must(store->load()).vector.entry_count() == 2);
}
