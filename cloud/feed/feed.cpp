#include "cloud/feed/feed.h"

#include <chrono>
#include <cstring>
#include <stdexcept>

#include "cloud/config/cloud_key.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/wire/product_list.h"
#include "proto/entry.pb.h"

namespace titan::cloud {

namespace {

std::uint32_t date_of_time(WallTime time) {
  using namespace std::chrono;
  const year_month_day date{floor<days>(sys_time<milliseconds>(milliseconds(time.utc_ms)))};
  return static_cast<std::uint32_t>(static_cast<int>(date.year())) * 10000 +
         static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day());
}

WallTime wall_now() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

// A nonce must be as unguessable as any other; this is a host, so it may draw.
Random fresh_random() {
  std::uint64_t seed = 0;
  std::memcpy(&seed, random_seed().bytes.data(), sizeof seed);
  return Random(seed);
}

}  // namespace

FeedWriter::FeedWriter(const mesh::Codec& codec, KeyPair cloud_key)
    : codec_(codec), key_(cloud_key) {}

std::vector<std::shared_ptr<const mesh::Entry>> FeedWriter::append(
    pqxx::transaction_base& transaction, const StoreKey& key, StoreRow& row,
    const std::vector<FeedItem>& items) const {
  Random random = fresh_random();
  mesh::JournalWriterConfig config;
  config.terminal = "cloud";
  config.tenant_store = mesh::tenant_store_hash(key.tenant, key.store);
  mesh::JournalWriter writer(codec_, key_, ProcessId::draw(random), config, {}, 0, row.feed_clock,
                             random);
  if (row.feed.number > 0) writer.continue_journal(row.feed, row.feed_opening, row.feed_time);

  const WallTime now = wall_now();
  std::vector<std::shared_ptr<const mesh::Entry>> entries;
  const auto write = [&](const FeedItem& item) {
    mesh::EntryDraft draft;
    draft.kind = item.kind;
    draft.time = now;
    draft.business_date = date_of_time(now);
    draft.clock_quality = mesh::ClockQuality::synchronised;
    draft.body = item.body;
    auto entry = writer.write(draft);
    if (!entry) throw std::runtime_error(entry.error().message);
    entries.push_back(std::move(*entry));
  };
  if (!writer.is_open()) write({mesh::Kind::setting, {}});
  for (const auto& item : items) write(item);
  if (entries.empty()) return entries;
  row.feed = writer.tail();
  row.feed_opening = writer.opening_hash();
  row.feed_time = entries.back()->envelope.time;
  row.feed_clock = writer.logical_clock();
  write_feed_position(transaction, key.store, row);
  return entries;
}

Result<std::vector<FeedItem>> product_items(const std::vector<Bytes>& products) {
  Bytes all;  // a serialised Products
  for (const auto& product : products) {
    titan::entry::v1::Products one;
    if (!one.add_products()->ParseFromString(product)) {
      return make_error(ErrorCode::corrupt, "a product of the catalogue cannot be read");
    }
    one.AppendToString(&all);
  }
  std::vector<FeedItem> items;
  if (products.empty()) return items;
  if (products.size() <= products_per_entry_max && all.size() <= feed_body_bytes_max) {
    items.push_back({mesh::Kind::product, std::move(all)});
    return items;
  }
  Random random = fresh_random();
  auto unit = mesh::make_list_unit(mesh::ListId::draw(random), all,
                                   static_cast<std::uint32_t>(products.size()));
  if (!unit) return unit.error();
  for (Bytes& part : unit->parts) {
    items.push_back({mesh::Kind::product_list_part, std::move(part)});
  }
  items.push_back({mesh::Kind::product_list, std::move(unit->head)});
  return items;
}

}  // namespace titan::cloud
