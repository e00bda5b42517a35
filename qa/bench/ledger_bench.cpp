// What a store's age costs in memory, when two terminals compare, and for each watermark: with so
// many journals of 30 tills, two entries in each.
//
//   ledger_bench [--journals 100,20000,200000] [--repeats N] [--json FILE]
//
// Baselines, in turn with ours: a plain map copied as a whole, a comparison that lists every
// journal of the device that differs, a watermark that lists every journal. Times are of one
// thread, in microseconds.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mesh/replication/anti_entropy.h"
#include "mesh/watermark/signing.h"
#include "mesh/watermark/telling.h"
#include "mesh/watermark/watermark_follower.h"
#include "mesh/wire/wire_codec.h"
#include "qa/bench/support/figures.h"
#include "qa/bench/support/program.h"

namespace {

using namespace titan;
using namespace titan::bench;
using namespace titan::mesh;

constexpr std::size_t tills = 30;
constexpr std::size_t entries_per_copy = 10;  // a watermark, a peer's vector, after so many entries
constexpr std::size_t journals_of_plain_max =
    20'000;  // beyond it baselines take minutes, or fit no frame

Figures figures(72);

using PlainVector = std::map<DeviceId, std::map<JournalId, crdt::VectorItem>>;

struct Store {
  explicit Store(std::size_t journals) {
    for (std::size_t i = 0; i < tills; ++i) {
      keys.push_back(KeyPair::from_seed(SecretSeed::draw(random)).public_key);
    }
    for (std::size_t i = 0; i < journals; ++i) {
      const DeviceId device = device_of(keys[i % tills]);
      last = JournalId::draw(random);
      for (const std::uint64_t number : {1, 2})
        vector.add(device, last, number, Hash::draw(random));
      last_device = device;
    }
  }

  Random random{1};
  std::vector<PublicKey> keys;
  crdt::VersionVector vector;
  JournalId last;
  DeviceId last_device;
};

double bytes_in_use() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

void measure_vector(const std::string& name, std::size_t journals, int repeats) {
  const double before = bytes_in_use();
  Store store(journals);
  const double built = bytes_in_use();
  figures.note(name + "vector, bytes a journal", (built - before) / static_cast<double>(journals),
               "");
  std::vector<crdt::VersionVector> peers(9, store.vector);
  figures.note(name + "copies of nine peers, all bytes", bytes_in_use() - built, "");

  PlainVector plain;
  if (journals <= journals_of_plain_max) {
    for (const auto& [device, items] : store.vector.devices()) {
      plain[device].insert(items.begin(), items.end());
    }
  }
  std::vector<double> ours, bare;
  crdt::VersionVector copy;
  PlainVector plain_copy;
  std::uint64_t number = 2;
  for (int i = 0; i < repeats; ++i) {
    auto start = Clock::now();
    for (std::size_t n = 0; n < entries_per_copy; ++n) {
      store.vector.add(store.last_device, store.last, ++number, Hash::draw(store.random));
    }
    copy = store.vector;
    ours.push_back(microseconds_since(start) / entries_per_copy);
    if (plain.empty()) continue;
    start = Clock::now();
    for (std::size_t n = 0; n < entries_per_copy; ++n) {
      crdt::VectorItem& item = plain[store.last_device][store.last];
      item.stored.add(number - entries_per_copy + n + 1);
      item.content.add(crdt::ContentSum::of(Hash::draw(store.random)));
    }
    plain_copy = plain;
    bare.push_back(microseconds_since(start) / entries_per_copy);
  }
  figures.note(name + "an entry, every tenth with a copy, p50", quantile(ours, 0.5), "us");
  if (bare.empty()) return;
  figures.note(name + "the same in plain maps, p50", quantile(bare, 0.5), "us");
}

// Two terminals, of which one holds an entry more.
class Pair {
 public:
  explicit Pair(const Store& store) : random_(2) {
    for (Side* side : {&one_, &two_}) {
      side->process = ProcessId::draw(random_);
      side->device = DeviceId::draw(random_);
      side->index.emplace(store.vector, store.keys);
    }
    one_.index->on_stored(store.last_device, store.last, 3, Hash::draw(random_));
    for (Side* side : {&one_, &two_}) {
      side->anti_entropy.emplace(AntiEntropyConfig{}, *side->index, Random(random_.next()));
    }
    one_.anti_entropy->on_peer_up(now(), two_.process, two_.device);
    two_.anti_entropy->on_peer_up(now(), one_.process, one_.device);
    one_.anti_entropy->take_effects();
    two_.anti_entropy->take_effects();
  }

