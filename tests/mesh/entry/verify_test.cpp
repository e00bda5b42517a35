#include "mesh/entry/verify.h"

#include <rapidcheck/catch.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "mesh/journal/journal_writer.h"
#include "mesh/watermark/signing.h"
#include "mesh/wire/wire_codec.h"
#include "tests/mesh/generators.h"

using namespace titan;
using namespace titan::mesh;
using testing::draw_draft;
using testing::draw_key;

namespace {

const WireCodec codec;
using EntryPointer = std::shared_ptr<const Entry>;
using EntryList = std::vector<EntryPointer>;

const Hash our_store = tenant_store_hash("acme", "s-1");

struct Author {
  explicit Author(Random& source, const Hash& store = our_store)
      : random(source.next()),
        key(draw_key(random)),
        writer(codec, key, ProcessId::draw(random), {"till", store, {}, 1}, {}, 0, 0, random) {}

  EntryList write(std::size_t count) {
    EntryList entries;
    for (std::size_t i = 0; i < count; ++i) {
      entries.push_back(writer.write(draw_draft(random)).value());
    }
    return entries;
  }
  DeviceId device() const { return writer.device(); }

  Random random;
  KeyPair key;
  JournalWriter writer;
};

// What a terminal knows before the entries come.
struct Knowledge {
  std::map<DeviceId, PublicKey> keys;

  VerifyContext context() const {
    VerifyContext context;
    context.tenant_store = our_store;
    context.key_of = [this](const DeviceId& device) -> std::optional<PublicKey> {
      const auto found = keys.find(device);
      if (found == keys.end()) return std::nullopt;
      return found->second;
    };
    return context;
  }
  void knows(const Author& author) { keys[author.device()] = author.key.public_key; }
};

CheckedEntries check(EntryList entries, const Knowledge& knowledge = {}) {
  return check_entries(std::move(entries), knowledge.context());
}

EntryPointer decoded(const Bytes& bytes) {
  return std::make_shared<const Entry>(codec.decode_entry(bytes).value());
}

EntryPointer with_bad_signature(const EntryPointer& entry) {
  Signature signature = entry->signature;
  signature.bytes[5] ^= 1;
  return decoded(codec.encode_signed_entry(entry->envelope_bytes, signature));
}

EntryPointer signed_by(const Envelope& envelope, const KeyPair& key) {
  const Bytes bytes = codec.encode_envelope(envelope);
  return decoded(codec.encode_signed_entry(bytes, sign(key, signed_part(bytes))));
}

std::vector<EntryId> ids_of(const EntryList& entries) {
  std::vector<EntryId> ids;
  for (const auto& entry : entries) ids.push_back(entry->envelope.id);
  return ids;
}

// The code of the one rejection there is, or a text that says what there was.
std::string only_rejection(const CheckedEntries& checked) {
  if (checked.rejected.size() != 1) {
    return std::to_string(checked.rejected.size()) + " rejections";
  }
  return to_string(checked.rejected.front().code);
}

void shuffle(EntryList& entries, Random& random) {
  for (std::size_t i = entries.size(); i > 1; --i) {
    std::swap(entries[i - 1], entries[random.below(i)]);
  }
}

}  // namespace

TEST_CASE("A run from a stranger is accepted, and its key learned from the opening") {
  Random random(1);
  Author author(random);
  const EntryList written = author.write(5);
  EntryList received = written;
  received.push_back(written[2]);  // twice
  shuffle(received, random);
  const CheckedEntries checked = check(received);
  CHECK(ids_of(checked.accepted) == ids_of(written));
  CHECK(checked.rejected.empty());
  CHECK(checked.learned_keys == std::vector<PublicKey>{author.key.public_key});
}

TEST_CASE("A key that is known is not learned again") {
  Random random(2);
  Author author(random);
  Knowledge knowledge;
  knowledge.knows(author);
  CHECK(check(author.write(2), knowledge).learned_keys.empty());
}

TEST_CASE("Without the opening a stranger's entries wait for it") {
  Random random(3);
  Author author(random);
  EntryList written = author.write(3);
  const EntryList rest(written.begin() + 1, written.end());
  const CheckedEntries alone = check(rest);
  CHECK(alone.accepted.empty());
  REQUIRE(alone.rejected.size() == 2);
  CHECK(alone.rejected[0].code == RejectionCode::unknown_device);

  Knowledge knowledge;
  knowledge.knows(author);
  CHECK(check(rest, knowledge).accepted.size() == 2);
}

TEST_CASE("A key that comes along stands in for an opening that is lost, for its own device only") {
  Random random(3);
  Author author(random);
  Author other(random);
  const EntryList written = author.write(3);
  const EntryList rest(written.begin() + 1, written.end());
  const Knowledge nothing;
  VerifyContext context = nothing.context();
  context.offered_keys = {other.key.public_key};
  CHECK(check_entries(rest, context).accepted.empty());

  context.offered_keys.push_back(author.key.public_key);
  const CheckedEntries checked = check_entries(rest, context);
  CHECK(checked.accepted.size() == 2);
  CHECK(checked.learned_keys == std::vector<PublicKey>{author.key.public_key});
  CHECK(check_entries({with_bad_signature(rest[0])}, context).accepted.empty());
}

