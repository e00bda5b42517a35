#include "uplink/postgres/store_projector.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

#include "uplink/postgres/data_fault.h"
#include "uplink/postgres/row_buffers.h"
#include "uplink/postgres/row_fields.h"
#include "uplink/postgres/sql_values.h"

namespace titan::uplink {

namespace {

using Identity = std::tuple<JournalId, std::uint64_t, Hash>;

std::string row_of(const std::string& store, const mesh::EntryId& id, const Hash& hash) {
  return " WHERE store = " + sql_text(store) + " AND journal = " + sql_bytes(id.journal.view()) +
         " AND number = " + std::to_string(id.number) + " AND hash = " + sql_bytes(hash.view());
}

}  // namespace

crdt::ContentSum content_from(const pqxx::field& field) {
  using Content = FixedBytes<struct ContentBytesTag, 16>;
  return crdt::ContentSum::from_bytes(id_from<Content>(field).bytes);
}

std::string intervals_text(const crdt::IntervalSet& numbers) {
  std::string text;
  for (const auto& interval : numbers.intervals()) {
    if (!text.empty()) text += ',';
    text += std::to_string(interval.first) + '-' + std::to_string(interval.last);
  }
  return text;
}

crdt::IntervalSet intervals_from_text(const std::string& text) {
  crdt::IntervalSet numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    crdt::Interval interval;
    const auto first = std::from_chars(at, end, interval.first);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return {};
    const auto last = std::from_chars(first.ptr + 1, end, interval.last);
    if (last.ec != std::errc{}) return {};
    numbers.add(interval);
    at = last.ptr + 1;
  }
  return numbers;
}

StoreProjector::StoreProjector(std::string store, const DeviceId& cloud_device)
    : store_(std::move(store)), cloud_device_(cloud_device) {}

void StoreProjector::load(pqxx::transaction_base& transaction) {
  vector_ = {};
  keys_.clear();
  touched_.clear();
  new_keys_.clear();
  const auto cursors = transaction.exec(
      "SELECT journal, device, stored, content FROM sync_state WHERE store = " + sql_text(store_));
  for (const auto& row : cursors) {
    vector_.set(id_from<DeviceId>(row[1]), id_from<JournalId>(row[0]),
                {intervals_from_text(row[2].as<std::string>()), content_from(row[3])});
  }
  const auto devices =
      transaction.exec("SELECT public_key FROM devices WHERE store = " + sql_text(store_));
  for (const auto& row : devices) {
    const auto key = id_from<PublicKey>(row[0]);
    keys_.emplace(device_of(key), key);
  }
}

void StoreProjector::committed() {
  for (auto& [journal, touched] : touched_) {
    vector_.set(touched.device, journal, std::move(touched.item));
  }
  touched_.clear();
  keys_.merge(new_keys_);
  new_keys_.clear();
}

ApplyOutcome StoreProjector::apply(pqxx::transaction_base& transaction, Entries entries,
                                   std::span<const PublicKey> keys, bool without_bodies,
                                   const std::string& why) {
  ApplyOutcome outcome;
  insert_keys(transaction, entries, keys);
  const auto fresh = insert_new(transaction, entries);
  outcome.new_entries = fresh.size();
  if (fresh.empty()) return outcome;

  std::map<std::string, crdt::StockSum> changes;
  Claims claims = stored_claims(transaction, fresh);
  settle_claims(transaction, fresh, claims, changes);
  insert_deltas(transaction, fresh, claims, changes);
  change_inventory(transaction, changes);

  RowBuffers buffers(store_);
  SqlRows quarantined;
  for (const auto& entry : fresh) {
    const auto& envelope = entry->envelope;
    auto rows =
        without_bodies ? Result<EntryRows>(make_error(ErrorCode::corrupt, why)) : rows_of(*entry);
    if (rows) {
      const auto claim = claims.find(envelope.claim);
      const bool counts = claim == claims.end() || claim->second.winner_hash == entry->hash;
      buffers.add(*entry, std::move(*rows), counts, envelope.device == cloud_device_);
      continue;
    }
    const auto place = std::find(entries.begin(), entries.end(), entry);
    outcome.quarantined.push_back(
        {static_cast<std::size_t>(place - entries.begin()), rows.error().message});
    quarantine(quarantined, envelope.id, entry->hash, envelope.kind, rows.error().message);
  }
  buffers.write(transaction);
  if (!without_bodies) apply_lists(transaction, fresh, quarantined);
  if (!quarantined.empty()) {
    transaction.exec("INSERT INTO quarantine (store, journal, number, hash, kind, reason) VALUES " +
                     quarantined.sql() + " ON CONFLICT DO NOTHING");
  }
  move_cursors(transaction, fresh);
  return outcome;
}

