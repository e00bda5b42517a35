// titan-cloud end to end: a real process, a real PostgreSQL, the real protocol.
#include <catch2/catch.hpp>

#include "cloud/database/cloud_schema.h"
#include "mesh/entry/verify.h"
#include "mesh/watermark/signing.h"
#include "tests/cloud/test_uplink.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {
namespace {

using test::CloudProcess;
using test::EntryPointer;
using test::http;
using test::JoinedStore;
using test::TestUplink;
using test::Till;
using test::wait_until;

mesh::WatermarkStatement checked(const CloudProcess& cloud, const mesh::Watermark& watermark) {
  CHECK(watermark.cloud_key == cloud.key);
  CHECK(verify(cloud.key, "titan-watermark-2" + watermark.statement, watermark.signature));
  const auto statement = mesh::WireCodec().decode_watermark_statement(watermark.statement);
  REQUIRE(statement);
  return *statement;
}

TEST_CASE("a store joins, uploads, is acknowledged, shown and told the watermark") {
  CloudProcess cloud;
  Till till("till-1");
  TestUplink uplink(cloud, till);
  const auto accepted = uplink.join(1);
  CHECK(accepted.cloud_key == cloud.key);
  CHECK(accepted.lease_ms == 5000);
  CHECK(accepted.window_batches > 0);
  const auto before = checked(cloud, accepted.watermark);
  CHECK(before.store == "london-1");

  const auto sale = till.sell("85123A", 2);
  const auto ack = uplink.upload({till.deliver("85123A", 10), sale});
  CHECK(ack.accepted == 2);
  CHECK(ack.failures.empty());
  std::optional<mesh::WatermarkUpdate> update;
  while (!update) update = uplink.receive<uplink::ServerPush>().watermark;
  const auto after = checked(cloud, update->watermark);
  CHECK(after.sequence > before.sequence);
  CHECK(after.epoch_random == before.epoch_random);
  CHECK(update->base == before.root);
  REQUIRE(update->changed.size() == 1);
  CHECK(update->changed[0].device == device_of(till.key.public_key));
  REQUIRE(update->changed[0].journals.size() == 1);
  CHECK(update->changed[0].journals[0].item.stored == crdt::IntervalSet({{1, 2}}));
  const auto held = uplink.ask_held();
  CHECK(held.watermark == update->watermark);
  CHECK(held.held.vector().contains(till.tail().journal, 2));

  CHECK(cloud.stock_of("85123A") == "8");
  const auto sales = cloud.get(cloud.store("/sales")).json();
  REQUIRE(sales.at("sales").as_array().size() == 1);
  const auto& row = sales.at("sales").as_array()[0];
  CHECK(row.at("total") == "2.00");
  CHECK(row.at("kind") == "sale");
  CHECK(row.at("business_date") == "2011-10-06");
  CHECK(row.at("receipt").as_string() ==
        mesh::receipt_text(*sale->envelope.receipt, sale->envelope.id.journal));
  const auto stores = cloud.get("/v1/tenants/acme/stores").json().at("stores").as_array();
  REQUIRE(stores.size() == 1);
  CHECK(stores[0].at("connected") == true);
  CHECK(stores[0].at("gone") == false);
  CHECK(stores[0].at("holder").at("term") == 1);
  CHECK(cloud.get("/metrics").body.find("titan_cloud_entries_total 2") != std::string::npos);
}

TEST_CASE("repeats, overlaps and replays on a new connection change nothing") {
  CloudProcess cloud;
  Till till("till-1");
  std::vector<EntryPointer> entries = {till.deliver("A", 50)};
  for (int i = 0; i < 20; ++i) entries.push_back(till.sell("A", 1));
  {
    TestUplink uplink(cloud, till);
    uplink.join(1);
    CHECK(uplink.upload(entries).accepted == 21);
    CHECK(uplink.upload(entries).accepted == 21);
    CHECK(uplink.upload({entries[3], entries[3], entries[5]}).accepted == 3);
  }
  TestUplink again(cloud, till);
  again.join(1);
  CHECK(again.ask_held_of(till.tail().journal) == crdt::IntervalSet({{1, 21}}));
  CHECK(again.upload(entries).accepted == 21);
  CHECK(cloud.stock_of("A") == "30");
}

TEST_CASE("handshakes that must not get in, each with its reason") {
  CloudProcess cloud;
  Till till("till-1");
  const auto refusal = [&](auto&& change, const KeyPair& key) {
    TestUplink uplink(cloud, till);
    auto handshake = uplink.handshake(1);
    change(handshake);
    uplink.send_signed_by(handshake, key);
    return uplink.receive<uplink::HandshakeRefused>();
  };
  const auto unchanged = [](uplink::Handshake&) {};
  CHECK(refusal([](auto& h) { h.access_key = "guess"; }, till.key).code ==
        uplink::RefusalCode::bad_key);
  CHECK(refusal([](auto& h) { h.tenant = "other"; }, till.key).code ==
        uplink::RefusalCode::bad_key);
  CHECK(refusal([](auto& h) { h.store = "a/b"; }, till.key).code ==
        uplink::RefusalCode::unknown_store);
  CHECK(refusal([](auto& h) { h.protocol = 99; }, till.key).code == uplink::RefusalCode::protocol);
  CHECK(refusal(unchanged, test::key_of("a stranger")).code == uplink::RefusalCode::signature);
  TestUplink silent(cloud, till);
  silent.send(uplink::LeaseRenewal{1, 0, 1});
  silent.run_until([&] { return !silent.open; }, "the connection to be closed");
}

TEST_CASE_METHOD(JoinedStore, "a body that is none goes to the quarantine and holds nothing up") {
  const auto broken = till.write(mesh::Kind::sale, "\xff\xff", {Till::effect("A", -1)});
  const auto fine = till.sell("A", 1);
  const auto ack = uplink.upload({broken, fine});
  CHECK(ack.accepted == 2);
  REQUIRE(ack.failures.size() == 1);
  CHECK(ack.failures[0].index == 0);
  CHECK(ack.failures[0].quarantined);
  CHECK(cloud.stock_of("A") == "-2");
  const auto list = cloud.get(cloud.store("/quarantine")).json().at("quarantine").as_array();
  REQUIRE(list.size() == 1);
  CHECK(list[0].at("id").as_string() == broken->envelope.id.journal.hex() + ":1");
  CHECK(cloud.get("/v1/tenants/acme/stores").json().at("stores").at(0).at("quarantined") == 1);
  CHECK(http(cloud.port, "POST", cloud.store("/quarantine/retry")).json().at("released") == 0);
}

TEST_CASE_METHOD(JoinedStore, "a forged entry is refused alone; other journals go on") {
  Till other("till-2");
  const auto good = other.sell("B", 1);
  const auto genuine = till.sell("A", 1);
  auto forged = std::make_shared<mesh::Entry>(*genuine);
  Signature signature = genuine->signature;
  signature.bytes[5] ^= 1;
  forged->bytes = till.codec.encode_signed_entry(genuine->envelope_bytes, signature);
  auto rubbish = std::make_shared<mesh::Entry>(*genuine);
  rubbish->bytes = "no entry at all";
  const auto foreign = Till("till-9", "acme", "paris-1").sell("C", 1);
  const auto ack = uplink.upload({forged, good, rubbish, foreign});
  CHECK(ack.accepted == 1);
  REQUIRE(ack.failures.size() == 3);
  for (const auto& failure : ack.failures) {
    CHECK_FALSE(failure.retryable);
    CHECK_FALSE(failure.quarantined);
    CHECK(failure.index != 1);
  }
  CHECK(uplink.upload({genuine}).accepted == 1);
  CHECK(cloud.stock_of("A") == "-1");
  CHECK(cloud.stock_of("B") == "-1");
  CHECK(cloud.stock_of("C") == "never moved");
}

TEST_CASE("the higher token replaces, the lower one is told who holds the lease") {
  CloudProcess cloud;
  Till first("till-1");
  Till second("till-2");
  TestUplink old(cloud, first);
  old.join(5);
  TestUplink low(cloud, second);
  low.send(low.handshake(4));
  const auto refused = low.receive<uplink::HandshakeRefused>();
  CHECK(refused.code == uplink::RefusalCode::lower_token);
  CHECK(refused.holder == election::Token{5, first.process});
  CHECK_FALSE(refused.holder_gone);

  // A batch under way when the lease moves is not dropped.
  const auto entry = first.sell("A", 1);
  old.send_batch({entry});
  TestUplink high(cloud, second);
  high.join(6);
  const auto closing = old.receive<uplink::Closing>();
  CHECK(closing.code == uplink::ClosingCode::fenced);
  CHECK(closing.holder == election::Token{6, second.process});
  old.run_until([&] { return !old.open; }, "the fenced connection to be closed");
  CHECK(high.upload({second.sell("A", 1), entry}).accepted == 2);
  CHECK(cloud.stock_of("A") == "-2");

  // Who says goodbye is gone at once; a lower token still does not get in, but learns it.
  high.disconnect(uplink::goodbye);
  wait_until(
      [&] {
        TestUplink late(cloud, first);
        late.send(late.handshake(5));
        return late.receive<uplink::HandshakeRefused>().holder_gone;
      },
      "the holder to count as gone");
  TestUplink raised(cloud, first);
  raised.join(7);
  CHECK(raised.ask_held().held.vector().journal_count() >= 2);
}

TEST_CASE("a database of journals without names is refused by what it is") {
  CloudProcess cloud;
  Till till("till-1");
  {
    TestUplink uplink(cloud, till);
    uplink.join(1);
  }
  cloud.kill();
  const auto connection = uplink::open_connection(cloud.postgres.url());
  CHECK_NOTHROW(prepare_cloud_tenant(*connection, "acme"));
  {
    // As a version before left it.
    pqxx::work transaction(*connection);
    transaction.exec0("UPDATE stores SET feed_opening = '' WHERE feed_number > 0");
    transaction.commit();
  }
  CHECK_THROWS_WITH(prepare_cloud_tenant(*connection, "acme"),
                    Catch::Contains("before the first release"));
}

TEST_CASE("head office's products arrive through the feed, and the feed runs on after a restart") {
  CloudProcess cloud;
  Till till("till-1");
  const std::string body = R"({"products":[{"sku":"85123A","gtins":["5012345678900"],)"
                           R"("description":"Lamp","price":"2.55","currency":"GBP"}]})";
  // For all stores before there is any: a new store's feed begins with the catalogue.
  CHECK(http(cloud.port, "PUT", "/v1/tenants/acme/products", body).json().at("stores") == 0);
  std::vector<EntryPointer> feed;
  const auto take_feed = [&](TestUplink& uplink, std::uint64_t number) {
    uplink.run_until(
        [&] {
          for (; !uplink.inbox.empty(); uplink.inbox.pop_front()) {
            const auto* push = std::get_if<uplink::ServerPush>(&uplink.inbox.front());
            if (!push) continue;
            for (const auto& bytes : push->feed_entries) {
              auto entry = till.codec.decode_entry(bytes);
              REQUIRE(entry);
              feed.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
            }
          }
          return !feed.empty() && feed.back()->envelope.id.number >= number;
        },
        "feed entry " + std::to_string(number), 1000);
  };
  {
    TestUplink uplink(cloud, till);
    CHECK(uplink.join(1).feed_number == 2);
    take_feed(uplink, 2);
    const auto answer = http(cloud.port, "PUT", cloud.store("/products"), body);
    CHECK(answer.status == 200);
    CHECK(answer.json().at("feed_number") == 3);
    take_feed(uplink, 3);
  }
  cloud.kill();
  cloud.start();
  TestUplink uplink(cloud, till);
  auto handshake = uplink.handshake(1);
  mesh::JournalItem cursor;
  cursor.journal = feed.back()->envelope.id.journal;
  cursor.item.stored = crdt::IntervalSet({{1, 3}});
  handshake.feeds = {cursor};
  uplink.send(handshake);
  const auto accepted = uplink.receive<uplink::HandshakeAccepted>();
  CHECK(accepted.feed_journal == cursor.journal);
  CHECK(http(cloud.port, "PUT", "/v1/tenants/acme/products", body).json().at("feed_number") == 4);
  take_feed(uplink, 4);

  REQUIRE(feed.size() == 4);
  mesh::VerifyContext context;
  context.tenant_store = mesh::tenant_store_hash("acme", "london-1");
  CHECK(mesh::check_entries(feed, context).accepted.size() == 4);
  for (std::size_t i = 1; i < feed.size(); ++i) {
    CHECK(feed[i]->envelope.previous_hash == feed[i - 1]->hash);
    CHECK(feed[i]->envelope.logical_clock > feed[i - 1]->envelope.logical_clock);
  }
  titan::entry::v1::Products products;
  REQUIRE(products.ParseFromString(feed[3]->envelope.body));
  CHECK(products.products(0).price().amount() == 255);
  CHECK(cloud.get(cloud.store("/products")).json().at("products").at(0).at("price") == "2.55");
}

TEST_CASE("killed in the middle of batches: sent again, every sale counts once") {
  CloudProcess cloud;
  Till till("till-1");
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 600; ++i) entries.push_back(till.sell("sku-" + std::to_string(i % 7), 1));
  std::size_t next = 0;
  std::uint32_t acknowledged = 0;
  for (int life = 0; life < 3; ++life) {
    TestUplink uplink(cloud, till);
    uplink.join(1);
    // What was acknowledged must be held.
    CHECK(uplink.ask_held_of(till.tail().journal).count() >= acknowledged);
    for (next = 0; next < entries.size() && next < (life + 1) * 200u; next += 40) {
      const std::size_t end = std::min(entries.size(), next + 40);
      uplink.send_batch({entries.begin() + static_cast<std::ptrdiff_t>(next),
                         entries.begin() + static_cast<std::ptrdiff_t>(end)});
      if (next % 80 == 0)
        acknowledged = std::max(acknowledged, uplink.receive<uplink::BatchAck>().accepted);
    }
    cloud.kill();  // with batches under way
    cloud.start();
  }
  TestUplink uplink(cloud, till);
  uplink.join(1);
  for (std::size_t i = 0; i < entries.size(); i += 100) {
    CHECK(uplink
              .upload({entries.begin() + static_cast<std::ptrdiff_t>(i),
                       entries.begin() + static_cast<std::ptrdiff_t>(i + 100)})
              .accepted == 100);
  }
  for (int i = 0; i < 7; ++i) {
    const int sold = 600 / 7 + (i < 600 % 7 ? 1 : 0);
    CHECK(cloud.stock_of("sku-" + std::to_string(i)) == std::to_string(-sold));
  }
}

