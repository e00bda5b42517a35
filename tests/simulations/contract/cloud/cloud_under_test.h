// The cloud as its contract tests see it: stores connect through a load balancer and speak the
// uplink's protocol by hand. Behind it stands the simulator's model or real titan-cloud processes
// on one PostgreSQL; the cases know neither. Single-threaded.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/overloaded.h"
#include "crdt/stock.h"
#include "mesh/entry/verify.h"
#include "mesh/watermark/signing.h"
#include "mesh/watermark/watermark_follower.h"
#include "tests/uplink/till.h"
#include "uplink/messages.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::test {

inline constexpr const char* contract_tenant = "acme";
inline constexpr const char* contract_store = "london-1";

class UplinkUnderTest;

class CloudUnderTest {
 public:
  virtual ~CloudUnderTest() = default;

  // Each connection goes to the next gateway in turn. It stands when this returns.
  virtual std::unique_ptr<UplinkUnderTest> connect(const Till& till) = 0;
  // All gateways are killed and started again.
  virtual void restart() = 0;
  // Head office empties the store's lease row and opens its next epoch; done when this returns.
  virtual void reset_lease() = 0;
  // The first gateway does nothing for so long.
  virtual void stall_first_gateway(Duration length) = 0;
  // Head office changes so many products, all in one go.
  virtual void change_products(std::uint32_t count) = 0;

  virtual PublicKey key() const = 0;
  virtual std::string access_key() const = 0;
  // What is projected.
  virtual std::map<JournalId, crdt::IntervalSet> held() = 0;
  virtual crdt::Stock::Sums stock() = 0;

  using Condition = std::function<bool()>;
  // Lets time pass until it holds; fails with `what` when `limit` runs out.
  void run_until(const Condition& condition, const std::string& what,
                 Duration limit = seconds(30)) {
    wait(condition, what, limit);
  }
  // Of the cloud's or the model's clock.
  virtual Duration now() const = 0;
  void let_pass(Duration length) {
    const Duration end = now() + length;
    run_until([&] { return now() >= end; }, "time to pass", length + seconds(30));
  }
  bool holds(const std::vector<EntryPointer>& entries) {
    auto numbers = held();
    return std::all_of(entries.begin(), entries.end(), [&](const auto& entry) {
      return numbers[entry->envelope.id.journal].contains(entry->envelope.id.number);
    });
  }

 protected:
  virtual void wait(const Condition& condition, const std::string& what, Duration limit) = 0;
};

// One connection of a store, which follows what the cloud holds: it asks where it was not told.
class UplinkUnderTest {
 public:
  UplinkUnderTest(CloudUnderTest& cloud, const Till& till)
      : cloud_(cloud),
        till_(till),
        follower_(till.codec, contract_tenant, contract_store, cloud.key()) {}
  virtual ~UplinkUnderTest() = default;

  void send(const uplink::ToCloud& message) { send_signed_by(message, till_.key); }
  void send_signed_by(const uplink::ToCloud& message, const KeyPair& key) {
    send_bytes(uplink::encode(message, key));
  }
  virtual void close(const std::string& reason) = 0;
  virtual bool is_open() const = 0;

  election::Token token(std::uint64_t term) const { return {term, till_.process}; }
  const uplink::Nonce& nonce() {
    if (nonce_.is_none()) nonce_ = receive<uplink::Challenge>().nonce;
    return nonce_;
  }
  uplink::Handshake handshake(std::uint64_t term) {
    uplink::Handshake message;
    message.tenant = contract_tenant;
    message.store = contract_store;
    message.device_key = till_.key.public_key;
    message.token = token(term);
    message.terminal = "till";
    message.access_key = cloud_.access_key();
    message.nonce = nonce();
    return message;
  }
  uplink::HandshakeAccepted join(std::uint64_t term) {
    send(handshake(term));
    return receive<uplink::HandshakeAccepted>();
  }
  uplink::HandshakeRefused try_to_join(std::uint64_t term) {
    send(handshake(term));
    return receive<uplink::HandshakeRefused>();
  }
  void send_batch(const std::vector<EntryPointer>& entries,
                  const std::vector<PublicKey>& device_keys = {}) {
    uplink::Batch batch;
    batch.device_keys = device_keys;
    batch.sequence = ++sequence_;
    for (const auto& entry : entries) batch.entries.push_back(entry->bytes);
    send(batch);
  }
  uplink::BatchAck upload(const std::vector<EntryPointer>& entries,
                          const std::vector<PublicKey>& device_keys = {}) {
    send_batch(entries, device_keys);
    const auto ack = receive<uplink::BatchAck>();
    CHECK(ack.sequence == sequence_);
    return ack;
  }
  void renew() { send(uplink::LeaseRenewal{++renewals_, 0, 1}); }

