#include "figures.h"

#include <catch2/catch.hpp>
#include <set>

#include "mesh/sqlite/journal/recovery.h"

namespace titan::mesh::testing {

Result<std::map<Hash, Bytes>> read_entries(SqliteStore& store) {
  std::map<Hash, Bytes> found;
  auto reader = store.open_reader();
  if (!reader) return reader.error();
  std::int64_t position = 0;
  for (;;) {
    const auto entries = (*reader)->entries_after(position, 1000, 1 << 26);
    if (!entries) return entries.error();
    if (entries->empty()) return found;
    for (const auto& entry : *entries) found[entry.hash] = entry.bytes;
    position = entries->back().position;
  }
}

std::map<Hash, Bytes> entries_in(SqliteStore& store) {
  return must(read_entries(store));
}

std::string complaint_about(const StoredState& state, const std::map<Hash, Bytes>& entries) {
  std::map<JournalId, std::set<std::uint64_t>> numbers;
  std::map<Hash, std::vector<crdt::StockEffect>> claimed;
  std::map<std::string, crdt::StockSum> sums;
  const auto add = [&](const std::vector<crdt::StockEffect>& effects) {
    for (const crdt::StockEffect& effect : effects) {
      sums[effect.product].added += effect.added;
      sums[effect.product].removed += effect.removed;
    }
  };
  for (const auto& [hash, bytes] : entries) {
    const auto entry = codec().decode_entry(bytes);
    if (!entry || blake2b(bytes) != hash) return "an entry whose bytes do not have its hash";
    const Envelope& envelope = entry->envelope;
    numbers[envelope.id.journal].insert(envelope.id.number);
    if (envelope.claim.is_none()) {
      add(envelope.stock_effects);
    } else {  // in the order of their hashes: the first one counts
      claimed.try_emplace(envelope.claim, envelope.stock_effects);
    }
  }
  for (const auto& [claim, effects] : claimed) add(effects);
  std::erase_if(sums, [](const auto& sum) { return sum.second == crdt::StockSum{}; });

  std::map<JournalId, std::set<std::uint64_t>> told;
  for (const auto& [device, journals] : state.vector.devices()) {
    for (const auto& [journal, item] : journals) {
      for (const auto& interval : item.stored.intervals()) {
        if (interval.count() > entries.size()) return "a vector with numbers that no entry has";
        for (std::uint64_t i = interval.first; i <= interval.last; ++i) told[journal].insert(i);
      }
    }
  }
  if (told != numbers) return "a vector that is not that of the entries";
  for (const auto& [product, sum] : sums) {
    if (state.stock.on_hand(product) != sum.on_hand()) return "the stock of " + product;
  }
  if (state.stock.sums().size() != sums.size()) return "stock of what no entry moved";
  return {};
}

void require_figures_of_entries(SqliteStore& store) {
  REQUIRE(complaint_about(must(store.load()), entries_in(store)) == "");
}

std::unique_ptr<SqliteStore> start(const std::string& path, std::uint64_t& recovered) {
  StoreOptions options;
  options.path = path;
  must(finish_interrupted_recovery(path));
  auto opened = SqliteStore::open(options, identity(), codec());
  if (!opened || !(*opened)->load()) {
    const Error error = opened ? (*opened)->load().error() : opened.error();
    INFO(error.message);
    REQUIRE(error.code == ErrorCode::corrupt);
    if (opened) opened->reset();
    must(recover(options, identity(), codec(), "x" + std::to_string(recovered)));
    ++recovered;
    opened = SqliteStore::open(options, identity(), codec());
  }
  auto store = must(std::move(opened));
  must(take_in_beside(*store, options, identity(), codec()));
  return store;
}

}  // namespace titan::mesh::testing
