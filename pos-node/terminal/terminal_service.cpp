#include "pos-node/terminal/terminal_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/overloaded.h"
#include "pos-node/domain/zone_news.h"
#include "pos-node/terminal/stored_entries.h"
#include "proto/entry.pb.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

// Products kept at hand, some hundred bytes each; one more and all are read anew.
constexpr std::size_t products_kept_max = 1024;

// Entries between their telling and their commit, a few milliseconds; beyond it one is read again.
constexpr std::size_t told_kept = 16;

ProductPointer to_product(const mesh::StoredProduct& stored) {
  auto product = std::make_shared<Product>();
  product->set_sku(stored.sku);
  for (const std::string& gtin : stored.gtins) product->add_gtins(gtin);
  product->set_description(stored.description);
  product->set_brand(stored.brand);
  if (stored.price) {
    product->mutable_price()->set_amount(stored.price->amount);
    product->mutable_price()->set_exponent(stored.price->exponent);
  }
  product->set_currency(stored.currency);
  product->set_unit(stored.unit);
  product->set_tax_code(stored.tax_code);
  product->set_tax_rate_basis_points(stored.tax_rate_basis_points);
  product->set_tax_included(stored.tax_included);
  product->set_delisted(stored.delisted);
  product->set_price_version(stored.price_version);
  if (stored.low_stock_micro) product->set_low_stock_micro(*stored.low_stock_micro);
  for (const mesh::StoredTax& tax : stored.taxes) {
    auto& out = *product->add_taxes();
    out.set_code(tax.code);
    out.set_rate_micropercent(tax.rate_micropercent);
    out.set_exempt(tax.exempt);
  }
  product->set_category(stored.category);
  return product;
}

std::string place_text(const mesh::EntryId& id) {
  return id.journal.hex() + ":" + std::to_string(id.number);
}

}  // namespace

TerminalService::TerminalService(StoreRules rules, MeshHost& mesh,
                                 std::unique_ptr<mesh::SqliteReader> reader, Metrics& metrics,
                                 WallTime started)
    : facts_(std::move(rules.facts)),
      calendar_(std::move(rules.calendar)),
      zone_data_problem_(zone_data_complaint(calendar_)),
      mesh_(mesh),
      reader_(std::move(reader)),
      metrics_(metrics),
      started_(started) {
  load_low_stock();
  if (zone_data_problem_) raise_alarm("zone_data", *zone_data_problem_);
}

// ---- events ------------------------------------------------------------------------------------

void TerminalService::set_rules(StoreRules rules) {
  facts_ = std::move(rules.facts);
  calendar_ = std::move(rules.calendar);
  zone_data_problem_ = zone_data_complaint(calendar_);
  if (zone_data_problem_) raise_alarm("zone_data", *zone_data_problem_);
}

bool TerminalService::is_watched() const {
  return events_ != nullptr && events_->has_subscribers();
}

void TerminalService::publish(const Event& event) {
  if (is_watched()) events_->publish(event, wall());
}

void TerminalService::on_event(const mesh::Event& event) {
  std::visit(Overloaded{
                 [&](const mesh::EntrySeen& seen) {
                   if (is_watched()) tell_entry(seen);
                 },
                 [&](const mesh::StockChanged& changed) {
                   if (!is_watched()) return;
                   for (const crdt::StockChange& change : changed.changes) {
                     publish(stock_event(change, changed.cause, low_stock_units(change.product)));
                     reorder_watch_.on_changed(change);
                   }
                 },
                 [&](const mesh::EntriesStored& stored) { on_entries_stored(stored); },
                 [&](const mesh::MemberChanged& changed) {
                   const mesh::MemberInfo& member = changed.update.member;
                   spdlog::info("{} ({}) is {}", member.terminal, member.process.hex().substr(0, 8),
                                to_string(changed.update.state));
                   publish(MemberEvent{member.terminal, member.process, changed.update.state,
                                       changed.before});
                 },
                 [&](const mesh::LeaderChanged& changed) {
                   LeaderEvent leader{
                       changed.leader.has_value(), changed.terminal, {}, 0, changed.is_self};
                   if (changed.leader) {
                     leader.process = changed.leader->process;
                     leader.term = changed.leader->term;
                     spdlog::info("{} leads the store, term {}",
                                  changed.is_self ? "this terminal" : changed.terminal,
                                  leader.term);
                   } else {
                     spdlog::info("no leader is heard");
                   }
                   publish(leader);
                 },
                 [&](const mesh::WatermarkMoved& moved) {
                   publish(WatermarkEvent{moved.sequence, moved.pending_entries});
                 },
                 [&](const mesh::Alarm& alarm) { raise_alarm(alarm.code, alarm.message); },
                 [&](const mesh::DuplicateFound& found) { on_duplicate(found.duplicate); },
                 [&](const mesh::LinkWanted&) {},
                 [&](const mesh::Note& note) { spdlog::debug("{}", note.message); },
             },
             event);
}

