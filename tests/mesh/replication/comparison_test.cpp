// Two terminals compare what they hold, however many journals there ever were.
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <optional>

#include "mesh/replication/anti_entropy.h"
#include "mesh/wire/wire_codec.h"
#include "tests/mesh/generators.h"

namespace titan::mesh {
namespace {

// Every entry there is, as far as a vector knows it.
class History {
 public:
  explicit History(std::uint64_t seed, std::size_t devices) : random(seed) {
    for (std::size_t i = 0; i < devices; ++i) keys.push_back(testing::draw_key(random).public_key);
  }
  JournalId open_journal(std::size_t device) {
    const JournalId journal = JournalId::draw(random);
    owners[journal] = device_of(keys[device]);
    return journal;
  }
  const Hash& hash(const EntryId& id) {
    const auto found = hashes.find(id);
    return found != hashes.end() ? found->second : hashes[id] = Hash::draw(random);
  }

  Random random;
  std::vector<PublicKey> keys;
  std::map<JournalId, DeviceId> owners;
  std::map<EntryId, Hash> hashes;
};

struct Traffic {
  std::size_t messages = 0;
  std::size_t bytes = 0;
  std::size_t largest = 0;
  std::size_t listed = 0;  // journals in all lists
};

class Side {
 public:
  Side(History& history, std::uint64_t seed, AntiEntropyConfig config)
      : history_(history),
        process(ProcessId::draw(history.random)),
        device(DeviceId::draw(history.random)),
        index({}, history.keys),
        anti_entropy(config, index, Random(seed)) {}

  void hold(const JournalId& journal, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t number = first; number <= last; ++number) {
      index.on_stored(history_.owners.at(journal), journal, number,
                      history_.hash({journal, number}));
    }
  }
  void take(const EntryRequest& request) {
    for (const crdt::Interval& interval : request.numbers.intervals()) {
      for (std::uint64_t number = interval.first; number <= interval.last; ++number) {
        // What it asks for it lacks; what arrives is stored at once.
        REQUIRE_FALSE(index.has(request.journal, number));
        hold(request.journal, number, number);
        ++received;
      }
    }
  }

 private:
  History& history_;

 public:
  const ProcessId process;
  const DeviceId device;
  EntryIndex index;
  AntiEntropy anti_entropy;
  std::size_t received = 0;
};

class Pair {
 public:
  Pair(History& history, AntiEntropyConfig config = {})
      : one(history, 1, config), two(history, 2, config) {}

  void connect() {
    one.anti_entropy.on_peer_up(now(), two.process, two.device);
    two.anti_entropy.on_peer_up(now(), one.process, one.device);
  }
  // Until both hold the same, or for so long.
  bool agree(Duration limit = seconds(60)) {
    const MonoTime ends = time_ + limit;
    while (time_ < ends) {
      deliver();
      if (one.index.stored() == two.index.stored()) return true;
      time_ = time_ + milliseconds(10);
      one.anti_entropy.on_tick(now());
      two.anti_entropy.on_tick(now());
    }
    return false;
  }
  void run_for(Duration duration) {
    const MonoTime ends = time_ + duration;
    while (time_ < ends) {
      deliver();
      time_ = time_ + milliseconds(10);
      one.anti_entropy.on_tick(now());
      two.anti_entropy.on_tick(now());
    }
  }
  Now now() const { return {time_, {}}; }

  Side one;
  Side two;
  Traffic traffic;

 private:
  void deliver() {
    bool moved = true;
    while (moved) {
      moved = carry(one, two);
      moved = carry(two, one) || moved;
    }
  }
  bool carry(Side& from, Side& to) {
    const auto effects = from.anti_entropy.take_effects();
    for (const auto& effect : effects) {
      if (const auto* sent = std::get_if<AntiEntropy::SendTo>(&effect)) carry(from, to, *sent);
    }
    from.anti_entropy.check_invariants();
    return !effects.empty();
  }
  void carry(Side& from, Side& to, const AntiEntropy::SendTo& sent) {
    const Bytes frame = codec_.encode_message(sent.message);
    ++traffic.messages;
    traffic.bytes += frame.size();
    traffic.largest = std::max(traffic.largest, frame.size());
    const auto message = codec_.decode_message(frame);
    REQUIRE(message.has_value());
    if (const auto* root = std::get_if<SyncRoot>(&*message)) {
      to.anti_entropy.on_sync_root(now(), from.process, *root);
    } else if (const auto* devices = std::get_if<SyncDevices>(&*message)) {
      to.anti_entropy.on_sync_devices(now(), from.process, *devices);
    } else if (const auto* ranges = std::get_if<SyncRanges>(&*message)) {
      to.anti_entropy.on_sync_ranges(now(), from.process, *ranges);
    } else if (const auto* items = std::get_if<SyncItems>(&*message)) {
      for (const DeviceItems& list : items->devices) traffic.listed += list.journals.size();
      to.anti_entropy.on_sync_items(now(), from.process, *items);
    } else if (const auto* request = std::get_if<EntryRequest>(&*message)) {
      from.take(*request);
      from.anti_entropy.on_entries(now(), to.process, Entries{request->request, {}, true});
      from.anti_entropy.on_vector_moved(now());
    }
  }

