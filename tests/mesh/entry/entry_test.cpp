#include "mesh/entry/entry.h"

#include <catch2/catch.hpp>

#include "tests/mesh/generators.h"

using namespace titan;
using namespace titan::mesh;

namespace {

Envelope second_entry(Random& random) {
  Envelope envelope;
  envelope.id = {JournalId::draw(random), 2};
  envelope.previous_hash = Hash::draw(random);
  envelope.device = DeviceId::draw(random);
  envelope.opening_hash = OpeningHash::draw(random);
  envelope.stock_effects = {{"22423", 0, 1'000'000}};
  return envelope;
}

std::string fault_of(const Envelope& envelope) {
  const Status checked = check_envelope(envelope);
  return checked ? "" : checked.error().field;
}

}  // namespace

TEST_CASE("A receipt's check characters come from the first 20 bits of the journal") {
  JournalId journal;
  CHECK(receipt_check(journal) == "0000");
  journal.bytes[0] = 0xff;
  journal.bytes[1] = 0xff;
  journal.bytes[2] = 0xff;
  CHECK(receipt_check(journal) == "ZZZZ");
  journal.bytes[0] = 0b10011'001;
  journal.bytes[1] = 0b11'10111'0;
  journal.bytes[2] = 0b1111'0000;
  CHECK(receipt_check(journal) == "K7QF");
}

TEST_CASE("A receipt reads as printed") {
  JournalId journal;
  journal.bytes = {0b10011'001, 0b11'10111'0, 0b1111'0000};
  CHECK(receipt_text({"till-3", 123}, journal) == "till-3 000123-K7QF");
  CHECK(receipt_text({"till-3", 12345678}, journal) == "till-3 12345678-K7QF");
}

TEST_CASE("A store's hash tells tenant from store") {
  CHECK(tenant_store_hash("a", "bc") != tenant_store_hash("ab", "c"));
  CHECK(tenant_store_hash("a", "b") == blake2b(BytesView("a\0b", 3)));
}

TEST_CASE("An envelope beyond its limits is refused by the field's name") {
  Random random(5);
  const Envelope sound = second_entry(random);
  REQUIRE(fault_of(sound) == "");

  Envelope bad = sound;
  bad.id.number = 0;
  CHECK(fault_of(bad) == "number");
  bad = sound;
  bad.id.number = entry_number_max + 1;
  CHECK(fault_of(bad) == "number");
  bad = sound;
  bad.id.journal = {};
  CHECK(fault_of(bad) == "journal");
  bad = sound;
  bad.device = {};
  CHECK(fault_of(bad) == "device");
  bad = sound;
  bad.previous_hash = {};
  CHECK(fault_of(bad) == "previous_hash");
  bad = sound;
  bad.opening_hash = {};
  CHECK(fault_of(bad) == "opening_hash");
  bad = sound;
  bad.opening = JournalOpening{};
  CHECK(fault_of(bad) == "opening");
  bad = sound;
  bad.id.number = 1;
  CHECK(fault_of(bad) == "previous_hash");
  bad.previous_hash = {};
  CHECK(fault_of(bad) == "opening");
  bad = sound;
  bad.stock_effects = {{"", 1, 0}};
  CHECK(fault_of(bad) == "stock_effects.product");
  bad.stock_effects = {{"caf\xe9", 1, 0}};
  CHECK(fault_of(bad) == "stock_effects.product");
  bad.stock_effects = {{std::string(product_bytes_max + 1, 'x'), 1, 0}};
  CHECK(fault_of(bad) == "stock_effects.product");
  bad.stock_effects.assign(stock_effects_max + 1, {"x", 1, 0});
  CHECK(fault_of(bad) == "stock_effects");
  bad = sound;
  bad.idempotency_key = std::string(idempotency_key_bytes_max + 1, 'k');
  CHECK(fault_of(bad) == "idempotency_key");
  bad = sound;
  bad.receipt = Receipt{"till", 0};
  CHECK(fault_of(bad) == "receipt.number");
  bad = sound;
  bad.logical_clock = logical_clock_max + 1;
  CHECK(fault_of(bad) == "logical_clock");
}

TEST_CASE("An opening must belong to the device that wrote it") {
  Random random(6);
  const KeyPair key = testing::draw_key(random);
  Envelope envelope = second_entry(random);
  envelope.id.number = 1;
  envelope.previous_hash = {};
  envelope.device = device_of(key.public_key);
  JournalOpening opening;
  opening.process = ProcessId::draw(random);
  opening.device_public_key = key.public_key;
  envelope.opening = opening;
  REQUIRE(fault_of(envelope) == "");

  envelope.opening->device_public_key = testing::draw_key(random).public_key;
  CHECK(fault_of(envelope) == "opening.device_public_key");
  envelope.opening = opening;
  envelope.opening->process = {};
  CHECK(fault_of(envelope) == "opening.process");
  envelope.opening = opening;
  envelope.opening->predecessor = JournalId::draw(random);
  CHECK(fault_of(envelope) == "opening.predecessor");
  envelope.opening = opening;
  envelope.opening->certificates.resize(certificates_max + 1);
  CHECK(fault_of(envelope) == "opening.certificates");
}

TEST_CASE("A journal's name tells store, device, key and opening from every other") {
  Random random(7);
  const Hash store = tenant_store_hash("acme", "s-1");
  const DeviceId device = DeviceId::draw(random);
  const PublicKey key = testing::draw_key(random).public_key;
  const OpeningHash opening = hash_of_opening("an opening");
  const JournalId name = journal_name(store, device, key, opening);
  CHECK(journal_name(store, device, key, opening) == name);
  CHECK(journal_name(tenant_store_hash("acme", "s-2"), device, key, opening) != name);
  CHECK(journal_name(store, DeviceId::draw(random), key, opening) != name);
  CHECK(journal_name(store, device, testing::draw_key(random).public_key, opening) != name);
  CHECK(journal_name(store, device, key, hash_of_opening("another")) != name);
}

TEST_CASE("A journal's name is for ever") {
  DeviceId device;
  device.bytes.fill(0x33);
  PublicKey key;
  key.bytes.fill(0x44);
  CHECK(journal_name(tenant_store_hash("acme", "s-1"), device, key, hash_of_opening("o")).hex() ==
        "d7310422dcdda98529c73c0fb7c8995b");
}
