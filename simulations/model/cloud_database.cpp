// The modelled cloud behind its gateways: the projector that takes the log into the database, and
// what the database then tells the store: watermark, feed, entries that the store lost.
#include <algorithm>
#include <utility>

#include "mesh/journal/idempotency.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/watermark/signing.h"
#include "mesh/watermark/telling.h"
#include "proto/entry.pb.h"
#include "simulations/model/cloud.h"

namespace titan::simulations {
namespace {

// As cloud/gateway.h has them.
constexpr Duration watermark_every = milliseconds(50);
constexpr std::size_t feed_entries_per_push = 64;
constexpr std::uint64_t lost_bytes_min = 64 * 1024;
constexpr std::uint64_t lost_bytes_max = 1024 * 1024;
// Fewer than the real one's: a run is shorter than a month.
constexpr std::uint64_t folds_per_whole = 4;
// A rough figure of a PostgreSQL transaction.
constexpr Duration projection_takes = milliseconds(3);

}  // namespace

// ---- projector ---------------------------------------------------------------------------------

void Cloud::project_next() {
  if (projecting_ || log_.empty()) return;
  projecting_ = true;
  surroundings_.schedule.in(projection_takes, [this] {
    projecting_ = false;
    const Record record = std::move(log_.front());
    log_.pop_front();
    project(record);
    project_next();
  });
}

void Cloud::project(const Record& record) {
  bool changed = false;
  crdt::VersionVector vector = database_.held.vector();
  for (const PublicKey& key : record.keys) database_.keys.emplace(device_of(key), key);
  for (const auto& entry : record.entries) {
    const mesh::Envelope& envelope = entry->envelope;
    if (!database_.entries.emplace(EntryKey{envelope.id, entry->hash}, entry->bytes).second) {
      continue;
    }
    changed = true;
    if (envelope.opening) {
      const PublicKey& key = envelope.opening->device_public_key;
      database_.keys.emplace(device_of(key), key);
    }
    // As cloud/projector.cpp: head office orders behind every price that it has seen.
    if (mesh::is_layered(envelope.kind)) {
      database_.feed_clock = std::max(database_.feed_clock, envelope.logical_clock);
    }
    vector.add(envelope.device, envelope.id.journal, envelope.id.number, entry->hash);
    database_.stock.apply(entry->hash, envelope.claim, envelope.stock_effects);
    if (!envelope.claim.is_none() && !mesh::claims_its_request(envelope) &&
        !mesh::is_beside_stock(*entry)) {
      database_.claims.insert(envelope.claim);
    }
    database_.has_news = true;
    surroundings_.recorder.observe(CloudHolds{surroundings_.recorder.facts(*entry)});
  }
  if (!changed) return;
  database_.held.become(std::move(vector));
  ++database_.sequence;
  moved();
}

void Cloud::moved() {
  surroundings_.recorder.observe(WatermarkSigned{database_.sequence, vector().entry_count()});
  for (Gateway& gateway : gateways_) {
    if (!gateway.session) continue;
    gateway.gate->pass([this, session = gateway.session] {
      push_watermark(session);
      push_feed(session);
    });
  }
}

mesh::Watermark Cloud::watermark() const {
  mesh::WatermarkStatement statement;
  statement.epoch = database_.epoch;
  statement.epoch_random = Bytes(16, static_cast<char>('d' + database_.epoch));
  statement.sequence = database_.sequence;
  statement.tenant = tenant_name;
  statement.store = store_name;
  statement.root = database_.held.root();
  statement.entries = vector().entry_count();
  return mesh::sign_watermark(codec_, key_, statement);
}

void Cloud::note_told(Session& session) const {
  session.watermark_sent = database_.sequence;
  session.told = database_.held;
}

void Cloud::push_watermark(const SessionPointer& session) {
  if (session->phase != Phase::up || database_.sequence <= session->watermark_sent ||
      session->watermark_waiting) {
    return;
  }
  Gateway& gateway = gateways_[session->gateway];
  const MonoTime now = surroundings_.schedule.now();
  if (now < gateway.watermark_next) {
    session->watermark_waiting = true;
    gateway.gate->at(gateway.watermark_next, [this, session] {
      session->watermark_waiting = false;
      push_watermark(session);
    });
    return;
  }
  gateway.watermark_next = now + watermark_every;
  uplink::ServerPush push;
  push.watermark = mesh::update_from(session->told, watermark(), database_.held);
  note_told(*session);
  send(session, push);
}

// The real one's wait while much is queued is left out: the model's stores ask once at a time.
void Cloud::on_watermark_request(const SessionPointer& session,
                                 const mesh::WatermarkRequest& request) {
  if (session->phase != Phase::up) return;
  const auto slice = mesh::slice_for(request, watermark(), database_.held);
  if (slice.next == 0) note_told(*session);
  send(session, slice);
}

// ---- feed and entries the store lost -----------------------------------------------------------

void Cloud::open_feed() {
  write_feed(mesh::Kind::setting, {});
  change_products(surroundings_.scenario.workload.products);
}

void Cloud::write_feed(mesh::Kind kind, Bytes body) {
  Random random(random_.next());
  mesh::JournalWriterConfig config;
  config.terminal = "cloud";
  config.tenant_store = mesh::tenant_store_hash(tenant_name, store_name);
  mesh::JournalWriter writer(codec_, key_, ProcessId::draw(random), config, {}, 0,
                             database_.feed_clock, random);
  if (database_.feed.number > 0) {
    writer.continue_journal(database_.feed, database_.feed_opening, database_.feed_time);
  }
  mesh::EntryDraft draft;
  draft.kind = kind;
  draft.time = {wall_start_ms + surroundings_.schedule.now().since_start / milliseconds(1)};
  draft.business_date = business_date;
  draft.clock_quality = mesh::ClockQuality::synchronised;
  draft.body = std::move(body);
  const auto entry = writer.write(draft);
  if (!entry) return;
  database_.feed = writer.tail();
  database_.feed_opening = writer.opening_hash();
  database_.feed_time = (*entry)->envelope.time;
  database_.feed_clock = writer.logical_clock();
  project({{*entry}, {key_.public_key}});
}

void Cloud::change_products(std::uint32_t count) {
  constexpr std::uint32_t products_per_entry = 200;
  const std::uint32_t products =
      std::max<std::uint32_t>(1, surroundings_.scenario.workload.products);
  while (count > 0) {
    titan::entry::v1::Products body;
    for (std::uint32_t i = 0; i < std::min(count, products_per_entry); ++i) {
      auto* product = body.add_products();
      product->set_sku("product-" + std::to_string(next_product_++ % products + 1));
      product->set_description("Product of price list " + std::to_string(random_.below(10'000)));
    }
    count -= static_cast<std::uint32_t>(body.products_size());
    write_feed(mesh::Kind::product, body.SerializeAsString());
  }
}

// As cloud/ledger/folding.cpp.
void Cloud::fold() {
  if (database_.feed.number == 0 || !std::exchange(database_.has_news, false)) return;
  Folded next;
  next.number = database_.folded.number + 1;
  next.state.covered = vector();
  next.state.sums = database_.stock.sums();
  for (const Hash& claim : database_.claims) {
    next.state.claims.emplace(claim, database_.stock.claims().at(claim));
  }
  const bool is_whole = database_.folded.number % folds_per_whole == 0;
  const Folded before = is_whole ? Folded{} : database_.folded;
  mesh::FoldContent content = mesh::what_changed(before.state, next.state);
  if (bugs_.folds_badly && !content.sums.empty()) {
    content.sums.begin()->second.added += crdt::stock_units_per_piece;
  }
  mesh::Fold fold;
  fold.number = next.number;
  fold.base = before.number;
  fold.base_hash = before.content_hash;
  fold.entries = next.state.covered.entry_count();
  fold.stock_digest = database_.stock.digest();
  auto unit = mesh::make_fold_unit(fold, content);
  if (!unit) return;
  next.content_hash = mesh::parse_fold(unit->head)->content.hash;
  for (Bytes& part : unit->parts) write_feed(mesh::Kind::product_list_part, std::move(part));
  write_feed(mesh::Kind::fold, std::move(unit->head));
  database_.folded = std::move(next);
  database_.has_news = false;
  surroundings_.recorder.reach(is_whole ? "whole_fold_made" : "fold_made");
}

void Cloud::push_feed(const SessionPointer& session) {
  if (session->phase != Phase::up || session->feed_reading) return;
  if (session->feed_sent >= database_.feed.number) return;
  session->feed_reading = true;
  surroundings_.schedule.in(database_time(), [this, session] {
    uplink::ServerPush push;
    std::uint64_t last = session->feed_sent;
    const auto from =
        database_.entries.lower_bound({{database_.feed.journal, session->feed_sent + 1}, Hash{}});
    for (auto at = from; at != database_.entries.end(); ++at) {
      if (at->first.first.journal != database_.feed.journal) break;
      if (push.feed_entries.size() >= feed_entries_per_push) break;
      last = at->first.first.number;
      push.feed_entries.push_back(at->second);
    }
    gate(session)->pass([this, session, push = std::move(push), last] {
      session->feed_reading = false;
      if (session->phase != Phase::up || push.feed_entries.empty()) return;
      session->feed_sent = last;
      send(session, push);
      push_feed(session);
    });
  });
}

void Cloud::on_wanted(const SessionPointer& session, const uplink::EntriesWanted& wanted) {
  if (session->phase != Phase::up) return;
  surroundings_.recorder.reach("lost_entries_fetched");
  surroundings_.schedule.in(database_time(), [this, session, wanted] {
    uplink::LostEntries lost;
    lost.request = wanted.request;
    lost.last = true;
    const auto bytes_max = std::clamp(wanted.bytes_max, lost_bytes_min, lost_bytes_max);
    std::size_t bytes = 0;
    for (const auto& [journal, numbers] : wanted.wanted) {
      for (auto at = database_.entries.lower_bound({{journal, 0}, Hash{}});
           at != database_.entries.end() && at->first.first.journal == journal; ++at) {
        if (!numbers.contains(at->first.first.number)) continue;
        if (!lost.entries.empty() && bytes + at->second.size() > bytes_max) break;
        bytes += at->second.size();
        lost.entries.push_back(at->second);
      }
    }
    for (const auto& [device, key] : database_.keys) lost.device_keys.push_back(key);
    gate(session)->pass([this, session, lost = std::move(lost)] {
      if (session->phase == Phase::up) send(session, lost);
    });
  });
}

}  // namespace titan::simulations