TEST_CASE("A second journal of a device is read with the key of the first one's opening") {
  Random random(4);
  Author author(random);
  EntryList received = author.write(1);
  author.writer.start_new_journal(author.writer.tail(), 0);
  const EntryList second = author.write(3);
  received.insert(received.end(), second.begin() + 1, second.end());
  CHECK(check(received).accepted.size() == 3);
}

TEST_CASE("A run that ends in bad signatures is cut back to the last good one") {
  Random random(5);
  Author author(random);
  EntryList entries = author.write(6);
  entries[5] = with_bad_signature(entries[5]);
  const CheckedEntries checked = check(entries);
  CHECK(checked.accepted.size() == 5);
  CHECK(only_rejection(checked) == "bad_signature");
  CHECK(checked.rejected.front().id.number == 6);
  CHECK(checked.rejected.front().reason.find("entry 6 of journal") != std::string::npos);
}

TEST_CASE("A bad signature in the middle breaks the chain, since the hash covers it") {
  Random random(6);
  Author author(random);
  EntryList entries = author.write(6);
  entries[2] = with_bad_signature(entries[2]);
  const CheckedEntries checked = check(entries);
  CHECK(checked.accepted.size() == 5);
  CHECK(only_rejection(checked) == "bad_signature");
  CHECK(checked.rejected.front().id.number == 3);
}

TEST_CASE("A later signature of the same device vouches for the entries before it") {
  Random random(7);
  Author author(random);
  EntryList entries = author.write(2);
  entries[1] = with_bad_signature(entries[1]);
  Envelope third = entries[1]->envelope;
  third.id.number = 3;
  third.previous_hash = entries[1]->hash;
  entries.push_back(signed_by(third, author.key));
  CHECK(check(entries).accepted.size() == 3);
  entries.pop_back();
  CHECK(check(entries).accepted.size() == 1);
}

TEST_CASE("Nobody vouches for another device's entries") {
  Random random(8);
  Author author(random);
  Author thief(random);
  EntryList entries = author.write(2);
  Knowledge knowledge;
  knowledge.knows(author);
  knowledge.knows(thief);
  entries[1] = with_bad_signature(entries[1]);
  Envelope third = entries[1]->envelope;
  third.id.number = 3;
  third.previous_hash = entries[1]->hash;

  SECTION("not under its own name") {
    third.device = thief.device();
    entries.push_back(signed_by(third, thief.key));
    const CheckedEntries checked = check(entries, knowledge);
    CHECK(checked.accepted.size() == 1);
    REQUIRE(checked.rejected.size() == 2);
    CHECK(checked.rejected[0].code == RejectionCode::bad_signature);
    CHECK(checked.rejected[1].code == RejectionCode::foreign_journal);
  }
  SECTION("nor under the other's") {
    entries.push_back(signed_by(third, thief.key));
    CHECK(check(entries, knowledge).accepted.size() == 1);
  }
  SECTION("nor before anything of the other's journal is known") {
    third.device = thief.device();
    CHECK(only_rejection(check({signed_by(third, thief.key)}, knowledge)) == "foreign_journal");
  }
  SECTION("nor as the opening of the other's journal") {
    Envelope first = thief.write(1).front()->envelope;
    first.id.journal = third.id.journal;
    CHECK(only_rejection(check({signed_by(first, thief.key)})) == "foreign_journal");
  }
}

TEST_CASE("A journal of another store is refused whole") {
  Random random(9);
  Author stranger(random, tenant_store_hash("acme", "s-2"));
  const CheckedEntries checked = check(stranger.write(3));
  CHECK(checked.accepted.empty());
  CHECK(checked.learned_keys.empty());
  REQUIRE(checked.rejected.size() == 3);
  CHECK(checked.rejected[0].code == RejectionCode::foreign_store);
  CHECK(checked.rejected[1].code == RejectionCode::foreign_journal);
  CHECK(checked.rejected[2].code == RejectionCode::foreign_journal);
}

TEST_CASE("Behind its opening a journal of another store is refused by its name") {
  Random random(9);
  Author stranger(random, tenant_store_hash("acme", "s-2"));
  Knowledge knowledge;
  knowledge.knows(stranger);
  const EntryList written = stranger.write(3);
  const CheckedEntries checked = check({written[1], written[2]}, knowledge);
  CHECK(checked.accepted.empty());
  REQUIRE(checked.rejected.size() == 2);
  CHECK(checked.rejected[0].code == RejectionCode::foreign_journal);
}

TEST_CASE("An opening with another device's key is refused") {
  Random random(10);
  Author author(random);
  Author thief(random);
  Envelope opening = author.write(1).front()->envelope;
  SECTION("the thief's key under the author's name") {
    opening.opening->device_public_key = thief.key.public_key;
    opening.opening_hash = hash_of_opening(codec.encode_opening(*opening.opening));
    CHECK(only_rejection(check({signed_by(opening, thief.key)})) == "malformed");
  }
  SECTION("the author's key and the thief's signature") {
    CHECK(only_rejection(check({signed_by(opening, thief.key)})) == "bad_signature");
  }
}