void TerminalService::tell_entry(const mesh::EntrySeen& seen) {
  const auto entry = std::make_shared<const RecordedEntry>(seen.entry);
  SaleEvent told = sale_event(*entry, seen.own);
  if (told.terminal.empty()) told.terminal = terminal_of(*entry);
  publish(told);
  if (!entry->is_read()) return;
  told_.push_back(entry);
  if (told_.size() > told_kept) told_.pop_front();
}

EntryPointer TerminalService::as_told(const std::shared_ptr<const mesh::Entry>& entry) const {
  for (const EntryPointer& told : told_) {
    if (&told->entry() == entry.get()) return told;
  }
  return std::make_shared<const RecordedEntry>(entry);
}

// Of an entry without a receipt; empty when the author is not a member now, or is the cloud.
std::string TerminalService::terminal_of(const mesh::Entry& entry) const {
  const DeviceId& device = entry.envelope.device;
  if (device == facts_.device) return facts_.terminal;
  if (entry.envelope.opening) return entry.envelope.opening->terminal;
  for (const mesh::MemberView& view : mesh_.node().members()) {
    if (view.member.device() == device) return view.member.terminal;
  }
  return "";
}

void TerminalService::on_entries_stored(const mesh::EntriesStored& stored) {
  metrics_.entries_stored.Increment(static_cast<double>(stored.entries.size()));
  bool has_list = false;
  for (const auto& stored_entry : stored.entries) {
    const EntryPointer entry = as_told(stored_entry);
    const mesh::Kind kind = entry->envelope.kind;
    // A part may be the one that a list was waiting for.
    has_list |= kind == mesh::Kind::product_list || kind == mesh::Kind::product_list_part;
    if (mesh::ProductProjection::concerns(entry->envelope.kind)) products_.clear();
    if (entry->envelope.kind == mesh::Kind::product) note_products(*entry);
    for (const RuleAlarm& alarm : refund_watch_.on_stored(*entry)) {
      raise_alarm(alarm.code, alarm.message);
    }
    look_at_other_tills(*entry);
  }
  if (has_list) load_low_stock();
  for (const auto& duplicate : std::exchange(duplicates_due_, {})) on_duplicate(duplicate);
}

void TerminalService::look_at_stock() {
  for (const std::string& product : reorder_watch_.look(mesh_.node().is_catching_up())) {
    publish(AlarmEvent{"reorder", product + " is below zero: reorder it"});
  }
}

void TerminalService::look_at_other_tills(const RecordedEntry& entry) {
  const auto name_of = [this](const mesh::Entry& other) {
    const std::string terminal = terminal_of(other);
    return terminal.empty() ? std::string("another terminal") : terminal;
  };
  for (const RuleAlarm& alarm : settings_watch_.on_stored(entry, wall(), name_of)) {
    raise_alarm(alarm.code, alarm.message);
  }
  if (const auto first = key_watch_.on_stored(entry)) {
    raise_alarm("request_at_two_tills",
                name_of(entry) + " recorded the request with key '" +
                    entry.envelope.idempotency_key + "' as entry " + place_text(entry.envelope.id) +
                    ", which another terminal had recorded as " + place_text(*first) +
                    "; both count: if it was one and the same, void one of them");
  }
}

void TerminalService::note_products(const mesh::Entry& entry) {
  v1::Products body;
  if (!body.ParseFromString(entry.envelope.body)) return;
  for (const Product& product : body.products()) {
    if (!product.has_low_stock_micro() && !low_stock_.contains(product.sku())) continue;
    // Layers decide what is in force, and the table knows them.
    const auto effective = reader_->product(product.sku());
    if (effective && *effective) note_low_stock(product.sku(), (*effective)->low_stock_micro);
  }
}

void TerminalService::raise_alarm(const std::string& code, const std::string& message) {
  spdlog::warn("alarm {}: {}", code, message);
  metrics_.alarms.Increment();
  alarms_.push_front({code, message, wall()});
  if (alarms_.size() > alarms_kept) alarms_.pop_back();
  publish(AlarmEvent{code, message});
}

// ---- products ----------------------------------------------------------------------------------

