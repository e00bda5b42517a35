#include "qa/bench/bare_tables.h"

namespace titan::bench {
namespace wire = titan::entry::v1;

BareTables::BareTables(const std::string& path) : BareSqlite(path) {
  run("CREATE TABLE sales(id INTEGER PRIMARY KEY, journal BLOB, number INTEGER, "
      "business_date INTEGER, currency TEXT, total INTEGER, tax INTEGER, cashier TEXT);"
      "CREATE INDEX sales_date ON sales(business_date);"
      "CREATE TABLE sale_items(sale INTEGER, line INTEGER, sku TEXT, description TEXT, "
      "quantity INTEGER, price INTEGER, tax INTEGER, total INTEGER, PRIMARY KEY(sale, line)) "
      "WITHOUT ROWID;"
      "CREATE TABLE payments(sale INTEGER, line INTEGER, method TEXT, amount INTEGER, "
      "PRIMARY KEY(sale, line)) WITHOUT ROWID;"
      "CREATE TABLE inventory_deltas(sale INTEGER, line INTEGER, sku TEXT, delta INTEGER, "
      "reason TEXT, PRIMARY KEY(sale, line)) WITHOUT ROWID");
  sale_ = prepare("INSERT INTO sales VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  item_ = prepare("INSERT INTO sale_items VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  payment_ = prepare("INSERT INTO payments VALUES(?, ?, ?, ?)");
  delta_ = prepare("INSERT INTO inventory_deltas VALUES(?, ?, ?, ?, 'SALE')");
}

void BareTables::insert(const mesh::Entry& entry) {
  insert_row(*this, entry);
  wire::Sale sale;
  sale.ParseFromString(entry.envelope.body);
  const sqlite3_int64 id = ++sales_;
  sqlite3_bind_int64(sale_, 1, id);
  bind_blob(sale_, 2, entry.envelope.id.journal.view());
  sqlite3_bind_int64(sale_, 3, static_cast<sqlite3_int64>(entry.envelope.id.number));
  sqlite3_bind_int64(sale_, 4, entry.envelope.business_date);
  bind_text(sale_, 5, sale.currency());
  sqlite3_bind_int64(sale_, 6, sale.total_minor());
  sqlite3_bind_int64(sale_, 7, sale.tax_minor());
  bind_text(sale_, 8, sale.cashier());
  step(sale_);
  for (int i = 0; i < sale.lines_size(); ++i) insert_line(id, i, sale.lines(i));
  sqlite3_bind_int64(payment_, 1, id);
  sqlite3_bind_int64(payment_, 2, 0);
  bind_text(payment_, 3, sale.payments(0).method());
  sqlite3_bind_int64(payment_, 4, sale.payments(0).amount_minor());
  step(payment_);
}

void BareTables::insert_line(sqlite3_int64 sale, int index, const wire::Line& line) {
  sqlite3_bind_int64(item_, 1, sale);
  sqlite3_bind_int64(item_, 2, index);
  bind_text(item_, 3, line.sku());
  bind_text(item_, 4, line.description());
  sqlite3_bind_int64(item_, 5, line.quantity().value());
  sqlite3_bind_int64(item_, 6, line.charged_unit_price().amount());
  sqlite3_bind_int64(item_, 7, line.tax_minor());
  sqlite3_bind_int64(item_, 8, line.total_minor());
  step(item_);
  sqlite3_bind_int64(delta_, 1, sale);
  sqlite3_bind_int64(delta_, 2, index);
  bind_text(delta_, 3, line.sku());
  sqlite3_bind_int64(delta_, 4, -line.quantity().value());
  step(delta_);
}

void insert_row(BareSqlite& database, const mesh::Entry& entry) {
  database.insert(entry.envelope.id.journal.view(), entry.envelope.id.number, entry.hash.view(),
                  static_cast<int>(entry.envelope.kind), entry.envelope.business_date, entry.bytes);
}

}  // namespace titan::bench