TEST_CASE("A copied process's two branches are both accepted") {
  Random random(11);
  Author author(random);
  EntryList entries = author.write(2);
  for (int branch = 0; branch < 2; ++branch) {
    EntryPointer before = entries[1];
    for (std::uint64_t number = 3; number <= 5; ++number) {
      Envelope next = entries[1]->envelope;
      next.id.number = number;
      next.previous_hash = before->hash;
      next.business_date = static_cast<std::uint32_t>(branch);
      before = signed_by(next, author.key);
      entries.push_back(before);
    }
  }
  shuffle(entries, random);
  const CheckedEntries checked = check(entries);
  CHECK(checked.accepted.size() == 8);
  CHECK(checked.rejected.empty());
}

TEST_CASE("Entries out of order, with gaps, of several authors") {
  rc::prop("a run check accepts what checks of single entries accept", [](std::uint64_t seed) {
    Random random(seed);
    Knowledge knowledge;
    EntryList received;
    for (int a = 0; a < 3; ++a) {
      Author author(random);
      knowledge.knows(author);
      for (auto& entry : author.write(1 + random.below(8))) {
        if (random.chance({1, 5})) continue;
        received.push_back(random.chance({1, 6}) ? with_bad_signature(entry) : entry);
      }
    }
    shuffle(received, random);
    const CheckedEntries together = check(received, knowledge);
    RC_ASSERT(together.accepted.size() + together.rejected.size() == received.size());
    for (const auto& entry : received) {
      const bool single = !check({entry}, knowledge).accepted.empty();
      const bool in_run =
          std::any_of(together.accepted.begin(), together.accepted.end(),
                      [&](const EntryPointer& accepted) { return accepted->hash == entry->hash; });
      RC_ASSERT(!single || in_run);
    }
    RC_ASSERT(std::is_sorted(
        together.accepted.begin(), together.accepted.end(),
        [](const auto& x, const auto& y) { return x->envelope.id < y->envelope.id; }));
  });
}

TEST_CASE("Every kind of tampering is refused") {
  rc::prop("any changed bit of any entry that no later one vouches for", [](std::uint64_t seed) {
    Random random(seed);
    Author author(random);
    EntryList entries = author.write(1 + random.below(4));
    const auto victim = random.below(entries.size());
    Bytes bytes = entries[victim]->bytes;
    bytes[random.below(bytes.size())] ^= static_cast<char>(1u << random.below(8));
    const Result<Entry> read = codec.decode_entry(bytes);
    if (!read) return;  // refused before any key was asked
    const auto tampered = std::make_shared<const Entry>(*read);
    entries[victim] = tampered;
    const CheckedEntries checked = check(entries);
    for (const auto& accepted : checked.accepted) RC_ASSERT(accepted->hash != tampered->hash);
  });

  rc::prop("any envelope changed by one who has not the key", [](std::uint64_t seed) {
    Random random(seed);
    Author author(random);
    const EntryList entries = author.write(2);
    Knowledge knowledge;
    knowledge.knows(author);
    Envelope forged = entries[1]->envelope;
    switch (random.below(8)) {
      case 0:
        forged.kind = static_cast<Kind>(static_cast<std::uint32_t>(forged.kind) + 1);
        break;
      case 1:
        forged.time.utc_ms += 1;
        break;
      case 2:
        forged.body += "x";
        break;
      case 3:
        forged.stock_effects.push_back({"x", 1, 0});
        break;
      case 4:
        forged.claim = Hash::draw(random);
        break;
      case 5:
        forged.id.number += 1;
        break;
      case 6:
        forged.previous_hash = Hash::draw(random);
        break;
      default:
        forged.idempotency_key += "x";
        break;
    }
    const auto tampered =
        decoded(codec.encode_signed_entry(codec.encode_envelope(forged), entries[1]->signature));
    RC_ASSERT(only_rejection(check({tampered}, knowledge)) == "bad_signature");
    EntryList with_successor = {entries[0], tampered};
    RC_ASSERT(check(with_successor, knowledge).accepted.size() == 1u);
  });
}

TEST_CASE("A watermark counts only with the cloud's own signature") {
  Random random(12);
  const KeyPair cloud = draw_key(random);
  const KeyPair other = draw_key(random);
  Watermark watermark;
  watermark.statement = "statement";
  watermark.cloud_key = cloud.public_key;
  watermark.signature = sign(cloud, watermark_signed_part(watermark.statement));
  CHECK(watermark_verifies(watermark, cloud.public_key));
  CHECK_FALSE(watermark_verifies(watermark, other.public_key));
  Watermark changed = watermark;
  changed.statement = "statements";
  CHECK_FALSE(watermark_verifies(changed, cloud.public_key));
  changed = watermark;
  changed.signature = sign(cloud, watermark.statement);  // without the domain
  CHECK_FALSE(watermark_verifies(changed, cloud.public_key));
}
