// The simulator's model of a store database, behind the face of its contract tests.
#pragma once

#include "simulations/engine/schedule.h"
#include "simulations/model/store_database.h"
#include "tests/simulations/contract/store_database/store_database_under_test.h"

namespace titan::test {

class ModelStoreDatabase final : public StoreDatabaseUnderTest {
 public:
  explicit ModelStoreDatabase(Sharing sharing = Sharing::shared) : sharing_(sharing) {}

  using StoreDatabaseUnderTest::terminal;
  std::unique_ptr<LeaderUnderTest> terminal(const std::string& name,
                                            std::shared_ptr<Disk> disk) override;
  void away() override { health_.away = true; }
  void back() override { health_.away = false; }
  void break_next_commit(CommitFate fate) override;
  bool has_broken() const override;

 protected:
  Contents look() override;
  void wait(const Condition& condition, const std::string& what, Duration limit) override;

 private:
  class Leader;

  const Sharing sharing_;
  simulations::Schedule schedule_;
  simulations::StoreDatabase::Health health_;
  simulations::StoreDatabaseFiles files_;
  std::map<Hash, EntryPointer> held_;
  // Every entry that the model told of as newly held, in that order.
  std::vector<EntryPointer> projected_;
};

}  // namespace titan::test