void StoreProjector::quarantine(SqlRows& rows, const mesh::EntryId& id, const Hash& hash,
                                mesh::Kind kind, const std::string& reason) const {
  rows.begin_row().text(store_).bytes(id.journal.view()).number(id.number).bytes(hash.view());
  rows.number(static_cast<std::uint32_t>(kind)).text(reason).end_row();
}

void StoreProjector::insert_keys(pqxx::transaction_base& transaction, Entries entries,
                                 std::span<const PublicKey> keys) {
  SqlRows rows;
  const auto add = [&](const PublicKey& key, const std::string& terminal) {
    const DeviceId device = device_of(key);
    if (keys_.contains(device) || !new_keys_.emplace(device, key).second) return;
    rows.begin_row().text(store_).bytes(device.view()).bytes(key.view()).text(terminal).end_row();
  };
  for (const auto& entry : entries) {
    const auto& opening = entry->envelope.opening;
    if (opening && device_of(opening->device_public_key) == entry->envelope.device) {
      add(opening->device_public_key, opening->terminal);
    }
  }
  for (const auto& key : keys) add(key, "");
  if (rows.empty()) return;
  transaction.exec("INSERT INTO devices (store, device, public_key, terminal) VALUES " +
                   rows.sql() + " ON CONFLICT DO NOTHING");
}

std::vector<StoreProjector::EntryPointer> StoreProjector::insert_new(
    pqxx::transaction_base& transaction, Entries entries) {
  if (entries.empty()) return {};
  SqlRows rows;
  for (const auto& entry : entries) {
    const auto& envelope = entry->envelope;
    rows.begin_row().text(store_).bytes(envelope.id.journal.view()).number(envelope.id.number);
    rows.bytes(entry->hash.view()).bytes(envelope.device.view());
    rows.number(static_cast<std::uint32_t>(envelope.kind)).number(envelope.time.utc_ms);
    rows.date(date_of(envelope));
    if (envelope.claim.is_none()) {
      rows.null();
    } else {
      rows.bytes(envelope.claim.view());
    }
    rows.bytes(entry->bytes).end_row();
  }
  const auto inserted = transaction.exec(
      "INSERT INTO entries (store, journal, number, hash, device, kind, utc_ms, business_date, "
      "claim, bytes) VALUES " +
      rows.sql() + " ON CONFLICT DO NOTHING RETURNING journal, number, hash");
  std::set<Identity> fresh;
  for (const auto& row : inserted) {
    fresh.emplace(id_from<JournalId>(row[0]), unsigned_from(row[1]), id_from<Hash>(row[2]));
  }
  std::vector<EntryPointer> result;
  result.reserve(fresh.size());
  for (const auto& entry : entries) {
    const auto& id = entry->envelope.id;
    if (fresh.erase({id.journal, id.number, entry->hash}) > 0) result.push_back(entry);
  }
  return result;
}

