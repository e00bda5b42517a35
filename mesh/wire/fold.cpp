#include "mesh/wire/fold.h"

#include "mesh/entry/entry.h"
#include "proto/entry.pb.h"

namespace titan::mesh {
namespace {

namespace wire = titan::entry::v1;

using ContentBytes = FixedBytes<struct ContentBytesTag, 16>;

void write(const DeviceId& device, const JournalItem& journal, wire::FoldJournal& out) {
  out.set_device(std::string(device.view()));
  out.set_journal(std::string(journal.journal.view()));
  for (const crdt::Interval& interval : journal.item.stored.intervals()) {
    out.add_intervals(interval.first);
    out.add_intervals(interval.last);
  }
  const auto content = journal.item.content.to_bytes();
  out.set_content(content.data(), content.size());
}

void write(const Hash& claim, const crdt::ClaimWinner& winner, wire::FoldClaim& out) {
  out.set_claim(std::string(claim.view()));
  out.set_entry_hash(std::string(winner.entry_hash.view()));
  for (const crdt::StockEffect& effect : winner.effects) {
    auto& told = *out.add_stock_effects();
    told.set_product(effect.product);
    told.set_added(effect.added);
    told.set_removed(effect.removed);
  }
}

Bytes serialised(const FoldContent& content) {
  wire::FoldContent out;
  for (const auto& [device, journals] : content.journals) {
    for (const JournalItem& journal : journals) write(device, journal, *out.add_journals());
  }
  for (const auto& [product, sum] : content.sums) {
    auto& told = *out.add_sums();
    told.set_product(product);
    told.set_added(sum.added);
    told.set_removed(sum.removed);
  }
  for (const auto& [claim, winner] : content.claims) write(claim, winner, *out.add_claims());
  return out.SerializeAsString();
}

Error unreadable(const std::string& what) {
  return make_error(ErrorCode::corrupt, "the fold cannot be read: " + what);
}

// Nothing: it names no journal or no numbers.
std::optional<crdt::VectorItem> read_item(const wire::FoldJournal& journal) {
  crdt::VectorItem item;
  if (journal.intervals_size() % 2 != 0) return std::nullopt;
  for (int i = 0; i < journal.intervals_size(); i += 2) {
    item.stored.add(crdt::Interval{journal.intervals(i), journal.intervals(i + 1)});
  }
  const auto content = ContentBytes::from_bytes(journal.content());
  if (!content || item.stored.empty() || item.stored.top() > entry_number_max) return std::nullopt;
  item.content = crdt::ContentSum::from_bytes(content->bytes);
  return item;
}

crdt::ClaimWinner read_winner(const wire::FoldClaim& claim, const Hash& entry_hash) {
  crdt::ClaimWinner winner{entry_hash, {}};
  for (const auto& effect : claim.stock_effects()) {
    winner.effects.push_back({effect.product(), effect.added(), effect.removed()});
  }
  return winner;
}

}  // namespace

Result<ListUnit> make_fold_unit(Fold fold, const FoldContent& content) {
  const Bytes bytes = serialised(content);
  const Hash hash = blake2b(bytes);
  const auto list = ListId::from_bytes(hash.view().substr(0, ListId::size)).value();
  auto unit = make_list_unit(list, bytes, static_cast<std::uint32_t>(content.sums.size()));
  if (!unit) return unit;
  wire::Fold out;
  out.set_number(fold.number);
  out.set_base(fold.base);
  if (fold.base != 0) out.set_base_hash(std::string(fold.base_hash.view()));
  out.mutable_content()->ParseFromString(unit->head);
  out.set_entries(fold.entries);
  out.set_stock_digest(fold.stock_digest);
  out.set_form(fold_form);
  unit->head = out.SerializeAsString();
  return unit;
}

std::optional<Fold> parse_fold(const Bytes& body) {
  wire::Fold in;
  if (!in.ParseFromString(body) || in.form() != fold_form) return std::nullopt;
  const auto content = parse_list_head(in.content().SerializeAsString());
  const auto base_hash = Hash::from_bytes(in.base_hash());
  const bool is_based = in.base() != 0;
  if (!content || in.number() == 0 || in.base() >= in.number()) return std::nullopt;
  if (is_based && !base_hash) return std::nullopt;
  return Fold{in.number(), in.base(),    base_hash.value_or(Hash{}),
              *content,    in.entries(), in.stock_digest()};
}

Result<FoldContent> parse_fold_content(BytesView content) {
  wire::FoldContent in;
  if (!in.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return unreadable("it is cut short");
  }
  FoldContent out;
  for (const auto& journal : in.journals()) {
    const auto device = DeviceId::from_bytes(journal.device());
    const auto id = JournalId::from_bytes(journal.journal());
    auto item = read_item(journal);
    if (!device || !id || !item) return unreadable("one of its journals is none");
    if (out.journals.empty() || out.journals.back().device != *device) {
      out.journals.push_back({*device, {}});
    }
    out.journals.back().journals.push_back({*id, std::move(*item)});
  }
  for (const auto& sum : in.sums()) {
    const bool is_new =
        out.sums.emplace(sum.product(), crdt::StockSum{sum.added(), sum.removed()}).second;
    if (!is_new) return unreadable("it states the stock of a product twice");
  }
  for (const auto& claim : in.claims()) {
    const auto id = Hash::from_bytes(claim.claim());
    const auto winner = Hash::from_bytes(claim.entry_hash());
    if (!id || !winner) return unreadable("one of its claims is none");
    out.claims.insert_or_assign(*id, read_winner(claim, *winner));
  }
  return out;
}

}  // namespace titan::mesh
