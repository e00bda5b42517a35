// What is not an entry's own rows: products, stock, settings, cursors, and what the cloud holds.
#include <algorithm>
#include <charconv>
#include <utility>

#include "pos-node/tables/journal_failure.h"
#include "pos-node/tables/projection.h"
#include "pos-node/tables/tables_file.h"
#include "retail/currency.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

std::string micro_text(std::int64_t micro) {
  return retail::to_short_text(micro, 6);
}

std::int64_t rate_of(const mesh::StoredProduct& product) {
  if (product.taxes.empty()) return std::int64_t{product.tax_rate_basis_points} * 10'000;
  std::int64_t rate = 0;
  for (const mesh::StoredTax& tax : product.taxes) rate += tax.rate_micropercent;
  return rate;
}

// "journal:number", with whatever stands behind it.
std::optional<mesh::EntryId> entry_of(std::string_view key) {
  constexpr std::size_t digits = 2 * JournalId::size;
  if (key.size() < digits + 2) return std::nullopt;
  const auto journal = JournalId::from_hex_text(key.substr(0, digits));
  std::uint64_t number = 0;
  std::from_chars(key.data() + digits + 1, key.data() + key.size(), number);
  if (!journal) return std::nullopt;
  return mesh::EntryId{*journal, number};
}

// Whose terminal's cursor they move: sales and movements of stock.
bool is_of_a_terminal(mesh::Kind kind) {
  return (kind >= mesh::Kind::sale && kind <= mesh::Kind::opening_stock) ||
         kind == mesh::Kind::history;
}

}  // namespace

// ---- the cloud --------------------------------------------------------------------------------

bool TablesProjection::is_pending(const mesh::EntryId& id) {
  if (facts_.cloud_key.is_none()) return false;
  if (!is_our_clouds_) return true;
  auto held = in_cloud_.find(id.journal);
  if (held == in_cloud_.end()) {
    held = in_cloud_.emplace(id.journal, ask(journal_.held_by_cloud(id.journal))).first;
  }
  return !held->second.contains(id.number);
}

bool TablesProjection::follow_watermark() {
  if (facts_.cloud_key.is_none()) return true;
  const auto watermark = ask(journal_.watermark());
  const Bytes bytes = watermark ? watermark->statement : Bytes();
  if (watermark_statement_ == bytes) return true;
  in_cloud_.clear();
  is_our_clouds_ = watermark && watermark->cloud_key == facts_.cloud_key;
  if (is_our_clouds_) {
    if (const auto statement = codec_.decode_watermark_statement(bytes)) {
      // A cloud that was brought back from a backup may hold less than it did.
      const std::string epoch = std::to_string(statement->epoch);
      const std::string before = note("cloud_epoch");
      if (!before.empty() && before != epoch) return false;
      put_note("cloud_epoch", epoch);
    }
  }
  watermark_statement_ = bytes;
  std::vector<std::string> sent;
  {
    mesh::Use use = tables_.use("SELECT id FROM sync_outbox");
    while (use.step()) {
      const auto id = entry_of(use.view_at(0));
      if (!id || !is_pending(*id)) sent.push_back(use.bytes_at(0));
    }
  }
  for (const std::string& id : sent) {
    tables_.use("DELETE FROM sync_outbox WHERE id = ?").text(1, id).run();
  }
  return true;
}

// The newest entry of each terminal, by its own logical clock, whatever came last.
void TablesProjection::note_cursor(const Known& known) {
  const mesh::Envelope& envelope = known.entry.envelope;
  if (!is_of_a_terminal(envelope.kind)) return;
  (void)terminal_of(known.entry);  // so that the journal is looked up
  const auto journal = journals_.find(envelope.id.journal);
  const std::string terminal = journal != journals_.end() && !journal->second.terminal.empty()
                                   ? journal->second.terminal
                               : envelope.receipt ? envelope.receipt->terminal
                                                  : std::string();
  if (terminal.empty()) return;
  const Bytes stamp = Bytes(envelope.id.journal.view()) + Bytes(known.entry.hash.view());
  const int newer =
      tables_
          .use(
              "INSERT INTO tables_cursors(terminal_id, clock, stamp) VALUES(?, ?, ?) "
              "ON CONFLICT(terminal_id) DO UPDATE SET clock = excluded.clock, stamp = "
              "excluded.stamp WHERE (excluded.clock, excluded.stamp) > (clock, stamp)")
          .text(1, terminal)
          .number(2, envelope.logical_clock)
          .blob(3, stamp)
          .run();
  if (newer == 0) return;
  tables_.use("INSERT OR REPLACE INTO sync_cursors VALUES(?, ?, ?, ?)")
      .text(1, terminal)
      .text(2, entry_text(envelope.id))
      .text(3, utc_text(envelope.time.utc_ms))
      .text(4, facts_.store)
      .run();
}

// ---- products ---------------------------------------------------------------------------------