TEST_CASE_METHOD(
    JoinedStore,
    "the database goes away and comes back: nothing acknowledged meanwhile, nothing lost") {
  CHECK(uplink.upload({till.sell("A", 1)}).accepted == 1);
  cloud.postgres.stop();
  const auto entry = till.sell("A", 1);
  const auto ack = uplink.upload({entry});
  CHECK(ack.accepted == 0);
  REQUIRE(ack.failures.size() == 1);
  CHECK(ack.failures[0].retryable);
  TestUplink second(cloud, till);
  second.send(second.handshake(2));
  CHECK(second.receive<uplink::HandshakeRefused>().code == uplink::RefusalCode::busy);
  wait_until([&] { return cloud.get("/healthz").status == 503; }, "the cloud to say so");
  CHECK(cloud.get(cloud.store("/stock")).status == 503);

  cloud.postgres.start();
  wait_until([&] { return uplink.upload({entry}).accepted == 1; }, "the batch to be taken");
  wait_until([&] { return cloud.get(cloud.store("/stock")).status == 200; }, "REST to answer");
  CHECK(cloud.stock_of("A") == "-2");
  // What is told to be held, after commits that failed, is what a new process reads.
  const mesh::HeldByCloud held = uplink.ask_held();
  CHECK(held.held.vector().contains(till.tail().journal, 2));
  cloud.kill();
  cloud.start();
  TestUplink again(cloud, till);
  again.join(2);
  CHECK(again.ask_held().held == held.held);
}

