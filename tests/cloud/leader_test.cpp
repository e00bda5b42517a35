// The leader's real uplink (UploadSession over WebSocketClient) against a real cloud that is
// killed, whose database is killed, and whose lease another leader takes.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/cloud/cloud_process.h"
#include "tests/uplink/till.h"
#include "uplink/upload_session.h"
#include "uplink/websocket/websocket_client.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::cloud {
namespace {

using test::CloudProcess;
using test::EntryPointer;
using test::Till;
using Clock = std::chrono::steady_clock;

// A host as the daemon is one, with its disk in memory.
class Leader {
 public:
  Leader(const CloudProcess& cloud, const std::string& name)
      : till(name), session_(config(cloud, name), till.codec, Random(11), now()) {
    uplink::WebSocketHandlers handlers;
    handlers.on_connected = [this](std::uint64_t n) { session_.on_connected(now(), n); };
    handlers.on_message = [this](std::uint64_t n, const Bytes& bytes) {
      const auto message = uplink::decode_to_store(bytes);
      REQUIRE(message);
      session_.on_message(now(), n, *message);
    };
    handlers.on_closed = [this](std::uint64_t n, const std::string& why) {
      session_.on_closed(now(), n, why);
    };
    const auto url = uplink::CloudUrl::parse("ws://127.0.0.1:" + std::to_string(cloud.port));
    REQUIRE(url);
    client_ = std::move(*uplink::WebSocketClient::make(loop_, *url, "", std::move(handlers)));
  }

  void lead(std::uint64_t term) {
    session_.lead(now(), {term, till.process}, stored, held_by_cloud.held);
    carry_out();
  }
  void follow() {
    session_.follow(now());
    carry_out();
  }
  void sell(const std::string& sku) {
    const EntryPointer entry = till.sell(sku, 1);
    keep(entry);
    session_.on_stored(now(), std::span(&entry, 1));
    carry_out();
  }
  void keep(const EntryPointer& entry) {
    test::add(stored, *entry);
    disk.push_back(entry);
  }
  void run_for(int milliseconds) {
    loop_.restart();
    loop_.run_one_for(std::chrono::milliseconds(milliseconds));
    session_.on_tick(now());
    carry_out();
    session_.check_invariants();
  }
  uplink::UplinkStatus status() const { return session_.status(); }
  void run_until(const std::function<bool()>& condition, const std::string& what) {
    const auto limit = Clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (Clock::now() > limit) {
        FAIL("waited for " << what << "; uplink " << to_string(status().state) << " "
                           << status().message << ", pending " << status().pending_entries);
      }
      run_for(2);
    }
  }
  void run_until_uploaded() {
    run_until(
        [&] {
          // Until the cloud has told what it holds nobody knows what is to be fetched.
          return status().state == uplink::UplinkState::up && held_by_cloud.is_known() &&
                 status().pending_entries == 0 && status().to_fetch == 0;
        },
        "everything to be uploaded");
  }

  Till till;
  crdt::VersionVector stored;
  mesh::HeldByCloud held_by_cloud;
  std::vector<EntryPointer> disk;
  std::optional<uplink::LeaseRefused> refused;
  std::uint64_t watermarks = 0;

 private:
  static uplink::UplinkConfig config(const CloudProcess& cloud, const std::string& name) {
    uplink::UplinkConfig config;
    config.tenant = "acme";
    config.store = "london-1";
    config.terminal = name;
    config.access_key = "access-key-1";
    config.device_key = test::key_of(name).public_key;
    config.cloud_key = cloud.key;
    return config;
  }
  static Now now() {
    using namespace std::chrono;
    return {{duration_cast<Duration>(Clock::now().time_since_epoch())},
            {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()}};
  }
  void carry_out() {
    for (auto effects = session_.take_effects(); !effects.empty();
         effects = session_.take_effects()) {
      for (auto& effect : effects) carry_out(effect);
    }
  }
  void carry_out(uplink::UplinkEffect& effect) {
    if (const auto* connect = std::get_if<uplink::Connect>(&effect)) {
      client_->connect(connect->connection);
    } else if (const auto* end = std::get_if<uplink::Disconnect>(&effect)) {
      client_->disconnect(end->connection, end->reason);
    } else if (const auto* sent = std::get_if<uplink::SendToCloud>(&effect)) {
      client_->send(sent->connection, uplink::encode(sent->message, till.key));
    } else if (const auto* read = std::get_if<uplink::ReadEntries>(&effect)) {
      std::vector<Bytes> found;
      for (const auto& entry : disk) {
        const auto& id = entry->envelope.id;
        if (id.journal == read->journal && read->numbers.contains(id.number)) {
          found.push_back(entry->bytes);
        }
      }
      session_.on_read(now(), read->id, found);
    } else if (const auto* entries = std::get_if<uplink::CloudEntries>(&effect)) {
      take(*entries);
    } else if (const auto* lease = std::get_if<uplink::LeaseRefused>(&effect)) {
      refused = *lease;
    } else if (const auto* told = std::get_if<uplink::CloudWatermark>(&effect)) {
      CHECK(held_by_cloud.place() <= told->held.place());
      held_by_cloud = told->held;
      ++watermarks;
    }
  }
  // What the node does with entries from the cloud: store those it lacks.
  void take(const uplink::CloudEntries& entries) {
    std::vector<EntryPointer> fresh;
    for (const auto& bytes : entries.entries) {
      auto entry = till.codec.decode_entry(bytes);
      REQUIRE(entry);
      const auto& id = entry->envelope.id;
      if (stored.contains(id.journal, id.number)) continue;
      fresh.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
      keep(fresh.back());
    }
    session_.on_stored(now(), fresh);
  }

