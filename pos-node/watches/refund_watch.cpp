#include "pos-node/watches/refund_watch.h"

#include <utility>

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

std::optional<mesh::EntryId> original_of(const RecordedEntry& entry) {
  const v1::EntryReference* reference = nullptr;
  if (entry.envelope.kind == mesh::Kind::refund) {
    if (const auto* refund = entry.as<v1::Refund>()) reference = &refund->original();
  } else if (entry.envelope.kind == mesh::Kind::void_sale) {
    if (const auto* undo = entry.as<v1::Void>()) reference = &undo->original();
  }
  const auto journal = reference ? JournalId::from_bytes(reference->journal()) : std::nullopt;
  if (!journal) return std::nullopt;
  return mesh::EntryId{*journal, reference->number()};
}

void remember(std::set<mesh::EntryId>& sales, const mesh::EntryId& sale) {
  if (sales.size() >= watched_sales_max) sales.clear();
  sales.insert(sale);
}

}  // namespace

std::vector<RuleAlarm> RefundWatch::on_stored(const RecordedEntry& entry) {
  if (entry.envelope.kind == mesh::Kind::sale || entry.envelope.kind == mesh::Kind::history) {
    if (awaited_.erase(entry.envelope.id) == 0) return {};
    return judge(entry.envelope.id);
  }
  const auto sale = original_of(entry);
  if (!sale) return {};
  const bool own = entry.envelope.device == service_.facts().device;
  const auto known = service_.entry(*sale);
  if (own && entry.envelope.kind == mesh::Kind::refund && known && *known) return {};
  return judge(*sale);
}

std::vector<RuleAlarm> RefundWatch::judge(const mesh::EntryId& sale) {
  const auto original = service_.entry(sale);
  if (!original) return {};
  if (!*original) {
    remember(awaited_, sale);
    return {};
  }
  const auto history = history_of(*original, service_);
  if (!history) return {};
  auto alarms = over_refund_alarms(*history);
  if (alarms.empty() || told_.contains(sale)) return {};
  remember(told_, sale);
  return alarms;
}

}  // namespace titan::pos
