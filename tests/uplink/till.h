// A till for tests: writes real, signed entries of one device, one journal at a time.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/random.h"
#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/wire/wire_codec.h"
#include "proto/entry.pb.h"
#include "tests/uplink/catch_result.h"

namespace titan::test {

inline KeyPair key_of(const std::string& name) {
  return KeyPair::from_seed(*SecretSeed::from_bytes(blake2b(name).view()));
}

using EntryPointer = std::shared_ptr<const mesh::Entry>;

class Till {
 public:
  explicit Till(const std::string& name, const std::string& tenant = "acme",
                const std::string& store = "london-1", std::uint64_t seed = 1)
      : key(key_of(name)),
        random_(seed + blake2b(name).bytes[0]),
        process(ProcessId::draw(random_)),
        writer_(codec, key, process, config(name, tenant, store), {}, 0, 0, random_) {}

  // `pieces` > 0 leave the shop.
  EntryPointer sell(const std::string& sku, std::int64_t pieces, const Hash& claim = {},
                    mesh::Kind kind = mesh::Kind::sale) {
    titan::entry::v1::Sale sale;
    sale.set_currency("GBP");
    sale.set_exponent(2);
    sale.set_total_minor(100 * pieces);
    sale.set_cashier("c-07");
    auto* line = sale.add_lines();
    line->set_sku(sku);
    line->set_description("O'Brien's \"lamp\" \\ £5");
    line->mutable_quantity()->set_value(pieces);
    line->set_total_minor(100 * pieces);
    auto* payment = sale.add_payments();
    payment->set_method("cash");
    payment->set_currency("GBP");
    payment->set_exponent(2);
    payment->set_amount_minor(100 * pieces);
    return write(kind, sale.SerializeAsString(), {effect(sku, -pieces)}, claim, true);
  }

  EntryPointer deliver(const std::string& sku, std::int64_t pieces, const Hash& claim = {}) {
    titan::entry::v1::StockMovement movement;
    movement.set_reason("delivery");
    auto* line = movement.add_lines();
    line->set_sku(sku);
    line->mutable_quantity()->set_value(pieces);
    return write(mesh::Kind::delivery, movement.SerializeAsString(), {effect(sku, pieces)}, claim,
                 false);
  }

  EntryPointer write(mesh::Kind kind, const Bytes& body, std::vector<crdt::StockEffect> effects,
                     const Hash& claim = {}, bool receipt = false) {
    mesh::EntryDraft draft;
    draft.kind = kind;
    draft.time = {1'317'888'000'000 + static_cast<std::int64_t>(++written_) * 1000};
    draft.business_date = 20111006;
    draft.clock_quality = mesh::ClockQuality::synchronised;
    draft.idempotency_key = "key-" + std::to_string(written_);
    draft.request_hash = blake2b(body);
    draft.claim = claim;
    draft.stock_effects = std::move(effects);
    draft.body = body;
    draft.wants_receipt = receipt;
    auto entry = writer_.write(draft);
    REQUIRE(entry);
    // As a receiver sees it: decoded from its bytes.
    auto decoded = codec.decode_entry((*entry)->bytes);
    REQUIRE(decoded);
    return std::make_shared<const mesh::Entry>(std::move(*decoded));
  }

  static crdt::StockEffect effect(const std::string& sku, std::int64_t pieces) {
    crdt::StockEffect effect;
    effect.product = sku;
    const auto micro = static_cast<std::uint64_t>(std::abs(pieces)) * 1'000'000;
    (pieces > 0 ? effect.added : effect.removed) = micro;
    return effect;
  }

  void new_journal() { writer_.start_new_journal(writer_.tail(), writer_.last_receipt_number()); }
  const mesh::JournalTail& tail() const { return writer_.tail(); }

  const mesh::WireCodec codec;
  const KeyPair key;

 private:
  static mesh::JournalWriterConfig config(const std::string& name, const std::string& tenant,
                                          const std::string& store) {
    mesh::JournalWriterConfig config;
    config.terminal = name;
    config.tenant_store = mesh::tenant_store_hash(tenant, store);
    return config;
  }

  Random random_;

 public:
  const ProcessId process;

 private:
  mesh::JournalWriter writer_;
  std::uint64_t written_ = 0;
};

inline std::vector<EntryPointer> sales(Till& till, int count, const std::string& sku = "A") {
  std::vector<EntryPointer> entries;
  for (int i = 0; i < count; ++i) entries.push_back(till.sell(sku, 1));
  return entries;
}

inline void add(crdt::VersionVector& vector, const mesh::Entry& entry) {
  vector.add(entry.envelope.device, entry.envelope.id.journal, entry.envelope.id.number,
             entry.hash);
}
inline crdt::VersionVector vector_of(const std::vector<EntryPointer>& entries) {
  crdt::VersionVector vector;
  for (const auto& entry : entries) add(vector, *entry);
  return vector;
}

}  // namespace titan::test
