// Product lists: which parts have arrived, and the moment a list is whole.
#include <algorithm>
#include <set>

#include "mesh/wire/product_list.h"
#include "proto/entry.pb.h"
#include "uplink/postgres/row_buffers.h"
#include "uplink/postgres/row_fields.h"
#include "uplink/postgres/store_projector.h"

namespace titan::uplink {
namespace {

// Rows of one INSERT; a list goes in as many as it takes, all in the caller's transaction.
constexpr std::size_t rows_per_statement = 1000;

// `bytes`: of an entry in the table, where only verified ones are.
bool parse_entry(BytesView bytes, entry::v1::Envelope& envelope) {
  entry::v1::SignedEntry signed_entry;
  return signed_entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         envelope.ParseFromString(signed_entry.envelope());
}

Error unreadable() {
  return make_error(ErrorCode::corrupt, "a part of the list cannot be read");
}

}  // namespace

void StoreProjector::apply_lists(pqxx::transaction_base& transaction, Entries entries,
                                 SqlRows& quarantined) {
  SqlRows heads;
  SqlRows parts;
  std::set<std::pair<JournalId, mesh::ListId>> touched;
  for (const auto& entry : entries) {
    const auto& id = entry->envelope.id;
    if (entry->envelope.kind == mesh::Kind::product_list_part) {
      const auto part = mesh::parse_list_part(entry->envelope.body);
      if (!part) continue;
      parts.begin_row().text(store_).bytes(id.journal.view()).bytes(part->list.view());
      parts.number(part->index).number(id.number).bytes(entry->hash.view()).end_row();
      touched.emplace(id.journal, part->list);
    } else if (entry->envelope.kind == mesh::Kind::product_list) {
      const auto head = mesh::parse_list_head(entry->envelope.body);
      if (!head) continue;
      heads.begin_row().text(store_).bytes(id.journal.view()).bytes(head->list.view());
      heads.number(id.number).bytes(entry->hash.view()).number(head->parts).boolean(false);
      heads.end_row();
      touched.emplace(id.journal, head->list);
    }
  }
  if (!heads.empty()) {
    transaction.exec("INSERT INTO product_lists VALUES " + heads.sql() + " ON CONFLICT DO NOTHING");
  }
  if (!parts.empty()) {
    transaction.exec("INSERT INTO product_list_parts VALUES " + parts.sql() +
                     " ON CONFLICT DO NOTHING");
  }
  for (const auto& [journal, list] : touched) {
    apply_list(transaction, journal, list.view(), quarantined);
  }
}

void StoreProjector::apply_list(pqxx::transaction_base& transaction, const JournalId& journal,
                                BytesView list, SqlRows& quarantined) {
  const std::string where = " WHERE store = " + sql_text(store_) +
                            " AND journal = " + sql_bytes(journal.view()) +
                            " AND list = " + sql_bytes(list);
  const auto heads = transaction.exec(
      "SELECT l.number, l.hash, l.parts, e.bytes FROM (SELECT * FROM product_lists" + where +
      " AND NOT in_force) l JOIN entries e USING (store, journal, number, hash)");
  if (heads.empty()) return;
  const auto expected = heads[0][2].as<std::size_t>();
  const auto rows =
      transaction.exec("SELECT e.bytes FROM (SELECT * FROM product_list_parts" + where +
                       " AND part < " + std::to_string(expected) +
                       ") p JOIN entries e USING (store, journal, number, hash) ORDER BY p.part");
  if (static_cast<std::size_t>(rows.size()) < expected) return;
  std::vector<Bytes> parts;
  for (const auto& row : rows) parts.push_back(bytes_from(row[0]));
  const mesh::EntryId id{journal, heads[0][0].as<std::uint64_t>()};
  const auto hash = id_from<Hash>(heads[0][1]);
  const Bytes head_bytes = bytes_from(heads[0][3]);
  const Status written = write_list(transaction, id, hash, head_bytes, parts);
  if (!written) {
    return quarantine(quarantined, id, hash, mesh::Kind::product_list, written.error().message);
  }
  transaction.exec("UPDATE product_lists SET in_force = true" + where);
}

Status StoreProjector::write_list(pqxx::transaction_base& transaction, const mesh::EntryId& id,
                                  const Hash& hash, BytesView head_bytes,
                                  const std::vector<Bytes>& parts) {
  entry::v1::Envelope envelope;
  if (!parse_entry(head_bytes, envelope)) return unreadable();
  const auto head = mesh::parse_list_head(envelope.body());
  if (!head) return unreadable();
  std::vector<Bytes> data;
  for (const Bytes& bytes : parts) {
    entry::v1::Envelope of_part;
    if (!parse_entry(bytes, of_part)) return unreadable();
    const auto part = mesh::parse_list_part(of_part.body());
    if (!part) return unreadable();
    data.emplace_back(part->data);
  }
  const auto whole = mesh::join_list(*head, data);
  if (!whole) return whole.error();
  const auto products = mesh::split_products(*whole);
  if (!products) return products.error();

  // The rows are those of a PRODUCT entry with the list's place in time.
  mesh::Entry writer;
  writer.envelope.id = id;
  writer.envelope.logical_clock = envelope.logical_clock();
  writer.hash = hash;
  const auto device = DeviceId::from_bytes(envelope.device()).value_or(DeviceId{});
  for (const BytesView product : *products) {  // none is written unless all can be
    if (const auto row = product_row(product); !row) return row.error();
  }
  for (std::size_t begin = 0; begin < products->size(); begin += rows_per_statement) {
    const std::size_t end = std::min(products->size(), begin + rows_per_statement);
    EntryRows rows;
    for (std::size_t i = begin; i < end; ++i) rows.products.push_back(*product_row((*products)[i]));
    RowBuffers buffers(store_);
    buffers.add(writer, std::move(rows), true, device == cloud_device_);
    buffers.write(transaction);
  }
  return {};
}

}  // namespace titan::uplink
