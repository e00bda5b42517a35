// A cloud whose database is restored from a backup while its processes run on.
#include <catch2/catch.hpp>
#include <pqxx/pqxx>

#include "tests/cloud/test_uplink.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {
namespace {

using test::CloudProcess;
using test::TestUplink;
using test::Till;

void change(const CloudProcess& cloud, const std::string& sql) {
  const auto connection = uplink::open_connection(cloud.postgres.url());
  pqxx::work transaction(*connection);
  transaction.exec("SET LOCAL search_path TO tenant_acme");
  transaction.exec(sql);
  transaction.commit();
}

}  // namespace

TEST_CASE("a store whose database begins another epoch of the same number is read anew",
          "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1");
  std::vector<test::EntryPointer> entries;
  mesh::HeldByCloud before;
  {
    TestUplink uplink(cloud, till);
    uplink.join(1);
    for (int i = 0; i < 3; ++i) entries.push_back(till.sell("tea", 1));
    CHECK(uplink.upload(entries).accepted == 3);
    before = uplink.ask_held();
    REQUIRE(before.held.vector().contains(till.tail().journal, 3));
  }
  // Restored to before these entries, and reset since, as often as before: the sequence is the
  // same again. The gateway remembers the position, the projector the vector.
  for (const char* table :
       {"sale_items", "payments", "sales", "inventory_deltas", "claims", "entries", "sync_state"}) {
    change(cloud, std::string("DELETE FROM ") + table + " WHERE journal = decode('" +
                      till.tail().journal.hex() + "', 'hex')");
  }
  change(cloud, "UPDATE stores SET epoch_random = decode(repeat('5a', 16), 'hex')");
  TestUplink uplink(cloud, till);
  uplink.join(2);
  const mesh::HeldByCloud after = uplink.ask_held();
  CHECK(after.statement.epoch_random == Bytes(16, '\x5a'));
  CHECK(after.statement.epoch == before.statement.epoch);
  CHECK(after.statement.sequence == before.statement.sequence);
  CHECK_FALSE(after.held.vector().contains(till.tail().journal, 1));
  CHECK(uplink.upload({entries[0]}).accepted == 1);
  const mesh::HeldByCloud again = uplink.ask_held();
  CHECK(again.statement.epoch_random == after.statement.epoch_random);
  CHECK(again.statement.sequence == after.statement.sequence + 1);
  CHECK(again.held.vector().contains(till.tail().journal, 1));
  CHECK_FALSE(again.held.vector().contains(till.tail().journal, 2));
}

TEST_CASE("a database that is restored to before a reset, and reset again, is above what it lost",
          "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1");
  mesh::WatermarkFollower terminal(till.codec, "acme", "london-1", cloud.key);
  // A reset an hour ago, and much since.
  {
    TestUplink uplink(cloud, till);
    uplink.join(1);
  }
  change(cloud,
         "UPDATE stores SET epoch = extract(epoch FROM now())::bigint - 3600, "
         "watermark_sequence = 5000, epoch_random = decode(repeat('5a', 16), 'hex')");
  {
    TestUplink uplink(cloud, till);
    uplink.join(2);
    const mesh::HeldByCloud lost = uplink.ask_held();
    CHECK(lost.statement.sequence == 5000);
    CHECK(terminal.take(lost) == mesh::WatermarkFollower::Outcome::taken);
  }
  change(cloud,
         "UPDATE stores SET epoch = 1, watermark_sequence = 3, "
         "epoch_random = decode(repeat('11', 16), 'hex')");
  CHECK(test::http(cloud.port, "POST", cloud.store("/lease/reset"), "").status == 200);
  TestUplink uplink(cloud, till);
  uplink.join(3);
  const mesh::HeldByCloud held = uplink.ask_held();
  CHECK(held.statement.sequence < 5000);
  CHECK(terminal.take(held) == mesh::WatermarkFollower::Outcome::taken);
}

}  // namespace titan::cloud