  boost::asio::io_context loop_{1};
  uplink::UploadSession session_;
  std::unique_ptr<uplink::WebSocketClient> client_;
};

TEST_CASE("sales arrive once each through kills of the cloud and of its database") {
  CloudProcess cloud;
  Leader leader(cloud, "till-1");
  leader.lead(1);
  for (int i = 0; i < 900; ++i) {
    leader.sell("sku-" + std::to_string(i % 3));
    if (i % 5 == 0) leader.run_for(1);
    if (i == 300) {
      cloud.kill();
      cloud.start();
    }
    if (i == 600) cloud.postgres.stop();
    if (i == 700) cloud.postgres.start();
  }
  leader.run_until_uploaded();
  for (int i = 0; i < 3; ++i) CHECK(cloud.stock_of("sku-" + std::to_string(i)) == "-300");
  leader.run_until([&] { return leader.watermarks > 1; }, "a watermark");
}

TEST_CASE("a new leader is accepted within half a second of the old one's death") {
  CloudProcess cloud;
  auto first = std::make_unique<Leader>(cloud, "till-1");
  first->lead(1);
  first->sell("A");
  first->run_until_uploaded();
  Leader second(cloud, "till-2");
  for (const auto& entry : first->disk) second.keep(entry);
  first.reset();
  const auto died = Clock::now();
  second.lead(2);
  second.run_until([&] { return second.status().state == uplink::UplinkState::up; }, "acceptance");
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - died);
  INFO("accepted after " << took.count() << " ms");
  CHECK(took.count() < 500);
}

TEST_CASE(
    "split in two, the cloud in reach of both: one uplink, the other side waits and catches up") {
  CloudProcess cloud;
  Leader high(cloud, "till-1");
  Leader low(cloud, "till-2");
  high.lead(6);
  high.run_until_uploaded();
  low.lead(5);
  low.sell("B");
  low.run_until([&] { return low.refused.has_value(); }, "the refusal");
  CHECK(low.refused->holder.term == 6);
  CHECK_FALSE(low.refused->holder_gone);
  high.sell("A");
  high.run_until_uploaded();
  CHECK(low.status().state == uplink::UplinkState::refused);
  CHECK(low.status().pending_entries > 0);
  // The other side goes home; its leader says goodbye, so this side need not wait 5 s.
  high.follow();
  const auto left = Clock::now();
  low.run_until(
      [&] {
        high.run_for(1);
        return low.refused->holder_gone;
      },
      "the holder to be gone");
  CHECK(Clock::now() - left < std::chrono::seconds(4));
  low.lead(7);
  low.run_until_uploaded();
  CHECK(cloud.stock_of("A") == "-1");
  CHECK(cloud.stock_of("B") == "-1");
}

TEST_CASE("a one-till store with a new disk gets everything back") {
  CloudProcess cloud;
  Leader burnt(cloud, "till-1");
  burnt.lead(1);
  for (int i = 0; i < 400; ++i) burnt.sell("A");
  burnt.run_until_uploaded();
  burnt.follow();
  Leader fresh(cloud, "till-1b");
  fresh.lead(2);
  fresh.run_until_uploaded();
  // Its own entries and the feed's.
  CHECK(fresh.stored.entry_count() >= 400);
  const auto* item = fresh.stored.find(burnt.till.tail().journal);
  REQUIRE(item);
  CHECK(item->stored == crdt::IntervalSet({{1, 400}}));
  fresh.sell("A");
  fresh.run_until_uploaded();
  CHECK(cloud.stock_of("A") == "-401");
}

}  // namespace
}  // namespace titan::cloud