TEST_CASE_METHOD(JoinedStore,
                 "after a restart of the database the first call and the first batch are taken") {
  CHECK(uplink.upload({till.sell("A", 1)}).accepted == 1);
  CHECK(cloud.get(cloud.store("/stock")).status == 200);
  for (int restart = 1; restart <= 3; ++restart) {
    cloud.postgres.stop();
    cloud.postgres.start();
    const auto answer = cloud.get(cloud.store("/stock"));
    INFO("restart " << restart << ": " << answer.body);
    CHECK(answer.status == 200);
    CHECK(uplink.upload({till.sell("A", 1)}).accepted == 1);
  }
  CHECK(cloud.stock_of("A") == "-4");
}

TEST_CASE_METHOD(JoinedStore, "a store gets back the entries it lost") {
  Till other("till-2");
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 30; ++i) entries.push_back(other.sell("A", 1));
  CHECK(uplink.upload(entries).accepted == 30);
  uplink::EntriesWanted wanted;
  wanted.request = 3;
  wanted.bytes_max = 1'000'000;
  wanted.wanted = {{other.tail().journal, crdt::IntervalSet({{5, 9}, {30, 30}})}};
  uplink.send(wanted);
  const auto lost = uplink.receive<uplink::LostEntries>();
  CHECK(lost.request == 3);
  CHECK(lost.last);
  REQUIRE(lost.entries.size() == 6);
  CHECK(lost.entries.front() == entries[4]->bytes);
  CHECK(lost.entries.back() == entries[29]->bytes);
  CHECK(std::count(lost.device_keys.begin(), lost.device_keys.end(), other.key.public_key) == 1);
}

