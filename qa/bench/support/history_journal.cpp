#include "qa/bench/support/history_journal.h"

#include <utility>

#include "mesh/journal/idempotency.h"
#include "qa/bench/support/program.h"

namespace titan::bench {

namespace {

mesh::JournalOpening opening_of(const HistoryJournal::Owner& owner, Random& random) {
  mesh::JournalOpening opening;
  opening.process = ProcessId::draw(random);
  opening.device_public_key = owner.device_key;
  opening.tenant_store = mesh::tenant_store_hash(owner.tenant, owner.store);
  opening.terminal = owner.terminal;
  opening.nonce = mesh::JournalNonce::draw(random);
  return opening;
}

}  // namespace

HistoryJournal::HistoryJournal(Owner owner, Random& random)
    : owner_(std::move(owner)),
      opening_(opening_of(owner_, random)),
      opening_hash_(mesh::hash_of_opening(codec_.encode_opening(opening_))),
      tail_{mesh::journal_name(opening_.tenant_store, device(), owner_.device_key, opening_hash_),
            0,
            {}} {}

EntryPointer HistoryJournal::write(mesh::Envelope envelope) {
  envelope.id = {tail_.journal, tail_.number + 1};
  envelope.previous_hash = tail_.hash;
  envelope.device = device();
  envelope.logical_clock = static_cast<std::uint64_t>(envelope.time.utc_ms) << 16;
  if (envelope.kind == mesh::Kind::sale) {
    envelope.request_hash = blake2b(envelope.idempotency_key);
    envelope.claim =
        mesh::request_claim(envelope.device, envelope.request_hash, envelope.idempotency_key);
    envelope.receipt = mesh::Receipt{owner_.terminal, envelope.id.number};
  }
  envelope.opening_hash = opening_hash_;
  if (envelope.id.number == 1) envelope.opening = opening_;
  auto entry = std::make_shared<mesh::Entry>();
  entry->envelope_bytes = codec_.encode_envelope(envelope);
  entry->bytes = codec_.encode_signed_entry(
      entry->envelope_bytes,
      owner_.key ? sign(*owner_.key, mesh::signed_part(entry->envelope_bytes)) : Signature{});
  entry->hash = blake2b(entry->bytes);
  entry->envelope = std::move(envelope);
  tail_ = {tail_.journal, entry->envelope.id.number, entry->hash};
  return entry;
}

std::vector<EntryPointer> HistoryJournal::write_list(const mesh::Envelope& model,
                                                     const mesh::ListId& list,
                                                     const entry::v1::Products& products) {
  const auto count = static_cast<std::uint32_t>(products.products_size());
  const auto unit = must(mesh::make_list_unit(list, products.SerializeAsString(), count));
  std::vector<EntryPointer> entries;
  const auto add = [&](mesh::Kind kind, const Bytes& body) {
    mesh::Envelope envelope = model;
    envelope.kind = kind;
    envelope.body = body;
    entries.push_back(write(std::move(envelope)));
  };
  for (const Bytes& part : unit.parts) add(mesh::Kind::product_list_part, part);
  add(mesh::Kind::product_list, unit.head);
  return entries;
}

mesh::StoreRequest request_of(std::vector<EntryPointer> entries) {
  mesh::StoreRequest request;
  request.entries = std::move(entries);
  return request;
}

}  // namespace titan::bench