  struct Cost {
    double microseconds = 0;
    double bytes = 0;
    double messages = 0;
  };
  // From the root until the entry that is missing is asked for, as a round in peace has it.
  Cost compare() {
    cost_ = {};
    const auto start = Clock::now();
    one_.anti_entropy->on_peer_up(now(), two_.process, two_.device);
    while (carry(one_, two_) || carry(two_, one_)) {
    }
    cost_.microseconds = microseconds_since(start);
    return cost_;
  }

 private:
  struct Side {
    ProcessId process;
    DeviceId device;
    std::optional<EntryIndex> index;
    std::optional<AntiEntropy> anti_entropy;
  };

  static Now now() { return {MonoTime() + seconds(1), {}}; }

  bool carry(Side& from, Side& to) {
    const auto effects = from.anti_entropy->take_effects();
    for (const auto& effect : effects) {
      const auto* sent = std::get_if<AntiEntropy::SendTo>(&effect);
      if (sent == nullptr) continue;
      const Bytes frame = codec_.encode_message(sent->message);
      cost_.bytes += static_cast<double>(frame.size());
      ++cost_.messages;
      const Message message = must(codec_.decode_message(frame));
      AntiEntropy& receiver = *to.anti_entropy;
      if (const auto* root = std::get_if<SyncRoot>(&message)) {
        receiver.on_sync_root(now(), from.process, *root);
      } else if (const auto* devices = std::get_if<SyncDevices>(&message)) {
        receiver.on_sync_devices(now(), from.process, *devices);
      } else if (const auto* ranges = std::get_if<SyncRanges>(&message)) {
        receiver.on_sync_ranges(now(), from.process, *ranges);
      } else if (const auto* items = std::get_if<SyncItems>(&message)) {
        receiver.on_sync_items(now(), from.process, *items);
      }
    }
    return !effects.empty();
  }

  Random random_;
  WireCodec codec_;
  Side one_;
  Side two_;
  Cost cost_;
};

// Both list all journals of the device, and learn what the other holds.
Pair::Cost compare_whole_lists(const Store& store) {
  const WireCodec codec;
  Pair::Cost cost;
  const auto start = Clock::now();
  for (int side = 0; side < 2; ++side) {
    SyncItems items;
    items.devices.push_back({store.keys[0], crdt::JournalRange::all(), {}});
    for (const auto& [journal, item] : store.vector.devices().at(store.last_device)) {
      items.devices[0].journals.push_back({journal, item});
    }
    const Bytes frame = codec.encode_message(items);
    cost.bytes += static_cast<double>(frame.size());
    const Message message = must(codec.decode_message(frame));
    crdt::VersionVector known;
    for (const JournalItem& item : std::get<SyncItems>(message).devices[0].journals) {
      known.set(store.last_device, item.journal, item.item);
    }
  }
  cost.microseconds = microseconds_since(start);
  return cost;
}

void measure_comparison(const std::string& name, std::size_t journals, int repeats) {
  const Store store(journals);
  Pair pair(store);
  std::vector<double> ours, lists;
  Pair::Cost cost, whole;
  for (int i = 0; i < repeats; ++i) {
    cost = pair.compare();
    ours.push_back(cost.microseconds);
    whole = compare_whole_lists(store);
    lists.push_back(whole.microseconds);
  }
  figures.note(name + "one entry differs: both sides, p50", quantile(ours, 0.5), "us");
  figures.note(name + "one entry differs: both sides, p99", quantile(ours, 0.99), "us");
  figures.note(name + "one entry differs: bytes", cost.bytes, "");
  figures.note(name + "one entry differs: messages", cost.messages, "");
  figures.note(name + "whole lists of the device: both sides, p50", quantile(lists, 0.5), "us");
  figures.note(name + "whole lists of the device: bytes", whole.bytes, "");
}

// The cloud holds more of one journal, and says so to a terminal.
class Watermarks {
 public:
  explicit Watermarks(const Store& store)
      : key_(KeyPair::from_seed(SecretSeed::draw(random_))),
        journal_(store.last),
        device_(store.last_device),
        follower_(codec_, "acme", "london-1", key_.public_key) {
    held_.become(store.vector);
    follower_.begin_at(held_);
    follower_.take({sign(), held_.root(), {}});
  }

