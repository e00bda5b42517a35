// An upload session in virtual time, with its clock, its disk and a cloud that says what it holds;
// each step answers with the trace of what it caused.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "mesh/watermark/signing.h"
#include "mesh/watermark/telling.h"
#include "mesh/wire/wire_codec.h"
#include "tests/uplink/till.h"
#include "uplink/upload_session.h"

namespace titan::uplink::testing {

using test::EntryPointer;
using test::Till;

inline UplinkConfig config() {
  UplinkConfig config;
  config.tenant = "acme";
  config.store = "london-1";
  config.terminal = "till-1";
  config.access_key = "secret";
  config.device_key = test::key_of("till-1").public_key;
  config.cloud_key = test::key_of("cloud").public_key;
  config.window.batch_entries_max = 4;
  config.window.batches_in_flight_max = 2;
  return config;
}

class Stage {
 public:
  explicit Stage(UplinkConfig settings = config())
      : session(settings, till.codec, Random(7), now), settings_(settings) {}

  std::string effects() {
    std::string trace;
    for (const auto& effect : session.take_effects()) {
      trace += describe(effect) + "\n";
      if (const auto* connect = std::get_if<Connect>(&effect)) connection = connect->connection;
      if (const auto* sent = std::get_if<SendToCloud>(&effect)) {
        if (const auto* batch = std::get_if<Batch>(&sent->message)) batches.push_back(*batch);
        if (const auto* wanted = std::get_if<EntriesWanted>(&sent->message)) request = *wanted;
        if (const auto* shaken = std::get_if<Handshake>(&sent->message)) handshake = *shaken;
        if (const auto* asked = std::get_if<mesh::WatermarkRequest>(&sent->message)) {
          slices_wanted.push_back(*asked);
        }
      }
      if (const auto* read = std::get_if<ReadEntries>(&effect)) reads.push_back(*read);
    }
    session.check_invariants();
    return trace;
  }
  std::string lead(std::uint64_t term = 1) {
    session.lead(now, {term, till.process}, stored, known_held);
    return effects();
  }
  std::string connected() {
    session.on_connected(now, connection);
    CHECK(effects().empty());  // the cloud speaks first
    return hears(Challenge{nonce});
  }
  std::string hears(const ToStore& message) {
    session.on_message(now, connection, message);
    return effects();
  }
  // The cloud holds `held` from now on; what it signs of that.
  mesh::Watermark watermark_of(const crdt::VersionVector& held) {
    cloud_holds.become(held);
    return mesh::sign_watermark(till.codec, test::key_of("cloud"),
                                {.epoch = 1,
                                 .sequence = ++cloud_sequence,
                                 .tenant = settings_.tenant,
                                 .store = settings_.store,
                                 .root = cloud_holds.root(),
                                 .entries = held.entry_count()});
  }
  HandshakeAccepted acceptance(const crdt::VersionVector& held = {}) {
    HandshakeAccepted message;
    message.watermark = watermark = watermark_of(held);
    message.cloud_key = settings_.cloud_key;
    message.feed_journal = *JournalId::from_bytes(Bytes(16, 'f'));
    message.batch_entries_max = 100;
    message.window_batches = 100;
    message.lease_ms = 5000;
    return message;
  }
  // And answers what is asked about it.
  std::string accepted(const crdt::VersionVector& held = {}) {
    const std::string trace = hears(acceptance(held));
    return trace + slices_answered();
  }
  std::string slices_answered() {
    std::string trace;
    while (!slices_wanted.empty()) {
      const mesh::WatermarkRequest asked = slices_wanted.front();
      slices_wanted.erase(slices_wanted.begin());
      trace += hears(mesh::slice_for(asked, watermark, cloud_holds));
    }
    return trace;
  }
  ServerPush push_of(const crdt::VersionVector& held) {
    const crdt::RootedVector base = cloud_holds;
    watermark = watermark_of(held);
    ServerPush push;
    push.watermark = mesh::update_from(base, watermark, cloud_holds);
    return push;
  }
  std::string up(const crdt::VersionVector& held = {}) {
    lead();
    connected();
    return accepted(held);
  }
  std::string sells(int entries) {
    std::vector<EntryPointer> fresh;
    for (int i = 0; i < entries; ++i) fresh.push_back(keep(till.sell("A", 1)));
    session.on_stored(now, fresh);
    return effects();
  }
  EntryPointer keep(EntryPointer entry) {
    test::add(stored, *entry);
    disk.push_back(entry);
    return entry;
  }
  std::string reads_answered() {
    std::string trace;
    while (!reads.empty()) {
      const ReadEntries read = reads.front();
      reads.erase(reads.begin());
      std::vector<Bytes> found;
      for (const auto& entry : disk) {
        const auto& id = entry->envelope.id;
        if (id.journal == read.journal && read.numbers.contains(id.number)) {
          found.push_back(entry->bytes);
        }
      }
      session.on_read(now, read.id, found);
      trace += effects();
    }
    return trace;
  }
  std::string acks(std::vector<EntryFailure> failures = {}) {
    REQUIRE_FALSE(batches.empty());
    const Batch batch = batches.front();
    batches.erase(batches.begin());
    const auto size = static_cast<std::uint32_t>(batch.entries.size());
    return hears(BatchAck{batch.sequence, size, std::move(failures)});
  }
  std::string after(Duration duration) {
    now.mono = now.mono + duration;
    now.wall.utc_ms += std::chrono::duration_cast<milliseconds>(duration).count();
    session.on_tick(now);
    return effects();
  }
  // Ticks at every deadline until `limit` has passed.
  std::string runs(Duration limit) {
    const MonoTime end = now.mono + limit;
    std::string trace;
    while (session.next_deadline() <= end) {
      trace += after(std::max(session.next_deadline() - now.mono, Duration(0)));
    }
    return trace + after(end - now.mono);
  }

  Now now{{seconds(100)}, {1'317'888'000'000}};
  Till till{"till-1"};
  crdt::VersionVector stored;
  std::vector<EntryPointer> disk;
  UploadSession session;
  std::uint64_t connection = 0;
  std::vector<Batch> batches;
  std::vector<ReadEntries> reads;
  EntriesWanted request;
  Handshake handshake;
  std::vector<mesh::WatermarkRequest> slices_wanted;
  crdt::RootedVector known_held;  // by the node, when it begins to lead
  crdt::RootedVector cloud_holds;
  mesh::Watermark watermark;  // the last that it signed
  std::uint64_t cloud_sequence = 0;
  const Nonce nonce = *Nonce::from_bytes(Bytes(16, 'n'));

 private:
  UplinkConfig settings_;
};

}  // namespace titan::uplink::testing