  WireCodec codec_;
  MonoTime time_ = MonoTime() + seconds(1);
};

AntiEntropyConfig small() {
  AntiEntropyConfig config;
  config.journals_listed_at_once = 3;
  config.range_parts = 3;
  config.ranges_per_message_max = 9;
  config.intervals_per_message_max = 7;
  config.intervals_per_round_max = 20;
  return config;
}

}  // namespace

TEST_CASE("comparison: whatever two terminals hold, both hold all of it in the end") {
  rc::prop("of journals without number, in messages that hold few", [](std::uint64_t seed) {
    History history(seed, 1 + seed % 3);
    Pair pair(history, small());
    Random random(seed);
    const std::size_t count = random.below(150);
    const std::uint64_t common = random.below(4);  // in 4
    for (std::size_t i = 0; i < count; ++i) {
      const JournalId journal = history.open_journal(random.below(history.keys.size()));
      const std::uint64_t top = 1 + random.below(4);
      if (random.below(4) < common) {
        pair.one.hold(journal, 1, top);
        pair.two.hold(journal, 1, top);
      } else if (random.chance({1, 3})) {
        pair.one.hold(journal, 1, top);
        pair.two.hold(journal, 1 + random.below(top), top);
      } else {
        (random.chance({1, 2}) ? pair.one : pair.two).hold(journal, 1, top);
      }
    }
    const std::uint64_t all = history.hashes.size();
    pair.connect();
    RC_ASSERT(pair.agree());
    RC_ASSERT(pair.one.index.stored().entry_count() == all);
    pair.run_for(seconds(5));
    RC_ASSERT(pair.one.anti_entropy.is_level(pair.two.device));
    RC_ASSERT(!pair.one.anti_entropy.is_catching_up());
    RC_ASSERT(!pair.two.anti_entropy.is_catching_up());
  });
}

