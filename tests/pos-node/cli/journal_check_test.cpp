// The journals of a terminal checked as a stranger would: what is told of each kind of fault.
#include <catch2/catch.hpp>

#include "mesh/journal/journal_writer.h"
#include "mesh/wire/wire_codec.h"
#include "pos-node/cli/journal_check.h"

using namespace titan;
using namespace titan::pos;

namespace {

KeyPair key_of(std::uint8_t seed) {
  SecretSeed secret;
  secret.bytes.fill(seed);
  return KeyPair::from_seed(secret);
}

// A journal of five entries, receipts 8, 9 and 10 among them.
struct Written {
  explicit Written(std::uint8_t seed = 1) : random(seed) {
    store = blake2b("store");
    mesh::JournalWriter writer(codec, key_of(seed), ProcessId::draw(random),
                               {"till-1", store, {}, 1}, {}, 7, 0, random);
    for (int i = 0; i < 5; ++i) {
      mesh::EntryDraft draft;
      draft.kind = i < 3 ? mesh::Kind::sale : mesh::Kind::delivery;
      draft.wants_receipt = i < 3;
      draft.time = {1317888900000 + i};
      draft.body = "body";
      entries.push_back(*writer.write(draft).value());
    }
    journal = entries[0].envelope.id.journal;
  }

  JournalVerdict check() {
    std::map<DeviceId, PublicKey> keys;
    JournalCheck checker(journal, store, keys);
    for (const auto& entry : entries) checker.add(entry.bytes, entry.hash.hex());
    return checker.finish();
  }

  mesh::WireCodec codec;
  Random random;
  Hash store;
  JournalId journal;
  std::vector<mesh::Entry> entries;
};

bool mentions(const JournalVerdict& verdict, const std::string& part) {
  for (const std::string& fault : verdict.faults) {
    if (fault.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a journal as it was written is good") {
  const auto verdict = Written().check();
  if (!verdict.is_good()) FAIL(verdict.faults.front());
  CHECK(verdict.terminal == "till-1");
  CHECK(verdict.entries == 5);
  CHECK(verdict.first_receipt == 8);
  CHECK(verdict.last_receipt == 10);
  CHECK(verdict.missing == 0);
  CHECK(verdict.signatures_checked);
}

TEST_CASE("a changed byte is found") {
  Written written;
  auto& bytes = written.entries[2].bytes;
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  CHECK_FALSE(written.check().is_good());
}

TEST_CASE("an exchanged entry breaks the chain, another device's key the signature") {
  Written written;
  Written other(2);
  written.entries[3] = other.entries[3];
  CHECK(mentions(written.check(), "another journal"));
  written.store = blake2b("elsewhere");
  CHECK(mentions(written.check(), "another store"));
}

TEST_CASE("a missing entry is counted, not blamed; a repeated one is") {
  Written written;
  written.entries.erase(written.entries.begin() + 3);
  auto verdict = written.check();
  CHECK(verdict.is_good());
  CHECK(verdict.missing == 1);
  written.entries.push_back(written.entries.back());
  CHECK(mentions(written.check(), "forked"));
}

TEST_CASE("without number 1 nothing can be said of signatures") {
  Written written;
  written.entries.erase(written.entries.begin());
  const auto verdict = written.check();
  CHECK_FALSE(verdict.signatures_checked);
  CHECK(verdict.missing == 1);
}

TEST_CASE("a receipt number left out is found") {
  Written first;
  // The same device's writer, told that number 11 was used already.
  mesh::JournalWriter writer(first.codec, key_of(1), ProcessId::draw(first.random),
                             {"till-1", first.store, {}, 1}, {}, 7, 0, first.random);
  std::vector<mesh::Entry> entries;
  for (int i = 0; i < 2; ++i) {
    mesh::EntryDraft draft;
    draft.kind = mesh::Kind::sale;
    draft.wants_receipt = true;
    entries.push_back(*writer.write(draft).value());
  }
  // Forge the second: same place, a receipt number further on, properly signed.
  mesh::Envelope forged = entries[1].envelope;
  forged.receipt->number = 10;
  const Bytes envelope = first.codec.encode_envelope(forged);
  const Bytes bytes =
      first.codec.encode_signed_entry(envelope, sign(key_of(1), "titan-entry-1" + envelope));
  std::map<DeviceId, PublicKey> keys;
  JournalCheck checker(entries[0].envelope.id.journal, first.store, keys);
  checker.add(entries[0].bytes, entries[0].hash.hex());
  checker.add(bytes, blake2b(bytes).hex());
  const auto verdict = checker.finish();
  REQUIRE(verdict.faults.size() == 1);
  CHECK(mentions(verdict, "numbers are missing between"));
}