void TerminalService::load_low_stock() {
  const auto limits = reader_->low_stock_limits();
  if (!limits) return;
  low_stock_.clear();
  low_stock_.insert(limits->begin(), limits->end());
}

void TerminalService::note_low_stock(const std::string& sku,
                                     const std::optional<std::int64_t>& low_stock_micro) {
  if (low_stock_micro) {
    low_stock_[sku] = *low_stock_micro;
  } else {
    low_stock_.erase(sku);
  }
}

std::int64_t TerminalService::low_stock_units(std::string_view sku) {
  const auto own = low_stock_.find(sku);
  return own == low_stock_.end() ? facts_.low_stock_units : own->second;
}

Result<ProductPointer> TerminalService::product(std::string_view sku) {
  if (const auto kept = products_.find(sku); kept != products_.end()) return kept->second;
  const auto found = reader_->product(std::string(sku));
  if (!found) return found.error();
  if (!*found) return ProductPointer{};
  if (products_.size() >= products_kept_max) products_.clear();
  return products_.emplace(sku, to_product(**found)).first->second;
}

Result<std::vector<ProductPointer>> TerminalService::products_by_gtin(std::string_view gtin) {
  const auto found = reader_->products_by_gtin(gtin);
  if (!found) return found.error();
  std::vector<ProductPointer> products;
  for (const mesh::StoredProduct& product : *found) products.push_back(to_product(product));
  return products;
}

Result<ProductPage> TerminalService::search_products(const std::string& query, std::size_t limit,
                                                     const std::string& after) {
  const auto found = query.empty() ? reader_->list_products(limit, after)
                                   : reader_->search_products(query, limit, after);
  if (!found) return found.error();
  ProductPage page;
  for (const mesh::StoredProduct& product : found->products) {
    page.products.push_back(to_product(product));
  }
  page.next = found->next;
  return page;
}

// ---- entries -----------------------------------------------------------------------------------

Result<EntryPointer> TerminalService::entry_of(const mesh::Appended& appended) {
  if (appended.entry) return as_told(appended.entry);
  auto first = entry(appended.id);
  if (first && !*first) {
    return make_error(ErrorCode::unavailable,
                      "the first answer to this idempotency_key is on its way to this terminal's "
                      "disk; repeat in a moment",
                      "idempotency_key");
  }
  return first;
}

Result<std::optional<mesh::IdempotencyRecord>> TerminalService::recorded(
    const std::string& idempotency_key) {
  if (const auto beside = mesh_.node().recorded_beside(idempotency_key)) return beside;
  if (!mesh_.node().may_hold_key(idempotency_key)) {
    return std::optional<mesh::IdempotencyRecord>();
  }
  return reader_->find_key(idempotency_key);
}

Result<EntryPointer> TerminalService::entry(const mesh::EntryId& id) {
  if (const auto beside = mesh_.stored_beside(id)) return as_told(beside);
  const auto found = reader_->find_entry(id);
  if (!found) return found.error();
  if (found->empty()) return EntryPointer{};
  return decode(found->front(), mesh_.codec());
}

Result<std::vector<JournalSummary>> TerminalService::journals() {
  const auto rows = reader_->journals();
  if (!rows) return rows.error();
  std::vector<JournalSummary> summaries;
  for (const mesh::StoredJournal& row : *rows) {
    JournalSummary summary{row.journal, row.device, row.terminal, {}, row.device == facts_.device};
    if (const auto* item = mesh_.node().vector().find(row.journal)) summary.stored = item->stored;
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

Result<JournalPage> TerminalService::journal_page(const JournalId& journal, std::uint64_t from,
                                                  std::size_t limit, std::size_t bytes_max) {
  const auto device = mesh_.node().vector().device_of(journal);
  if (!device) {
    return make_error(ErrorCode::not_found, "no journal " + journal.hex() + " is known here",
                      "journal");
  }
  const auto rows = reader_->journal_entries(journal, from, limit + 1);
  if (!rows) return rows.error();
  JournalPage page;
  page.device = *device;
  std::size_t bytes = 0;
  for (const mesh::StoredEntry& row : *rows) {
    const bool full = page.entries.size() >= limit || bytes + row.bytes.size() > bytes_max;
    if (full && !page.entries.empty()) {
      page.next = row.id.number;
      break;
    }
    auto entry = decode(row, mesh_.codec());
    if (!entry) return entry.error();
    bytes += row.bytes.size();
    page.entries.push_back(std::move(*entry));
  }
  return page;
}

}  // namespace titan::pos
