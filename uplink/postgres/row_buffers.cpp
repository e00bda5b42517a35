#include "uplink/postgres/row_buffers.h"

#include "mesh/journal/idempotency.h"
#include "retail/entry_flags.h"

namespace titan::uplink {

void RowBuffers::begin(SqlRows& rows, const mesh::Entry& entry) const {
  rows.begin_row()
      .text(store_)
      .bytes(entry.envelope.id.journal.view())
      .number(entry.envelope.id.number)
      .bytes(entry.hash.view());
}

void RowBuffers::add(const mesh::Entry& entry, EntryRows rows, bool counts, bool from_feed) {
  const Written written{entry.envelope.logical_clock, entry.envelope.id.journal};
  if (rows.sale) add_sale(entry, *rows.sale, counts);
  if (rows.withdrawn_move_in) {
    withdrawn_.insert(*rows.withdrawn_move_in);
    begin(withdrawals_, entry);
    withdrawals_.end_row();
  }
  for (auto& product : rows.products) {
    auto& kept = products_[{product.sku, from_feed}];
    if (product.clears_override) kept.clears_below = std::max(kept.clears_below, written.clock);
    if (written < kept.written) continue;
    kept.written = written;
    kept.row = std::move(product);
  }
  for (auto& user : rows.users) {
    auto& kept = users_[user.id];
    if (written < kept.first) continue;
    kept = {written, std::move(user)};
  }
  for (auto& [key, value] : rows.settings) {
    auto& kept = settings_[key];
    if (written < kept.first) continue;
    kept = {written, std::move(value)};
  }
}

namespace {

std::vector<std::string> with_envelope_flags(std::vector<std::string> flags,
                                             const mesh::Envelope& envelope) {
  for (const std::string_view flag : retail::envelope_flags(envelope)) flags.emplace_back(flag);
  return flags;
}

}  // namespace

void RowBuffers::add_sale(const mesh::Entry& entry, const SaleRow& sale, bool counts) {
  const auto& envelope = entry.envelope;
  SqlRows& rows = sale.former ? history_ : sales_;
  begin(rows, entry);
  rows.date(date_of(envelope)).text(sale.kind);
  if (envelope.receipt) {
    rows.text(envelope.receipt->terminal)
        .text(mesh::receipt_text(*envelope.receipt, envelope.id.journal))
        .raw("least(" + std::to_string(envelope.receipt->number) + ", 9223372036854775807)");
  } else {
    rows.text("").text("").number(0);
  }
  rows.bytes(envelope.device.view())
      .number(envelope.time.utc_ms)
      .number(envelope.utc_offset_minutes)
      .text(sale.currency)
      .number(sale.exponent)
      .number(sale.total_minor)
      .number(sale.tax_minor)
      .number(sale.rounding_minor)
      .text(sale.cashier)
      .text(sale.customer_token)
      .boolean(sale.training)
      .texts(with_envelope_flags(sale.flags, envelope))
      .text(sale.reason);
  if (sale.original) {
    rows.bytes(sale.original->journal.view()).number(sale.original->number);
    rows.bytes(sale.original_hash.view());
  } else {
    rows.null().null().null();
  }
  const bool is_sale_of_ours = !sale.former || !(sale.former->was_sent || sale.former->was_voided);
  rows.boolean(counts && is_sale_of_ours).bytes(mesh::void_claim(entry).view());
  if (sale.former) {
    rows.text(sale.former->terminal)
        .text(sale.former->id)
        .text(sale.former->receipt)
        .number(sale.former->utc_ms)
        .number(sale.former->utc_offset_minutes)
        .boolean(sale.former->was_sent)
        .boolean(sale.former->was_voided)
        .bytes(sale.former->move_in)
        .bytes(envelope.claim.view());
    former_claims_.insert(envelope.claim);
  }
  rows.end_row();
  add_items(entry, sale.items);
  add_payments(entry, sale.payments);
}

void RowBuffers::add_items(const mesh::Entry& entry, const std::vector<SaleItemRow>& items) {
  for (std::size_t line = 0; line < items.size(); ++line) {
    const auto& item = items[line];
    begin(items_, entry);
    items_.number(line)
        .text(item.sku)
        .text(item.gtin)
        .text(item.description)
        .number(item.quantity)
        .number(item.quantity_scale)
        .text(item.unit)
        .number(item.list_price.amount)
        .number(item.list_price.exponent)
        .number(item.charged_price.amount)
        .number(item.charged_price.exponent)
        .number(item.discount_minor)
        .text(item.tax_code)
        .number(item.tax_rate_basis_points)
        .boolean(item.tax_included)
        .number(item.tax_minor)
        .number(item.total_minor)
        .texts(item.flags)
        .number(item.paid_minor)
        .number(item.sale_discount_minor);
    if (item.original_line) {
      items_.number(*item.original_line);
    } else {
      items_.null();
    }
    items_.end_row();
    for (std::size_t place = 0; place < item.taxes.size(); ++place) {
      const ItemTaxRow& tax = item.taxes[place];
      begin(item_taxes_, entry);
      item_taxes_.number(line)
          .number(place)
          .text(tax.code)
          .number(tax.rate_micropercent)
          .boolean(tax.exempt)
          .number(tax.tax_minor)
          .end_row();
    }
  }
}

void RowBuffers::add_payments(const mesh::Entry& entry, const std::vector<PaymentRow>& payments) {
  for (std::size_t line = 0; line < payments.size(); ++line) {
    const auto& payment = payments[line];
    begin(payments_, entry);
    payments_.number(line)
        .text(payment.method)
        .text(payment.currency)
        .number(payment.exponent)
        .number(payment.amount_minor)
        .number(payment.change_minor)
        .text(payment.reference)
        .end_row();
  }
}

std::string RowBuffers::product_rows() const {
  SqlRows rows;
  for (const auto& [key, value] : products_) {
    const ProductRow& row = value.row;
    rows.begin_row()
        .text(store_)
        .text(key.first)
        .boolean(key.second)
        .texts(row.gtins)
        .text(row.description)
        .text(row.brand)
        .number(row.price.amount)
        .number(row.price.exponent)
        .text(row.currency)
        .text(row.unit)
        .text(row.tax_code)
        .number(row.tax_rate_basis_points)
        .boolean(row.tax_included)
        .boolean(row.delisted)
        .text(row.price_version);
    if (row.low_stock_micro) {
      rows.number(*row.low_stock_micro);
    } else {
      rows.null();
    }
    rows.text(row.category)
        .number(value.written.clock)
        .bytes(value.written.journal.view())
        .number(value.clears_below)
        .raw(sql_text(row.taxes) + "::jsonb")
        .boolean(row.has_price)
        .end_row();
  }
  return rows.sql();
}

// Of the entries of one former sale, those that are not withdrawn, the one with the smallest hash
// counts, on whichever side of a withdrawal it arrives. Chosen anew for what is written now, and
// for all that a move-in brought whose first withdrawal is among it; its further ones change
// nothing.
void RowBuffers::choose_former_sales(pqxx::transaction_base& transaction) const {
  std::string claims;
  for (const Hash& claim : former_claims_) {
    claims += (claims.empty() ? "" : ",") + ("(" + sql_bytes(claim.view()) + ")");
  }
  std::string touched =
      claims.empty() ? "" : "SELECT v.claim FROM (VALUES " + claims + ") v (claim)";
  if (!withdrawn_.empty()) {
    SqlRows rows;
    for (const Bytes& move_in : withdrawn_) rows.begin_row().text(store_).bytes(move_in).end_row();
    const auto fresh = transaction.exec("INSERT INTO withdrawn_move_ins VALUES " + rows.sql() +
                                        " ON CONFLICT DO NOTHING RETURNING encode(move_in, 'hex')");
    for (const auto& row : fresh) {
      touched += (touched.empty() ? "" : " UNION ") +
                 ("SELECT claim FROM sales WHERE store = " + sql_text(store_) +
                  " AND move_in = '\\x" + row[0].as<std::string>() + "'");
    }
  }
  if (touched.empty()) return;
  transaction.exec(
      "WITH touched AS (" + touched +
      "), judged AS (SELECT s.business_date, s.journal, s.number, s.hash, w.move_in IS NULL AND "
      "NOT (s.was_sent OR s.was_voided) AND row_number() OVER (PARTITION BY s.claim ORDER BY "
      "w.move_in IS NOT NULL, s.hash) = 1 AS counts FROM touched t JOIN sales s ON s.store = " +
      sql_text(store_) +
      " AND s.claim = t.claim LEFT JOIN withdrawn_move_ins w ON w.store = s.store AND w.move_in = "
      "s.move_in) UPDATE sales s SET counts = j.counts FROM judged j WHERE s.store = " +
      sql_text(store_) +
      " AND s.business_date = j.business_date AND s.journal = j.journal AND s.number = j.number "
      "AND s.hash = j.hash AND s.counts <> j.counts");
}

void RowBuffers::write(pqxx::transaction_base& transaction) const {
  std::string sql;
  // Rows of an entry are new whenever the entry is; a conflict means a repaired body is projected
  // after a part of it had been.
  const std::pair<const char*, const SqlRows&> by_table[] = {{"sales", sales_},
                                                             {"sales", history_},
                                                             {"withdrawals", withdrawals_},
                                                             {"sale_items", items_},
                                                             {"sale_item_taxes", item_taxes_},
                                                             {"payments", payments_}};
  for (const auto& [table, rows] : by_table) {
    if (rows.empty()) continue;
    sql +=
        std::string("INSERT INTO ") + table + " VALUES " + rows.sql() + " ON CONFLICT DO NOTHING;";
  }
  if (!products_.empty()) {
    std::string assignments;
    for (const char* column :
         {"gtins", "description", "brand", "price", "price_exponent", "currency", "unit",
          "tax_code", "tax_rate_basis_points", "tax_included", "delisted", "price_version",
          "low_stock_micro", "category", "taxes", "has_price", "logical_clock", "journal"}) {
      assignments += std::string(column) + " = CASE WHEN (old.logical_clock, old.journal) <= " +
                     "(excluded.logical_clock, excluded.journal) THEN excluded." + column +
                     " ELSE old." + column + " END, ";
    }
    sql += "INSERT INTO product_layers AS old VALUES " + product_rows() +
           " ON CONFLICT (store, sku, from_feed) DO UPDATE SET " + assignments +
           "clears_below = greatest(old.clears_below, excluded.clears_below);";
  }
  if (!users_.empty()) {
    SqlRows rows;
    for (const auto& [id, value] : users_) {
      const UserRow& user = value.second;
      rows.begin_row().text(store_).text(id).text(user.display).text(user.role);
      rows.bytes(user.pin_hash).boolean(user.disabled).number(value.first.clock);
      rows.bytes(value.first.journal.view()).end_row();
    }
    sql += "INSERT INTO users AS old VALUES " + rows.sql() +
           " ON CONFLICT (store, id) DO UPDATE SET display = excluded.display, role = "
           "excluded.role, pin_hash = excluded.pin_hash, disabled = excluded.disabled, "
           "logical_clock = excluded.logical_clock, journal = excluded.journal WHERE "
           "(old.logical_clock, old.journal) <= (excluded.logical_clock, excluded.journal);";
  }
  if (!settings_.empty()) {
    SqlRows rows;
    for (const auto& [key, value] : settings_) {
      rows.begin_row().text(store_).text(key).text(value.second).number(value.first.clock);
      rows.bytes(value.first.journal.view()).end_row();
    }
    sql += "INSERT INTO settings AS old VALUES " + rows.sql() +
           " ON CONFLICT (store, key) DO UPDATE SET value = excluded.value, logical_clock = "
           "excluded.logical_clock, journal = excluded.journal WHERE "
           "(old.logical_clock, old.journal) <= (excluded.logical_clock, excluded.journal);";
  }
  if (!sql.empty()) transaction.exec(sql);
  choose_former_sales(transaction);
}

}  // namespace titan::uplink
