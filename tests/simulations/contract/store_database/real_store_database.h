// The product's store database on a real PostgreSQL, behind the face of its contract tests.
//
// A shared server is the test's own; terminals reach it through relays, so that one can crash and a
// commit be broken at a chosen moment. Private servers are made by the product, in one data folder.
#pragma once

#include <pqxx/pqxx>

#include "tests/simulations/contract/store_database/postgres_relay.h"
#include "tests/simulations/contract/store_database/store_database_under_test.h"
#include "tests/uplink/postgres/test_postgres.h"

namespace titan::test {

class RealStoreDatabase final : public StoreDatabaseUnderTest {
 public:
  explicit RealStoreDatabase(Sharing sharing = Sharing::shared);

  using StoreDatabaseUnderTest::terminal;
  std::unique_ptr<LeaderUnderTest> terminal(const std::string& name,
                                            std::shared_ptr<Disk> disk) override;
  void away() override;
  void back() override;
  void break_next_commit(CommitFate fate) override;
  bool has_broken() const override;

 protected:
  Contents look() override;
  void wait(const Condition& condition, const std::string& what, Duration limit) override;

 private:
  class Leader;

  std::string address() const;
  Contents look_with(pqxx::connection& connection);
  void kill_server();

  const Sharing sharing_;
  TemporaryFolder data_;
  TestPostgres* server_ = nullptr;  // of a shared one
  std::vector<Leader*> leaders_;
  std::unique_ptr<pqxx::connection> eyes_;
  bool server_dies_ = false;
};

}  // namespace titan::test
