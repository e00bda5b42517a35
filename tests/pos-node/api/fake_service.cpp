#include "tests/pos-node/api/fake_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "mesh/journal/idempotency.h"
#include "mesh/wire/product_list.h"
#include "pos-node/service/metrics.h"

namespace titan::pos::test {

namespace v1 = titan::entry::v1;

FakeService::FakeService(boost::asio::io_context& loop) : loop_(loop) {
  report.version = "0.1.0";
  report.role = "follower";
  report.vector_root = std::string(32, '0');
}

void FakeService::append(mesh::EntryDraft draft, AppendCallback done) {
  ++appends;
  auto work = [this, draft = std::move(draft), done = std::move(done)] { commit(draft, done); };
  if (holds_commits) {
    held_.push_back(std::move(work));
  } else {
    boost::asio::post(loop_, std::move(work));
  }
}

void FakeService::release_commits() {
  holds_commits = false;
  for (auto& work : held_) boost::asio::post(loop_, std::move(work));
  held_.clear();
}

void FakeService::commit(const mesh::EntryDraft& draft, const AppendCallback& done) {
  const bool fails_now = commits_until_failure && *commits_until_failure == 0;
  if (commits_until_failure && !fails_now) --*commits_until_failure;
  if (fails_commits || fails_now) {
    return done(make_error(ErrorCode::unknown_outcome,
                           "The disk failed: repeat with the same idempotency_key."));
  }
  const auto known = keys_.find(draft.idempotency_key);
  if (known != keys_.end()) {
    if (known->second.request_hash != draft.request_hash) {
      return done(make_error(ErrorCode::conflict, "The key was used for another request.",
                             "idempotency_key"));
    }
    return done(mesh::Appended{known->second.entry, known->second.entry_hash, nullptr, true});
  }
  auto made = std::make_shared<mesh::Entry>(
      test::recorded(draft, shop.facts.device, entries.size() + 1)->entry());
  mesh::Envelope& envelope = made->envelope;
  envelope.time = draft.time;
  envelope.utc_offset_minutes = draft.utc_offset_minutes;
  envelope.business_date =
      draft.stated_business_date != 0 ? draft.stated_business_date : draft.business_date;
  envelope.idempotency_key = draft.idempotency_key;
  envelope.request_hash = draft.request_hash;
  envelope.claim = draft.claim;
  made->bytes = "bytes of " + std::to_string(envelope.id.number);
  if (!draft.idempotency_key.empty()) {
    keys_[draft.idempotency_key] = {envelope.id, made->hash, draft.request_hash};
  }
  entries.push_back(std::make_shared<const RecordedEntry>(made));
  v1::Products body;
  if (draft.kind == mesh::Kind::product_list_part) {
    const auto part = mesh::parse_list_part(draft.body);
    list_parts_.emplace_back(part->data);
  } else if (draft.kind == mesh::Kind::product_list) {
    const auto head = mesh::parse_list_head(draft.body);
    body.ParseFromString(mesh::join_list(*head, std::exchange(list_parts_, {})).value());
  } else if (draft.kind == mesh::Kind::product) {
    body.ParseFromString(draft.body);
  }
  {
    for (const auto& product : body.products()) {
      shop.catalogue.by_sku[product.sku()] = std::make_shared<const Product>(product);
    }
  }
  const auto changes = mesh::apply_to(stock_, *made);
  if (on_entry) on_entry(entries.back(), changes);
  done(mesh::Appended{envelope.id, made->hash, made, false});
}

Result<std::optional<mesh::IdempotencyRecord>> FakeService::recorded(
    const std::string& idempotency_key) {
  if (fails_key_look_ups) return make_error(ErrorCode::corrupt, "A page is damaged.");
  const auto known = keys_.find(idempotency_key);
  if (known == keys_.end()) return std::optional<mesh::IdempotencyRecord>();
  return std::optional<mesh::IdempotencyRecord>(known->second);
}

Result<ProductPointer> FakeService::product(std::string_view sku) {
  return shop.catalogue.product(sku);
}
Result<std::vector<ProductPointer>> FakeService::products_by_gtin(std::string_view gtin) {
  return shop.catalogue.products_by_gtin(gtin);
}

Result<ProductPage> FakeService::search_products(const std::string& query, std::size_t limit,
                                                 const std::string& after) {
  ProductPage page;
  const auto& all = shop.catalogue.by_sku;
  for (auto at = all.upper_bound(after); at != all.end(); ++at) {
    if (at->second->description().find(query) == std::string::npos) continue;
    if (page.products.size() == limit) {
      page.next = page.products.back()->sku();
      break;
    }
    page.products.push_back(at->second);
  }
  return page;
}

std::int64_t FakeService::low_stock_units(std::string_view sku) {
  const auto known = shop.catalogue.product(sku).value();
  return known && known->has_low_stock_micro() ? known->low_stock_micro()
                                               : shop.facts.low_stock_units;
}

Result<EntryPointer> FakeService::entry(const mesh::EntryId& id) {
  for (const EntryPointer& each : entries) {
    if (each->envelope.id == id) return each;
  }
  return EntryPointer();
}

Result<std::optional<mesh::EntryId>> FakeService::voided_by(const mesh::Entry& entry) {
  for (const EntryPointer& each : entries) {
    if (each->envelope.claim == mesh::void_claim(entry)) {
      return std::optional<mesh::EntryId>(each->envelope.id);
    }
  }
  return std::optional<mesh::EntryId>();
}

Result<std::vector<EntryPointer>> FakeService::refunds_of(const mesh::EntryId& sale) {
  std::vector<EntryPointer> found;
  for (const EntryPointer& each : entries) {
    const auto* refund = each->as<v1::Refund>();
    if (refund && refund->original().number() == sale.number) found.push_back(each);
  }
  return found;
}

mesh::Copies FakeService::copies(const mesh::EntryId&) const {
  return {3, 1};
}
bool FakeService::in_cloud(const mesh::EntryId& id) const {
  return id.number == 1;
}

Result<std::vector<JournalSummary>> FakeService::journals() {
  std::vector<JournalSummary> all;
  if (entries.empty()) return all;
  JournalSummary journal;
  journal.journal = entries.front()->envelope.id.journal;
  journal.device = shop.facts.device;
  journal.terminal = "till-1";
  journal.stored.add(crdt::Interval{1, entries.size()});
  journal.own = true;
  all.push_back(journal);
  return all;
}

Result<JournalPage> FakeService::journal_page(const JournalId& journal, std::uint64_t from,
                                              std::size_t limit, std::size_t) {
  if (entries.empty() || entries.front()->envelope.id.journal != journal) {
    return make_error(ErrorCode::not_found, "There is no such journal here.", "journal");
  }
  JournalPage page;
  page.device = shop.facts.device;
  for (const EntryPointer& each : entries) {
    if (each->envelope.id.number < from) continue;
    if (page.entries.size() == limit) {
      page.next = each->envelope.id.number;
      break;
    }
    page.entries.push_back(each);
  }
  return page;
}

StoreCalendar::Day FakeMoveIns::day_of(WallTime time) {
  return StoreCalendar::make("UTC", "00:00").value().day_of(time);
}

Result<std::vector<EntryPointer>> FakeMoveIns::claiming(const Hash& claim) {
  std::vector<EntryPointer> found;
  for (const EntryPointer& entry : entries_) {
    if (entry->envelope.claim == claim) found.push_back(entry);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a->hash < b->hash; });
  return found;
}