TEST_CASE_METHOD(JoinedStore, "REST refuses what is wrong, by name, and applies nothing of it") {
  CHECK(http(cloud.port, "GET", "/v1/tenants/acme/stores", "", "wrong").status == 401);
  CHECK(cloud.get("/v1/tenants/nobody/stores").status == 404);
  CHECK(cloud.get(cloud.store("/stock", "nowhere")).status == 404);
  CHECK(cloud.get(cloud.store("/stock/never")).status == 404);
  CHECK(cloud.get(cloud.store("/stock?limit=0")).status == 400);
  CHECK(cloud.get(cloud.store("/stock?colour=red")).status == 400);
  CHECK(cloud.get(cloud.store("/sales?from=yesterday")).status == 400);
  CHECK(cloud.get(cloud.store("/sales?from=2011-10-06")).status == 200);
  CHECK(cloud.get("/nothing").status == 404);
  const auto put = [&](const std::string& body, const std::string& type = "application/json") {
    return http(cloud.port, "PUT", cloud.store("/products"), body, "admin-key-1", type);
  };
  CHECK(put("{").status == 400);
  CHECK(put("{}", "text/csv").status == 415);
  CHECK(put(R"({"products":[]})").status == 400);
  const auto typo = put(R"({"products":[{"sku":"A"},{"sku":"B","prize":"1"}]})");
  CHECK(typo.status == 400);
  CHECK(typo.json().at("error").at("field") == "products[1].prize");
  // What no till could sell, each of it by name.
  const auto two =
      put(R"({"products":[{"sku":"A","currency":"gbp"},)"
          R"({"sku":"0123456789012345678901234567890123456789012345678901234567890123456789"}]})");
  CHECK(two.status == 400);
  const auto faults = two.json().at("error").at("faults").as_array();
  REQUIRE(faults.size() == 2);
  CHECK(faults.at(0).at("row") == "products[0]");
  CHECK(faults.at(0).at("column") == "currency");
  CHECK(faults.at(1).at("row") == "products[1]");
  CHECK(faults.at(1).at("column") == "sku");
  CHECK(put(R"({"products":[{"sku":"A","price":"x"}]})").status == 400);
  CHECK(cloud.get(cloud.store("/products")).json().at("products").as_array().empty());

  // The defaults are the till's, and what a list does not say stays as it is.
  const auto first = [&] {
    return cloud.get(cloud.store("/products")).json().at("products").at(0);
  };
  CHECK(
      put(R"({"products":[{"sku":"A","price":"10.00","gtins":["4006381333931"],)"
          R"("low_stock":"0","taxes":[{"code":"GST","rate":"5"},{"code":"QST","rate":"9.975"}]}]})")
          .status == 200);
  CHECK(first().at("tax_included") == true);
  const auto dearer = put(R"({"products":[{"sku":"A","price":11.005}]})");
  CHECK(dearer.status == 200);
  CHECK(dearer.json().at("warning_count") == 1);
  CHECK(first().at("price") == "11.005");
  CHECK(first().at("gtins").as_array().size() == 1);
  CHECK(first().at("low_stock") == "0");
  CHECK(first().at("taxes").at(1).at("rate") == "9.975");
  CHECK(http(cloud.port, "PUT", cloud.store("/products") + "?mode=replace",
             R"({"products":[{"sku":"A","price":"12.00"}]})", "admin-key-1", "application/json")
            .status == 200);
  CHECK(first().at("gtins").as_array().empty());
  CHECK(first().at("low_stock").is_null());
}

TEST_CASE_METHOD(JoinedStore, "told to stop it says goodbye and ends politely within a second") {
  CHECK(cloud.terminate(1000) == 0);
  CHECK(uplink.receive<uplink::Closing>().code == uplink::ClosingCode::shutting_down);
}

TEST_CASE("over TLS: a trusted cloud gets the sales, a stranger's certificate none") {
  CloudProcess cloud(true);
  Till till("till-1");
  TestUplink uplink(cloud, till);
  CHECK(uplink.join(1).cloud_key == cloud.key);
  CHECK(uplink.upload({till.sell("A", 1)}).accepted == 1);
  TestUplink wary(cloud, till, "");  // trusts the system's authorities only
  CHECK_FALSE(wary.open);
  CHECK(wary.closed.find("certificate") != std::string::npos);
}

TEST_CASE_METHOD(JoinedStore, "more batches than the window allows end the connection") {
  const auto entry = till.sell("A", 1);
  for (int i = 0; i < 200; ++i) uplink.send_batch({entry});
  uplink.run_until([&] { return !uplink.open; }, "the connection to be closed");
  CHECK(cloud.get("/healthz").status == 200);
}

}  // namespace
}  // namespace titan::cloud