// Layers decide what is in force, and the journal's own tables know them: here it is only noted
// which products to look up anew. Of a list that may be all of them.
void TablesProjection::note_layers(const Known& known) {
  switch (known.entry.envelope.kind) {
    case mesh::Kind::product: {
      v1::Products body;
      if (!body.ParseFromString(known.entry.envelope.body)) return;
      for (const v1::Product& product : body.products()) skus_.insert(product.sku());
      return;
    }
    case mesh::Kind::product_list_part:
    case mesh::Kind::product_list:
      return put_note("products_after", "");
    case mesh::Kind::setting:
      settings_changed_ = true;
      return;
    default:
      return;
  }
}

void TablesProjection::write_products(const TablesStep& limits) {
  const std::string basis = ask(journal_.projection_basis());
  if (note("projection_basis") != basis) {
    put_note("projection_basis", basis);
    put_note("products_after", "");
    settings_changed_ = true;
  }
  for (const std::string& sku : skus_) {
    if (const auto product = ask(journal_.product(sku))) write_product(*product);
  }
  if (has_note("products_after")) write_product_page(note("products_after"), limits.products_max);
}

void TablesProjection::write_product_page(const std::string& after, std::size_t limit) {
  const mesh::ProductPage page = ask(journal_.list_products(limit, after));
  std::set<std::string> gone;
  {
    mesh::Use use = page.next.empty()
                        ? tables_.use("SELECT id FROM products WHERE id > ? AND ? = ''")
                        : tables_.use("SELECT id FROM products WHERE id > ? AND id <= ?");
    use.text(1, after).text(2, page.next);
    while (use.step()) gone.insert(use.bytes_at(0));
  }
  for (const mesh::StoredProduct& product : page.products) {
    gone.erase(product.sku);
    write_product(product);
  }
  for (const std::string& sku : gone) {
    tables_.use("DELETE FROM products WHERE id = ?").text(1, sku).run();
  }
  if (page.next.empty()) {
    drop_note("products_after");
  } else {
    put_note("products_after", page.next);
  }
}

void TablesProjection::write_product(const mesh::StoredProduct& product) {
  std::int64_t stock = 0;
  {
    mesh::Use use = tables_.use("SELECT micro FROM tables_stock WHERE product = ?");
    use.text(1, product.sku);
    if (use.step()) stock = use.integer_at(0);
  }
  const std::string& currency = product.currency.empty() ? facts_.currency : product.currency;
  std::optional<std::int64_t> price;
  if (product.price) {
    price = retail::rescale_rounded(product.price->amount, product.price->exponent,
                                    retail::currency_exponent(currency));
  }
  const std::string barcode = product.gtins.empty() ? std::string() : product.gtins.front();
  const std::string rate = retail::to_short_text(rate_of(product), 6);
  const std::string stock_text = micro_text(stock);
  const std::string changed = utc_text(ask(journal_.product_changed_ms(product.sku)));
  // A row that says the same already is left alone: a list names all products, and changes few.
  mesh::Use use = tables_.use(
      "INSERT INTO products VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
      "barcode = excluded.barcode, name = excluded.name, price_cents = excluded.price_cents, "
      "tax_rate = excluded.tax_rate, tax_included = excluded.tax_included, "
      "stock = excluded.stock, active = excluded.active, updated_at = excluded.updated_at "
      "WHERE (barcode, name, price_cents, tax_rate, tax_included, stock, active, updated_at) IS "
      "NOT (excluded.barcode, excluded.name, excluded.price_cents, excluded.tax_rate, "
      "excluded.tax_included, excluded.stock, excluded.active, excluded.updated_at)");
  use.text(1, product.sku).text(2, product.sku).text(3, barcode).text(4, product.description);
  if (price) {
    use.integer(5, *price);
  } else {
    use.null(5);
  }
  use.text(6, rate)
      .integer(7, product.tax_included)
      .text(8, stock_text)
      .integer(9, !product.delisted)
      .text(10, changed)
      .text(11, facts_.store)
      .run();
}

void TablesProjection::write_stock() {
  for (const auto& [product, change] : moved_) {
    if (change == 0) continue;
    std::uint64_t micro = change;
    {
      mesh::Use use = tables_.use("SELECT micro FROM tables_stock WHERE product = ?");
      use.text(1, product);
      if (use.step()) micro += use.number_at(0);
    }
    tables_.use("INSERT OR REPLACE INTO tables_stock VALUES(?, ?)")
        .text(1, product)
        .number(2, micro)
        .run();
    tables_.use("UPDATE products SET stock = ? WHERE id = ?")
        .text(1, micro_text(static_cast<std::int64_t>(micro)))
        .text(2, product)
        .run();
  }
}

// ---- settings ---------------------------------------------------------------------------------

void TablesProjection::write_config() {
  std::map<std::string, std::string> values = ask(journal_.settings());
  values["terminal_id"] = facts_.terminal;
  values["terminal_name"] = facts_.terminal;
  values["store_id"] = facts_.store;
  values["currency"] = facts_.currency;
  values["schema_version"] = std::to_string(tables_schema_version);
  tables_.use("DELETE FROM config").run();
  for (const auto& [key, value] : values) {
    tables_.use("INSERT INTO config VALUES(?, ?, ?)")
        .text(1, key)
        .text(2, value)
        .text(3, facts_.store)
        .run();
  }
}

}  // namespace titan::pos
