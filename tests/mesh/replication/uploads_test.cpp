#include "mesh/replication/uploads.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/random.h"

namespace titan::mesh {
namespace {

// A store of a few tills, and a cloud that holds some of what each wrote.
struct Store {
  Random random{7};
  std::vector<DeviceId> devices;
  std::vector<JournalId> journals;
  crdt::VersionVector stored;

  Store() {
    for (int till = 0; till < 3; ++till) {
      devices.push_back(DeviceId::draw(random));
      open_journal(devices.back());
    }
  }
  void open_journal(const DeviceId& device) {
    journals.push_back(JournalId::draw(random));
    sell(device, journals.back(), 1 + random.below(5));
  }
  void sell(const DeviceId& device, const JournalId& journal, std::uint64_t sales) {
    const crdt::VectorItem* item = stored.find(journal);
    const std::uint64_t top = item ? item->stored.top() : 0;
    for (std::uint64_t number = top + 1; number <= top + sales; ++number) {
      stored.add(device, journal, number, Hash::draw(random));
    }
  }
  // What is stored, as far as a cloud has it that lacks one journal and the last entries of others.
  WatermarkVector watermark(std::size_t lacks) const {
    WatermarkVector held;
    for (std::size_t at = 0; at < journals.size(); ++at) {
      if (at == lacks) continue;
      JournalItem item{journals[at], *stored.find(journals[at])};
      item.item.stored.remove({item.item.stored.top(), item.item.stored.top()});
      if (!item.item.stored.empty()) held.journals.push_back(item);
    }
    return held;
  }
};

TEST_CASE("uploads: what the cloud holds is the same, from scratch or from the watermark before") {
  Store store;
  crdt::VersionVector before;
  for (int step = 0; step < 200; ++step) {
    const std::size_t at = store.random.below(store.journals.size());
    store.sell(*store.stored.device_of(store.journals[at]), store.journals[at], 1);
    if (step % 20 == 0) store.open_journal(store.devices[store.random.below(3)]);
    // Now and then a new epoch lacks what the one before held.
    const WatermarkVector watermark = store.watermark(step % 7 == 0 ? at : store.journals.size());
    const crdt::VersionVector fresh = held_by_cloud(watermark, store.stored);
    before = held_by_cloud(watermark, store.stored, std::move(before));
    before.check_invariants();
    CHECK(before == fresh);
    CHECK(before.root() == fresh.root());
  }
}

TEST_CASE("uploads: a journal that was nobody's gets its owner with a later watermark") {
  Store store;
  const WatermarkVector watermark = store.watermark(store.journals.size());
  const crdt::VersionVector nobodys = held_by_cloud(watermark, {});
  CHECK(nobodys.devices().contains(DeviceId{}));
  CHECK(held_by_cloud(watermark, store.stored, nobodys) == held_by_cloud(watermark, store.stored));
}

TEST_CASE("uploads: a journal listed without numbers hides none that is no longer held") {
  Store store;
  const auto before = held_by_cloud(store.watermark(store.journals.size()), store.stored);
  WatermarkVector watermark = store.watermark(0);
  watermark.journals.push_back({JournalId::draw(store.random), {}});
  CHECK(held_by_cloud(watermark, store.stored, before) == held_by_cloud(watermark, store.stored));
}

TEST_CASE("uploads: only what the cloud lacks of others is pending") {
  Store store;
  const crdt::VersionVector held = held_by_cloud(store.watermark(1), store.stored);
  const std::uint64_t lacking = store.stored.entry_count() - held.entry_count();
  CHECK(lacking > 0);
  CHECK(pending_uploads(store.stored, held, {}) == lacking);
  CHECK(pending_uploads(store.stored, store.stored, {}) == 0);
  const std::uint64_t of_first = store.stored.find(store.journals[1])->stored.count();
  CHECK(pending_uploads(store.stored, held, store.devices[1]) == lacking - of_first);
}

}  // namespace
}  // namespace titan::mesh