  struct Cost {
    double cloud = 0;     // microseconds, with the encoding
    double terminal = 0;  // microseconds, with the decoding
    double bytes = 0;
  };
  Cost tell() {
    crdt::VersionVector vector = held_.vector();
    vector.add(device_, journal_, ++number_, Hash::draw(random_));
    const crdt::RootedVector before = held_;
    const auto start = Clock::now();
    held_.become(std::move(vector));
    const Bytes frame = codec_.encode_message(update_from(before, sign(), held_));
    Cost cost{microseconds_since(start), 0, static_cast<double>(frame.size())};
    const auto heard = Clock::now();
    const Message message = must(codec_.decode_message(frame));
    if (follower_.take(std::get<WatermarkUpdate>(message)) != WatermarkFollower::Outcome::taken) {
      throw std::runtime_error("a watermark was not taken");
    }
    cost.terminal = microseconds_since(heard);
    return cost;
  }
  Cost tell_whole() {
    const auto start = Clock::now();
    const Bytes frame =
        codec_.encode_message(WatermarkUpdate{sign(), {}, difference({}, held_.vector())});
    Cost cost{microseconds_since(start), 0, static_cast<double>(frame.size())};
    const auto heard = Clock::now();
    const Message message = must(codec_.decode_message(frame));
    const auto& update = std::get<WatermarkUpdate>(message);
    crdt::VersionVector known;
    if (watermark_verifies(update.watermark, key_.public_key)) apply(update.changed, known);
    cost.terminal = microseconds_since(heard);
    return cost;
  }

 private:
  Watermark sign() {
    return sign_watermark(codec_, key_,
                          {.epoch = 1,
                           .epoch_random = Bytes(16, 'r'),
                           .sequence = ++sequence_,
                           .tenant = "acme",
                           .store = "london-1",
                           .root = held_.root(),
                           .entries = held_.vector().entry_count()});
  }

  Random random_{3};
  WireCodec codec_;
  KeyPair key_;
  JournalId journal_;
  DeviceId device_;
  crdt::RootedVector held_;
  WatermarkFollower follower_;
  std::uint64_t number_ = 2;
  std::uint64_t sequence_ = 0;
};

void measure_watermark(const std::string& name, std::size_t journals, int repeats) {
  Watermarks watermarks((Store(journals)));
  std::vector<double> cloud, terminal, whole_cloud, whole_terminal;
  Watermarks::Cost cost, whole;
  for (int i = 0; i < repeats; ++i) {
    cost = watermarks.tell();
    cloud.push_back(cost.cloud);
    terminal.push_back(cost.terminal);
    if (i % 10 != 0 || journals > journals_of_plain_max) continue;
    whole = watermarks.tell_whole();
    whole_cloud.push_back(whole.cloud);
    whole_terminal.push_back(whole.terminal);
  }
  figures.note(name + "a watermark: bytes", cost.bytes, "");
  figures.note(name + "a watermark: cloud, p50", quantile(cloud, 0.5), "us");
  figures.note(name + "a watermark: terminal, p50", quantile(terminal, 0.5), "us");
  figures.note(name + "a watermark: terminal, p99", quantile(terminal, 0.99), "us");
  if (whole_cloud.empty()) return;
  figures.note(name + "listing every journal: bytes", whole.bytes, "");
  figures.note(name + "listing every journal: cloud, p50", quantile(whole_cloud, 0.5), "us");
  figures.note(name + "listing every journal: terminal, p50", quantile(whole_terminal, 0.5), "us");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a store's age costs in memory, comparisons and watermarks"};
  std::vector<std::size_t> counts = {100, 20'000, 200'000};
  int repeats = 200;
  std::string json;
  app.add_option("--journals", counts, "of the store, each measured by itself")->delimiter(',');
  app.add_option("--repeats", repeats, "of each measurement")->check(CLI::Range(1, 100'000));
  app.add_option("--json", json, "write the figures to this file");
  CLI11_PARSE(app, argc, argv);

  for (const std::size_t count : counts) {
    std::printf("\n%zu journals of %zu tills\n", count, tills);
    const std::string name = std::to_string(count) + " journals: ";
    measure_vector(name, count, repeats);
    measure_comparison(name, count, repeats);
    measure_watermark(name, count, repeats);
  }
  if (!json.empty()) figures.write(json);
  return 0;
}
