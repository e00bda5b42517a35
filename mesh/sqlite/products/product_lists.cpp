// Product lists: which parts have arrived, and the moment a list is whole.
#include "mesh/sqlite/products/products.h"
#include "mesh/wire/product_list.h"
#include "proto/entry.pb.h"

namespace titan::mesh {
namespace {

namespace wire = titan::entry::v1;

// An entry out of `entries`, where only verified ones are.
struct StoredBody {
  wire::Envelope envelope;
  Hash hash;
};

std::optional<StoredBody> read_body(Connection& connection, std::int64_t position) {
  Use use = connection.use("SELECT bytes, hash FROM entries WHERE position = ?");
  use.integer(1, position);
  if (!use.step()) return std::nullopt;
  wire::SignedEntry signed_entry;
  StoredBody stored;
  if (!signed_entry.ParseFromString(use.bytes_at(0)) ||
      !stored.envelope.ParseFromString(signed_entry.envelope())) {
    return std::nullopt;
  }
  stored.hash = use.id_at<Hash>(1).value_or(Hash{});
  return stored;
}

}  // namespace

void ProductProjection::apply_list_part(const Entry& entry, std::int64_t position) {
  const auto part = parse_list_part(entry.envelope.body);
  if (!part) return;
  const JournalId& journal = entry.envelope.id.journal;
  {
    Use use = connection_.use(
        "INSERT OR IGNORE INTO product_list_parts(journal, list, part, position) "
        "VALUES(?, ?, ?, ?)");
    use.blob(1, journal.view()).blob(2, part->list.view()).integer(3, part->index);
    use.integer(4, position).run();
  }
  bring_into_force(journal, part->list.view());
}

void ProductProjection::apply_list_head(const Entry& entry, std::int64_t position) {
  const auto head = parse_list_head(entry.envelope.body);
  if (!head) return;
  const JournalId& journal = entry.envelope.id.journal;
  {
    Use use = connection_.use(
        "INSERT OR IGNORE INTO product_lists(journal, list, position, parts, in_force) "
        "VALUES(?, ?, ?, ?, 0)");
    use.blob(1, journal.view()).blob(2, head->list.view()).integer(3, position);
    use.integer(4, head->parts).run();
  }
  bring_into_force(journal, head->list.view());
}

void ProductProjection::bring_into_force(const JournalId& journal, BytesView list) {
  std::int64_t head = 0;
  std::int64_t expected = 0;
  {
    Use use = connection_.use(
        "SELECT position, parts FROM product_lists WHERE journal = ? AND list = ? AND "
        "in_force = 0");
    use.blob(1, journal.view()).blob(2, list);
    if (!use.step()) return;
    head = use.integer_at(0);
    expected = use.integer_at(1);
  }
  std::vector<std::int64_t> parts;
  {
    Use use = connection_.use(
        "SELECT position FROM product_list_parts WHERE journal = ? AND list = ? AND part < ? "
        "ORDER BY part");
    use.blob(1, journal.view()).blob(2, list).integer(3, expected);
    while (use.step()) parts.push_back(use.integer_at(0));
  }
  if (static_cast<std::int64_t>(parts.size()) < expected) return;
  const bool done = apply_list(head, parts);
  Use use = connection_.use("UPDATE product_lists SET in_force = ? WHERE journal = ? AND list = ?");
  use.integer(1, done ? 1 : -1).blob(2, journal.view()).blob(3, list).run();
}

bool ProductProjection::apply_list(std::int64_t head_position,
                                   const std::vector<std::int64_t>& parts) {
  const auto stored = read_body(connection_, head_position);
  const auto head = stored ? parse_list_head(stored->envelope.body()) : std::nullopt;
  if (!head) return false;
  std::vector<Bytes> data;
  for (const std::int64_t position : parts) {
    const auto body = read_body(connection_, position);
    const auto part = body ? parse_list_part(body->envelope.body()) : std::nullopt;
    if (!part) return false;
    data.emplace_back(part->data);
  }
  const auto whole = join_list(*head, data);
  if (!whole) return false;
  data.clear();
  const auto products = split_products(*whole);
  if (!products) return false;
  Writer writer;
  writer.logical_clock = stored->envelope.logical_clock();
  writer.journal = JournalId::from_bytes(stored->envelope.journal()).value_or(JournalId{});
  writer.hash = stored->hash;
  const auto device = DeviceId::from_bytes(stored->envelope.device()).value_or(DeviceId{});
  writer.is_feed = !cloud_device_.is_none() && device == cloud_device_;
  std::size_t index = 0;
  for (const BytesView product : *products) apply_product(writer, index++, product);
  return true;
}

}  // namespace titan::mesh