TEST_CASE("comparison: what travels follows what differs, not the journals that ever were") {
  const auto listed_with = [](std::size_t journals) {
    History history(1, 1);
    Pair pair(history);
    JournalId last;
    for (std::size_t i = 0; i < journals; ++i) {
      last = history.open_journal(0);
      pair.one.hold(last, 1, 2);
      pair.two.hold(last, 1, 2);
    }
    pair.one.hold(last, 3, 3);
    pair.connect();
    REQUIRE(pair.agree());
    CHECK(pair.two.received == 1);
    CHECK(pair.one.received == 0);
    return pair.traffic;
  };
  const Traffic few = listed_with(100);
  const Traffic many = listed_with(10'000);
  CHECK(many.listed <= few.listed + 4 * AntiEntropyConfig{}.journals_listed_at_once);
  CHECK(many.bytes <= 4 * few.bytes + 10'000);
}

TEST_CASE("comparison: a newcomer gets a device of more journals than any message holds") {
  History history(2, 1);
  Pair pair(history);
  const std::size_t journals = AntiEntropyConfig{}.intervals_per_round_max + 1'000;
  for (std::size_t i = 0; i < journals; ++i) pair.one.hold(history.open_journal(0), 1, 1);
  pair.connect();
  REQUIRE(pair.agree());
  CHECK(pair.two.received == journals);
  CHECK(pair.traffic.largest <= frame_bytes_max / 4);
}

TEST_CASE("comparison: what a peer has lost is not counted as held there") {
  History history(3, 1);
  const JournalId lost = history.open_journal(0);
  Pair pair(history);
  pair.one.hold(lost, 1, 1);
  pair.two.hold(lost, 1, 1);
  pair.connect();
  pair.run_for(seconds(1));
  REQUIRE(pair.one.anti_entropy.holders(lost, 1) == std::vector{pair.two.device});
  // Its list of the range is whole, and the journal is not in it.
  pair.one.anti_entropy.on_sync_items(
      pair.now(), pair.two.process,
      SyncItems{{}, {{history.keys[0], crdt::JournalRange::all(), {}}}, {}});
  CHECK(pair.one.anti_entropy.holders(lost, 1).empty());
}

TEST_CASE(
    "comparison: a journal with more holes than a message holds keeps no other from its peer") {
  History history(5, 1);
  Pair pair(history, small());
  const JournalId full_of_holes = history.open_journal(0);
  const auto intervals = small().intervals_per_message_max + 1;
  for (std::uint64_t i = 0; i < intervals; ++i) pair.one.hold(full_of_holes, 2 * i + 1, 2 * i + 1);
  std::vector<JournalId> others;
  for (int i = 0; i < 40; ++i) {
    others.push_back(history.open_journal(0));
    (i % 2 == 0 ? pair.one : pair.two).hold(others.back(), 1, 1);
  }
  pair.connect();
  pair.run_for(seconds(30));
  for (const JournalId& journal : others) {
    CHECK(pair.one.index.has(journal, 1));
    CHECK(pair.two.index.has(journal, 1));
  }
}

TEST_CASE("comparison: few journals with more holes together than a message holds are told, too") {
  History history(8, 1);
  Pair pair(history, small());
  for (int i = 0; i < 3; ++i) {
    const JournalId journal = history.open_journal(0);
    for (const std::uint64_t number : {1, 3, 5}) pair.one.hold(journal, number, number);
    for (const std::uint64_t number : {2, 4, 6}) pair.two.hold(journal, number, number);
  }
  pair.connect();
  CHECK(pair.agree());
}

TEST_CASE("comparison: what was on its way to the disk and came to nothing is lacking again") {
  History history(6, 1);
  const JournalId journal = history.open_journal(0);
  Pair pair(history);
  pair.one.hold(journal, 1, 1);
  pair.two.hold(journal, 1, 2);
  pair.connect();
  pair.one.anti_entropy.on_sync_items(
      pair.now(), pair.two.process,
      SyncItems{{},
                {{history.keys[0],
                  crdt::JournalRange::all(),
                  {{journal, *pair.two.index.stored().find(journal)}}}},
                {}});
  REQUIRE(pair.one.anti_entropy.is_catching_up());
  pair.one.index.on_handed_to_disk(journal, 2);
  pair.one.anti_entropy.on_tick({MonoTime() + seconds(5), {}});  // finds nothing to ask for
  REQUIRE_FALSE(pair.one.anti_entropy.is_catching_up());
  pair.one.index.drop_pending();
  pair.one.anti_entropy.on_storage_restarted();
  CHECK(pair.one.anti_entropy.is_catching_up());
}

TEST_CASE("comparison: what a liar names again and again costs no more than all that is held") {
  History history(7, 1);
  Pair pair(history);
  for (int i = 0; i < 500; ++i) pair.one.hold(history.open_journal(0), 1, 1);
  pair.connect();
  pair.one.anti_entropy.take_effects();
  const DeviceId device = device_of(history.keys[0]);
  SECTION("a device") {
    SyncDevices lies{{1, 1}, {}};
    for (int i = 0; i < 5'000; ++i) lies.devices.push_back({device, {}});
    pair.one.anti_entropy.on_sync_devices(pair.now(), pair.two.process, lies);
  }
  SECTION("a range, and one that ends before it begins") {
    SyncRanges lies{{1, 1}, {}};
    for (int i = 0; i < 5'000; ++i) {
      lies.ranges.push_back({{device, crdt::JournalRange::all()}, {}});
    }
    lies.ranges.push_back({{device, {JournalId::draw(history.random), {}}}, {}});
    pair.one.anti_entropy.on_sync_ranges(pair.now(), pair.two.process, lies);
  }
  const auto effects = pair.one.anti_entropy.take_effects();
  REQUIRE(effects.size() == 1);
  const auto& parts = std::get<SyncRanges>(std::get<AntiEntropy::SendTo>(effects[0]).message);
  CHECK(parts.ranges.size() == AntiEntropyConfig{}.range_parts);
}

}  // namespace titan::mesh