StoreProjector::Claims StoreProjector::stored_claims(pqxx::transaction_base& transaction,
                                                     Entries entries) const {
  std::string list;
  for (const auto& entry : entries) {
    if (entry->envelope.claim.is_none()) continue;
    list += (list.empty() ? "" : ",") + sql_bytes(entry->envelope.claim.view());
  }
  Claims claims;
  if (list.empty()) return claims;
  const auto rows = transaction.exec(
      "SELECT claim, journal, number, hash FROM claims WHERE store = " + sql_text(store_) +
      " AND claim IN (" + list + ")");
  for (const auto& row : rows) {
    claims[id_from<Hash>(row[0])] = {{id_from<JournalId>(row[1]), unsigned_from(row[2])},
                                     id_from<Hash>(row[3])};
  }
  return claims;
}

// Of all entries with one claim the one with the smallest hash moves stock. One that counted until
// now and is beaten has its effects taken out again, so the order of arrival does not matter.
void StoreProjector::settle_claims(pqxx::transaction_base& transaction, Entries entries,
                                   Claims& claims, std::map<std::string, crdt::StockSum>& changes) {
  const Claims before = claims;
  std::set<Hash> moved;
  for (const auto& entry : entries) {
    const Hash& claim = entry->envelope.claim;
    if (claim.is_none()) continue;
    const auto [held, first] = claims.try_emplace(claim, Claim{entry->envelope.id, entry->hash});
    if (!first && entry->hash >= held->second.winner_hash) continue;
    held->second = {entry->envelope.id, entry->hash};
    moved.insert(claim);
  }
  SqlRows rows;
  for (const Hash& claim : moved) {
    const Claim& winner = claims.at(claim);
    rows.begin_row().text(store_).bytes(claim.view()).bytes(winner.winner.journal.view());
    rows.number(winner.winner.number).bytes(winner.winner_hash.view()).end_row();
    const auto beaten = before.find(claim);
    if (beaten == before.end()) continue;
    const std::string where = row_of(store_, beaten->second.winner, beaten->second.winner_hash);
    const auto effects = transaction.exec("UPDATE inventory_deltas SET counts = false" + where +
                                          " RETURNING sku, added, removed");
    for (const auto& row : effects) {
      auto& change = changes[row[0].as<std::string>()];
      change.added -= unsigned_from(row[1]);
      change.removed -= unsigned_from(row[2]);
    }
    transaction.exec("UPDATE sales SET counts = false" + where);
  }
  if (rows.empty()) return;
  transaction.exec("INSERT INTO claims (store, claim, journal, number, hash) VALUES " + rows.sql() +
                   " ON CONFLICT (store, claim) DO UPDATE SET journal = excluded.journal, "
                   "number = excluded.number, hash = excluded.hash");
}

void StoreProjector::insert_deltas(pqxx::transaction_base& transaction, Entries entries,
                                   const Claims& claims,
                                   std::map<std::string, crdt::StockSum>& changes) {
  SqlRows rows;
  for (const auto& entry : entries) {
    const auto& envelope = entry->envelope;
    const auto claim = claims.find(envelope.claim);
    const bool counts = claim == claims.end() || claim->second.winner_hash == entry->hash;
    for (std::size_t line = 0; line < envelope.stock_effects.size(); ++line) {
      const auto& effect = envelope.stock_effects[line];
      rows.begin_row().text(store_).bytes(envelope.id.journal.view()).number(envelope.id.number);
      rows.bytes(entry->hash.view()).number(line).text(effect.product);
      rows.number(effect.added).number(effect.removed).text(reason_of(envelope.kind));
      rows.boolean(counts).end_row();
      if (!counts) continue;
      auto& change = changes[effect.product];
      change.added += effect.added;
      change.removed += effect.removed;
    }
  }
  if (rows.empty()) return;
  transaction.exec("INSERT INTO inventory_deltas VALUES " + rows.sql());
}

void StoreProjector::change_inventory(pqxx::transaction_base& transaction,
                                      const std::map<std::string, crdt::StockSum>& changes) {
  if (changes.empty()) return;
  SqlRows rows;
  for (const auto& [sku, change] : changes) {
    rows.begin_row().text(store_).text(sku).number(change.added).number(change.removed).end_row();
  }
  transaction.exec("INSERT INTO inventory AS held (store, sku, added, removed) VALUES " +
                   rows.sql() +
                   " ON CONFLICT (store, sku) DO UPDATE SET "
                   "added = mod(held.added + excluded.added, 18446744073709551616), "
                   "removed = mod(held.removed + excluded.removed, 18446744073709551616)");
}