  // The first message of this kind; others stay in the inbox.
  template <class Message>
  Message receive(Duration limit = seconds(20)) {
    const auto fits = [](const auto& m) { return std::holds_alternative<Message>(m); };
    cloud_.run_until([&] { return std::any_of(inbox_.begin(), inbox_.end(), fits); },
                     std::string("a message of type ") + typeid(Message).name(), limit);
    const auto found = std::find_if(inbox_.begin(), inbox_.end(), fits);
    Message message = std::get<Message>(std::move(*found));
    inbox_.erase(found);
    return message;
  }
  // The newest watermark that the cloud told on this connection.
  const mesh::WatermarkStatement& watermark() const { return watermark_; }
  // Before it joins: what the store thinks that the cloud holds.
  void guess(const crdt::RootedVector& held) { follower_.begin_at(held); }
  // What the store knows the cloud to hold, once it knows it.
  const mesh::HeldByCloud& held_by_cloud() {
    cloud_.run_until([&] { return follower_.known().is_known() && !follower_.is_catching_up(); },
                     "the cloud to tell what it holds");
    return follower_.known();
  }
  crdt::IntervalSet held_of(const JournalId& journal) {
    const auto* item = held_by_cloud().held.vector().find(journal);
    return item == nullptr ? crdt::IntervalSet() : item->stored;
  }
  // All that the store was told because it asked.
  const std::vector<mesh::WatermarkSlice>& slices() const { return slices_; }
  // All entries of the feed that came, in that order.
  const std::vector<mesh::Entry>& feed() const { return feed_; }
  void wait_for_watermark(const std::vector<EntryPointer>& entries) {
    cloud_.run_until([&] { return is_marked(entries); }, "a watermark over these entries");
  }
  void wait_until_closed() {
    cloud_.run_until([&] { return !is_open(); }, "the cloud to end the connection");
  }

 protected:
  virtual void send_bytes(Bytes message) = 0;
  void on_message(BytesView bytes) {
    auto message = uplink::decode_to_store(bytes);
    REQUIRE(message);
    if (const auto* accepted = std::get_if<uplink::HandshakeAccepted>(&*message)) {
      on_update({accepted->watermark, {}, {}});
    }
    if (const auto* push = std::get_if<uplink::ServerPush>(&*message)) {
      if (push->watermark) on_update(*push->watermark);
      for (const Bytes& entry : push->feed_entries) {
        auto decoded = till_.codec.decode_entry(entry);
        REQUIRE(decoded);
        feed_.push_back(std::move(*decoded));
      }
      return;
    }
    const auto* slice = std::get_if<mesh::WatermarkSlice>(&*message);
    if (slice != nullptr && follower_.is_catching_up()) return on_slice(*slice);
    inbox_.push_back(std::move(*message));  // also a slice that the test itself asked for
  }

 private:
  using Outcome = mesh::WatermarkFollower::Outcome;

  // Every one is signed, of this store, and none comes after a later one.
  void check(const mesh::Watermark& watermark) {
    CHECK(mesh::watermark_verifies(watermark, cloud_.key()));
    const auto statement = till_.codec.decode_watermark_statement(watermark.statement);
    REQUIRE(statement);
    CHECK(statement->tenant == contract_tenant);
    CHECK(statement->store == contract_store);
    CHECK(statement->sequence >= watermark_.sequence);
    watermark_ = *statement;
  }
  // Not what was only guessed.
  crdt::VersionVector told() const {
    return follower_.known().is_known() ? follower_.known().held.vector() : crdt::VersionVector();
  }
  // One that comes while slices do begins at what is not known here yet.
  void on_update(const mesh::WatermarkUpdate& update) {
    check(update.watermark);
    if (follower_.is_catching_up()) return;
    const crdt::VersionVector before = told();
    const Outcome outcome = follower_.take(update);
    if (outcome == Outcome::unknown_base) return send(follower_.catch_up());
    on_told(outcome, before);
  }
  void on_slice(const mesh::WatermarkSlice& slice) {
    check(slice.watermark);
    slices_.push_back(slice);
    const crdt::VersionVector before = told();
    std::visit(Overloaded{
                   [&](const mesh::WatermarkRequest& next) { send(next); },
                   [&](Outcome outcome) { on_told(outcome, before); },
               },
               follower_.take(slice));
  }
  // Each tells something new, and none tells less than the one before.
  void on_told(Outcome outcome, const crdt::VersionVector& before) {
    CHECK(outcome == Outcome::taken);
    CHECK(crdt::missing(follower_.known().held.vector(), before).empty());
  }
  bool is_marked(const std::vector<EntryPointer>& entries) const {
    return std::all_of(entries.begin(), entries.end(), [&](const auto& entry) {
      const mesh::EntryId& id = entry->envelope.id;
      return follower_.known().held.vector().contains(id.journal, id.number);
    });
  }

  CloudUnderTest& cloud_;
  const Till& till_;
  std::deque<uplink::ToStore> inbox_;
  mesh::WatermarkFollower follower_;
  mesh::WatermarkStatement watermark_;
  std::vector<mesh::WatermarkSlice> slices_;
  std::vector<mesh::Entry> feed_;
  std::uint64_t sequence_ = 0;
  std::uint64_t renewals_ = 0;
  uplink::Nonce nonce_;
};

}  // namespace titan::test