Result<bool> FakeMoveIns::is_withdrawn(const MoveInId& move_in) {
  return *count(move_in, mesh::Kind::history_withdrawn) > 0;
}

Result<std::uint64_t> FakeMoveIns::count(const MoveInId& move_in, mesh::Kind kind) {
  return std::count_if(entries_.begin(), entries_.end(), [&](const EntryPointer& entry) {
    return entry->envelope.kind == kind && mesh::move_in_of(entry->envelope) == move_in;
  });
}

Result<MoveInPage> FakeMoveIns::page(const MoveInId& move_in, mesh::Kind kind, std::int64_t after,
                                     std::size_t limit) {
  MoveInPage page;
  for (std::size_t i = static_cast<std::size_t>(after); i < entries_.size(); ++i) {
    const mesh::Envelope& envelope = entries_[i]->envelope;
    if (envelope.kind != kind || mesh::move_in_of(envelope) != move_in) continue;
    page.entries.push_back(entries_[i]);
    if (page.entries.size() == limit) {
      page.next = static_cast<std::int64_t>(i) + 1;
      break;
    }
  }
  return page;
}

Result<std::vector<EntryPointer>> FakeMoveIns::printed_as(const std::string& receipt) {
  std::vector<EntryPointer> found;
  for (const EntryPointer& entry : entries_) {
    if (mesh::former_receipt_of(entry->envelope) == receipt) found.push_back(entry);
  }
  return found;
}

Result<std::optional<Bytes>> FakeMoveIns::note(const MoveInId& move_in) {
  const auto kept = notes.find(move_in);
  return kept == notes.end() ? std::optional<Bytes>() : std::optional<Bytes>(kept->second);
}

Status FakeMoveIns::keep_note(const MoveInId& move_in, BytesView note) {
  notes[move_in] = Bytes(note);
  return {};
}

Status FakeMoveIns::drop_note(const MoveInId& move_in) {
  notes.erase(move_in);
  return {};
}

void FakeService::raise_alarm(const std::string& code, const std::string& message) {
  alarms.push_back(code + ": " + message);
}

void FakeService::refresh_metrics(Metrics& metrics) {
  metrics.members_alive.Set(1);
}

}  // namespace titan::pos::test