void StoreProjector::move_cursors(pqxx::transaction_base& transaction, Entries entries) {
  std::set<JournalId> journals;
  for (const auto& entry : entries) {
    const auto& envelope = entry->envelope;
    const JournalId& journal = envelope.id.journal;
    auto [touched, first] = touched_.try_emplace(journal);
    if (first) {
      const auto* known = vector_.find(journal);
      if (known) touched->second.item = *known;
      touched->second.device = vector_.device_of(journal).value_or(envelope.device);
    }
    touched->second.item.stored.add(envelope.id.number);
    touched->second.item.content.add(crdt::ContentSum::of(entry->hash));
    journals.insert(journal);
  }
  SqlRows rows;
  for (const JournalId& journal : journals) {
    const auto& touched = touched_.at(journal);
    const auto content = touched.item.content.to_bytes();
    rows.begin_row().text(store_).bytes(journal.view()).bytes(touched.device.view());
    rows.text(intervals_text(touched.item.stored));
    rows.bytes({reinterpret_cast<const char*>(content.data()), content.size()});
    rows.number(touched.item.stored.count()).end_row();
  }
  transaction.exec(
      "INSERT INTO sync_state (store, journal, device, stored, content, entries) VALUES " +
      rows.sql() +
      " ON CONFLICT (store, journal) DO UPDATE SET stored = excluded.stored, content = "
      "excluded.content, entries = excluded.entries");
}

// One body that the tables refuse, although it can be read, must not keep the others here.
std::size_t StoreProjector::retry_quarantine(pqxx::dbtransaction& transaction,
                                             const mesh::Codec& codec, std::size_t limit) {
  const auto rows = transaction.exec(
      "SELECT e.bytes, e.claim IS NULL OR EXISTS (SELECT 1 FROM claims c WHERE c.store = e.store "
      "AND c.claim = e.claim AND c.hash = e.hash) FROM quarantine q JOIN entries e USING (store, "
      "journal, number, hash) WHERE q.store = " +
      sql_text(store_) + " ORDER BY q.since LIMIT " + std::to_string(limit));
  std::vector<Quarantined> readable;
  for (const auto& row : rows) {
    auto entry = codec.decode_entry(bytes_from(row[0]));
    if (!entry || !rows_of(*entry)) continue;
    readable.push_back({std::make_shared<const mesh::Entry>(std::move(*entry)), row[1].as<bool>()});
  }
  if (readable.empty() || release(transaction, readable)) return readable.size();
  std::size_t released = 0;
  for (const Quarantined& one : readable) released += release(transaction, {&one, 1});
  return released;
}

// All of them, or none where the tables refuse one.
bool StoreProjector::release(pqxx::dbtransaction& transaction,
                             std::span<const Quarantined> entries) {
  try {
    pqxx::subtransaction attempt(transaction, "release");
    RowBuffers buffers(store_);
    std::vector<EntryPointer> again;
    SqlRows quarantined;
    for (const auto& [entry, counts] : entries) {
      auto body = rows_of(*entry);
      if (!body) return false;
      buffers.add(*entry, std::move(*body), counts, entry->envelope.device == cloud_device_);
      attempt.exec("DELETE FROM quarantine" + row_of(store_, entry->envelope.id, entry->hash));
      again.push_back(entry);
    }
    buffers.write(attempt);
    apply_lists(attempt, again, quarantined);
    if (!quarantined.empty()) {
      attempt.exec("INSERT INTO quarantine (store, journal, number, hash, kind, reason) VALUES " +
                   quarantined.sql() + " ON CONFLICT DO NOTHING");
    }
    attempt.commit();
    return true;
  } catch (const pqxx::sql_error& error) {
    if (!is_data_fault(error)) throw;
    return false;
  }
}

}  // namespace titan::uplink
