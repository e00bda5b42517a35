#include "tests/cloud/test_uplink.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "base/overloaded.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::test {

TestUplink::TestUplink(const CloudProcess& cloud, const Till& till,
                       std::optional<std::string> ca_file)
    : till_(till), cloud_key_(cloud.key) {
  uplink::CloudUrl url;
  url.tls = cloud.tls();
  url.host = "127.0.0.1";
  url.port = std::to_string(cloud.port);
  url.target = "/v1/uplink";
  uplink::WebSocketHandlers handlers;
  handlers.on_connected = [this](std::uint64_t) { open = true; };
  handlers.on_message = [this](std::uint64_t, Bytes bytes) {
    auto message = uplink::decode_to_store(bytes);
    REQUIRE(message);
    inbox.push_back(std::move(*message));
  };
  handlers.on_closed = [this](std::uint64_t, const std::string& why) {
    open = false;
    closed = why;
  };
  client_ = std::move(*uplink::WebSocketClient::make(
      loop_, url, ca_file.value_or(cloud.tls() ? cloud.certificate() : ""), std::move(handlers)));
  client_->connect(1);
  run_until([&] { return open || !closed.empty(); }, "a connection");
  if (open) nonce = receive<uplink::Challenge>().nonce;
}

void TestUplink::run_until(const std::function<bool()>& condition, const std::string& what,
                           int limit_ms) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) {
      FAIL("waited for " << what << "; closed: '" << closed
                         << "', messages waiting: " << inbox.size());
    }
    loop_.restart();
    loop_.run_one_for(std::chrono::milliseconds(20));
  }
}

void TestUplink::send_signed_by(const uplink::ToCloud& message, const KeyPair& key) {
  client_->send(1, uplink::encode(message, key));
}

void TestUplink::disconnect(const std::string& why) {
  client_->disconnect(1, why);
  for (int i = 0; i < 20; ++i) {
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(5));
  }
}

uplink::Handshake TestUplink::handshake(std::uint64_t term, const std::string& store) const {
  uplink::Handshake message;
  message.tenant = "acme";
  message.store = store;
  message.device_key = till_.key.public_key;
  message.token = {term, till_.process};
  message.terminal = "till";
  message.access_key = "access-key-1";
  message.nonce = nonce;
  return message;
}

uplink::HandshakeAccepted TestUplink::join(std::uint64_t term, const std::string& store) {
  send(handshake(term, store));
  return receive<uplink::HandshakeAccepted>();
}

void TestUplink::send_batch(const std::vector<EntryPointer>& entries) {
  uplink::Batch batch;
  batch.sequence = ++sequence_;
  for (const auto& entry : entries) batch.entries.push_back(entry->bytes);
  send(batch);
}

uplink::BatchAck TestUplink::upload(const std::vector<EntryPointer>& entries) {
  send_batch(entries);
  return receive<uplink::BatchAck>();
}

mesh::HeldByCloud TestUplink::ask_held() {
  using Outcome = mesh::WatermarkFollower::Outcome;
  mesh::WatermarkFollower follower(till_.codec, "acme", "london-1", cloud_key_);
  send(follower.catch_up());
  while (follower.is_catching_up()) {
    std::visit(Overloaded{
                   [&](const mesh::WatermarkRequest& next) { send(next); },
                   [&](Outcome outcome) { REQUIRE(outcome == Outcome::taken); },
               },
               follower.take(receive<mesh::WatermarkSlice>()));
  }
  return follower.known();
}

crdt::IntervalSet TestUplink::ask_held_of(const JournalId& journal) {
  const mesh::HeldByCloud known = ask_held();
  const auto* item = known.held.vector().find(journal);
  return item == nullptr ? crdt::IntervalSet() : item->stored;
}

}  // namespace titan::test
