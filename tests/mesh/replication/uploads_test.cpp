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
  crdt::VersionVector held_without(std::size_t lacks) const {
    crdt::VersionVector held;
    for (std::size_t at = 0; at < journals.size(); ++at) {
      if (at == lacks) continue;
      crdt::VectorItem item = *stored.find(journals[at]);
      item.stored.remove({item.stored.top(), item.stored.top()});
      held.set(*stored.device_of(journals[at]), journals[at], item);
    }
    return held;
  }
};

TEST_CASE("uploads: only what the cloud lacks of others is pending") {
  Store store;
  const crdt::VersionVector held = store.held_without(1);
  const std::uint64_t lacking = store.stored.entry_count() - held.entry_count();
  CHECK(lacking > 0);
  CHECK(pending_uploads(store.stored, held, {}) == lacking);
  CHECK(pending_uploads(store.stored, store.stored, {}) == 0);
  const std::uint64_t of_first = store.stored.find(store.journals[1])->stored.count();
  CHECK(pending_uploads(store.stored, held, store.devices[1]) == lacking - of_first);
}

TEST_CASE("uploads: of a forked journal the branch that the cloud lacks is pending") {
  Store store;
  crdt::VersionVector held = store.stored;
  crdt::VectorItem other = *held.find(store.journals[0]);
  other.content.add({1, 0});
  held.set(store.devices[0], store.journals[0], other);
  CHECK(pending_uploads(store.stored, held, {}) == other.stored.count());
}

}  // namespace
}  // namespace titan::mesh
