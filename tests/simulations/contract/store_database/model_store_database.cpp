#include "tests/simulations/contract/store_database/model_store_database.h"

#include "simulations/model/gate.h"

namespace titan::test {
namespace {

constexpr std::size_t read_bytes_max = 1024 * 1024;

}  // namespace

class ModelStoreDatabase::Leader final : public LeaderUnderTest {
 public:
  Leader(ModelStoreDatabase& all, const std::string& name, std::shared_ptr<Disk> own_disk)
      : LeaderUnderTest(name, std::move(own_disk)),
        gate_(std::make_shared<simulations::Gate>(all.schedule_)) {
    simulations::StoreDatabase::Callbacks callbacks;
    callbacks.read = [this](const JournalId& journal, const crdt::IntervalSet& numbers) {
      return disk->read(journal, numbers, read_bytes_max);
    };
    callbacks.decode = [this](BytesView bytes) -> EntryPointer {
      auto entry = till.codec.decode_entry(bytes);
      return entry ? std::make_shared<const mesh::Entry>(std::move(*entry)) : nullptr;
    };
    callbacks.on_opened = [](std::uint64_t) {};
    callbacks.on_held = [&all](const EntryPointer& entry, const election::Token&) {
      all.held_[entry->hash] = entry;
      all.projected_.push_back(entry);
    };
    callbacks.key_of = [](const DeviceId&) { return std::optional<PublicKey>(); };
    callbacks.on_give_back = [this](const std::vector<Bytes>& entries,
                                    const std::vector<PublicKey>&) { take_back(entries); };
    callbacks.on_lease_refused = [this](const election::Token& holder, bool gone) {
      refused_ = Refusal{holder, gone};
    };
    database_ = std::make_unique<simulations::StoreDatabase>(
        gate_, all.health_, all.files_, all.sharing_ == Sharing::shared, std::move(callbacks));
  }
  ~Leader() override {
    if (!gate_->is_closed()) database_->follow();
    gate_->close();
  }

  void lead(std::uint64_t term) override { database_->lead(token(term), disk->vector()); }
  void follow() override { database_->follow(); }
  void tell(const std::vector<EntryPointer>& entries) override { database_->on_stored(entries); }
  void crash() override { gate_->close(); }
  std::optional<Refusal> refused() const override { return refused_; }

 private:
  const std::shared_ptr<simulations::Gate> gate_;
  std::unique_ptr<simulations::StoreDatabase> database_;
  std::optional<Refusal> refused_;
};

std::unique_ptr<LeaderUnderTest> ModelStoreDatabase::terminal(const std::string& name,
                                                              std::shared_ptr<Disk> disk) {
  return std::make_unique<Leader>(*this, name, std::move(disk));
}

void ModelStoreDatabase::break_next_commit(CommitFate fate) {
  health_.kill_next_commit = true;
  health_.killed_commit_is_there = fate == CommitFate::cut_after;
}

bool ModelStoreDatabase::has_broken() const {
  return !health_.kill_next_commit;
}

void ModelStoreDatabase::wait(const Condition& condition, const std::string& what, Duration limit) {
  const MonoTime end = schedule_.now() + limit;
  while (!condition()) {
    if (schedule_.now() >= end) {
      FAIL("waited " << limit / seconds(1) << " s of virtual time for: " << what);
    }
    schedule_.step(std::min(end, schedule_.now() + milliseconds(1)));
  }
}

Contents ModelStoreDatabase::look() {
  Contents contents;
  contents.holder = files_.holder;
  std::vector<EntryPointer> entries;
  for (const auto& [id, entry] : files_.entries) {
    contents.entries.emplace(id.first, id.second);
    contents.cursors[id.first.journal].add(id.first.number);
    entries.push_back(held_.at(id.second));
  }
  contents.stock_of_entries = folded(entries).sums();
  contents.stock = folded(projected_).sums();
  contents.receipts_of_entries = receipts_of(entries);
  contents.receipts = receipts_of(projected_);
  return contents;
}

}  // namespace titan::test
