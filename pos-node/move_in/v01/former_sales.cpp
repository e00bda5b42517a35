#include "pos-node/move_in/v01/former_sales.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <charconv>
#include <optional>
#include <vector>

#include "pos-node/json/json_writer.h"
#include "pos-node/move_in/v01/cells.h"
#include "retail/currency.h"
#include "retail/text.h"

namespace titan::pos::v01 {
namespace {

// A sale judged before it is sent needs no product table.
class NoCatalogue final : public Catalogue {
 public:
  Result<ProductPointer> product(std::string_view) override { return ProductPointer{}; }
  Result<std::vector<ProductPointer>> products_by_gtin(std::string_view) override {
    return std::vector<ProductPointer>{};
  }
};

// Rows of one table in the order of the sale they belong to: column 0 is the row's id, column 1
// the sale's.
class Cursor {
 public:
  Cursor(FormerFile& file, const char* table, const std::string& sql)
      : table_(table), statement_(file.database(), sql) {
    step();
  }

  bool at_end() const { return !more_; }
  const std::string& sale() const { return sale_; }
  const std::string& id() const { return id_; }
  const char* table() const { return table_; }
  SQLite::Statement& statement() { return statement_; }
  void step() {
    more_ = statement_.executeStep();
    if (!more_) return;
    id_ = statement_.getColumn(0).getString();
    sale_ = statement_.getColumn(1).getString();
  }

 private:
  const char* table_;
  SQLite::Statement statement_;
  bool more_ = false;
  std::string id_;
  std::string sale_;
};

std::string sorted(FormerFile& file, const char* table, const std::string& columns,
                   const std::string& where = "") {
  const std::string store = file.has_column(table, "store_id") ? ", store_id" : "";
  return "SELECT " + columns + store + " FROM " + table + where + " ORDER BY 2, 1";
}

// Of a row of sync_outbox: whether head office has what it is about.
enum class Sending { pending, sent, unclear };

class SalesWalk {
 public:
  SalesWalk(FormerFile& file, const StoreFacts& facts, WallTime now, Faults& faults)
      : file_(file),
        facts_(facts),
        faults_(faults),
        exponent_(currency_exponent(facts.currency)),
        sales_(file, "sales",
               sorted(file, "sales",
                      "CAST(id AS TEXT) AS id, CAST(id AS TEXT) AS sale, receipt_no, terminal_id, "
                      "cashier, total_cents, tax_cents, currency, status, created_at")),
        items_(file, "sale_items",
               sorted(file, "sale_items",
                      "CAST(id AS TEXT) AS id, CAST(sale_id AS TEXT) AS sale_id, sku, name, "
                      "quantity, unit_price_cents, tax_rate, total_cents")),
        payments_(file, "payments",
                  sorted(file, "payments",
                         "CAST(id AS TEXT) AS id, CAST(sale_id AS TEXT) AS sale_id, method, "
                         "amount_cents, change_cents")),
        outbox_(file, "sync_outbox",
                sorted(file, "sync_outbox",
                       "CAST(id AS TEXT) AS id, CAST(entity_id AS TEXT) AS entity_id, entity_type, "
                       "sent_at")) {
    clock_.time = now;
  }

  SalesFound walk(const std::function<bool(const FormerSale&)>& take) {
    SalesFound found;
    std::optional<std::string> before;
    for (; !sales_.at_end(); sales_.step()) {
      const std::string sale_id = sales_.sale();
      if (before == sale_id) {
        // What belongs to the id went with the first one.
        faults_.add({"sales", sale_id, "id", "is there twice; the first one counts"});
        ++found.left_out;
        continue;
      }
      before = sale_id;
      auto sale = read_sale();
      if (!sale) {
        ++found.left_out;
        continue;
      }
      ++found.good;
      if (!take(*sale)) return found;
    }
    leave_behind(nullptr);
    return found;
  }

 private:
  // Rows whose sale does not exist. `up_to`: the sale that comes next; null: none.
  void leave_behind(const std::string* up_to) {
    for (Cursor* cursor : {&items_, &payments_}) {
      for (; !cursor->at_end() && (!up_to || cursor->sale() < *up_to); cursor->step()) {
        faults_.add({cursor->table(), cursor->id(), "sale_id",
                     "names no sale of the file: " + shown_value(cursor->sale())});
      }
    }
    for (; !outbox_.at_end() && (!up_to || outbox_.sale() < *up_to); outbox_.step()) {
      // One that was sent was cleared away since.
      if (sending_of_a_sale() != Sending::pending) continue;
      faults_.add(
          {"sync_outbox", outbox_.id(), "entity_id",
           "waits to be sent, but its sale is not in the file: " + shown_value(outbox_.sale())});
    }
  }

  // What the outbox row says of its sale; nothing if it is about something else. A mark that is no
  // time says neither: taken as sent, head office would never get the sale.
  std::optional<Sending> sending_of_a_sale() {
    const SQLite::Column mark = outbox_.statement().getColumn(3);
    const std::string time = mark.getString();
    Sending sending = mark.isNull() ? Sending::pending : Sending::sent;
    if (sending == Sending::sent && !parse_utc_time(time)) {
      sending = Sending::unclear;
      faults_.add({"sync_outbox", outbox_.id(), "sent_at",
                   "must be a time in UTC such as 2025-03-01T09:15:00Z, or NULL while it waits to "
                   "be sent, not " +
                       shown_value(time)});
    }
    const std::string type = outbox_.statement().getColumn(2).getString();
    if (type == "sale") return sending;
    if (sending == Sending::pending) {
      faults_.add({"sync_outbox", outbox_.id(), "entity_type",
                   "waits to be sent, but is no sale: " + shown_value(type)});
    }
    return std::nullopt;
  }

  std::optional<FormerSale> read_sale() {
    const std::string id = sales_.sale();
    leave_behind(&id);
    FormerSale sale;
    bool good = read_head(sale);
    std::vector<std::string> item_ids;
    for (; !items_.at_end() && items_.sale() == id; items_.step()) {
      item_ids.push_back(items_.id());
      good = read_item(sale) && good;
    }
    for (; !payments_.at_end() && payments_.sale() == id; payments_.step()) {
      good = read_payment(sale) && good;
    }
    bool is_pending = false;
    bool is_sent = false;
    for (; !outbox_.at_end() && outbox_.sale() == id; outbox_.step()) {
      const auto sending = sending_of_a_sale();
      is_pending = is_pending || sending == Sending::pending;
      is_sent = is_sent || sending == Sending::sent;
      good = good && sending != Sending::unclear;
    }
    sale.was_sent = is_sent || !is_pending;
    if (!good) return std::nullopt;
    return judge(sale, item_ids) ? std::optional(std::move(sale)) : std::nullopt;
  }

  bool read_head(FormerSale& sale) {
    Row row(sales_.statement(), "sales", sales_.id(), faults_);
    const auto id = row.text(1, name_characters_max);
    const auto receipt = row.text(2, name_characters_max);
    const auto terminal = row.text(3, name_characters_max);
    const auto cashier = row.text(4, name_characters_max);
    const auto total = row.whole(5);
    const auto tax = row.is_null(6) ? std::optional<std::int64_t>(0) : row.whole(6);
    const auto currency = row.text(7, name_characters_max);
    const auto status = row.text(8, name_characters_max);
    const auto time = row.time(9);
    check_store(row, 10);
    if (!row.is_good()) return false;
    sale.id = *id;
    sale.receipt = *receipt;
    sale.terminal = terminal->empty() ? file_.terminal() : *terminal;
    sale.cashier = *cashier;
    sale.currency = currency->empty() ? facts_.currency : *currency;
    sale.total = {*total, exponent_};
    sale.tax = {*tax, exponent_};
    sale.sold = *time;
    if (*status == "voided") {
      sale.status = FormerStatus::voided;
    } else if (*status == "refunded") {
      sale.status = FormerStatus::refunded;
    } else if (*status != "completed") {
      row.fault("status", "must be completed, voided or refunded, not " + shown_value(*status));
    }
    if (sale.id.empty()) row.fault("id", "is missing");
    if (sale.terminal.empty()) {
      row.fault("terminal_id", "is missing, and config names no terminal_id either");
    }
    return row.is_good();
  }

  bool read_item(FormerSale& sale) {
    Row row(items_.statement(), "sale_items", items_.id(), faults_);
    const auto sku = row.text(2, sku_characters_max);
    const auto name = row.text(3, description_characters_max);
    const auto quantity = row.decimal(4);
    const auto price = row.whole(5);
    const auto rate = row.is_null(6) ? std::optional<Decimal>(Decimal{}) : row.decimal(6);
    const auto total = row.whole(7);
    check_store(row, 8);
    if (!row.is_good()) return false;
    if (const auto wrong = sku_fault(*sku)) row.fault("sku", *wrong + ": " + shown_value(*sku));
    const auto micropercent = parse_tax_rate(to_text(*rate));
    if (!micropercent) row.fault("tax_rate", "must be a rate in percent from 0 to 1000");
    if (quantity->is_zero()) row.fault("quantity", "is zero");
    if (!row.is_good()) return false;
    sale.lines.push_back(
        {*sku, *name, *quantity, {*price, exponent_}, *micropercent, {*total, exponent_}});
    return true;
  }

  bool read_payment(FormerSale& sale) {
    Row row(payments_.statement(), "payments", payments_.id(), faults_);
    const auto method = row.text(2, name_characters_max);
    const auto amount = row.whole(3);
    const auto change = row.is_null(4) ? std::optional<std::int64_t>(0) : row.whole(4);
    check_store(row, 5);
    if (!row.is_good()) return false;
    if (method->empty()) {
      row.fault("method", "is missing");
      return false;
    }
    sale.payments.push_back({*method, {*amount, exponent_}, {*change, exponent_}});
    return true;
  }

  void check_store(Row& row, int column) {
    if (column >= row.columns()) return;
    const auto store = row.text(column, name_characters_max);
    if (!store || store->empty() || *store == facts_.store) return;
    row.fault("store_id", "is another store's: " + shown_value(*store));
  }

  // By the rule that the till itself goes by, told with the file's names.
  bool judge(const FormerSale& sale, const std::vector<std::string>& item_ids) {
    if (sale.lines.size() > sale_lines_max || sale.payments.size() > payments_max) {
      faults_.add({"sales", sale.id, "",
                   "has " + std::to_string(sale.lines.size()) + " items and " +
                       std::to_string(sale.payments.size()) +
                       " payments, more than a sale can "
                       "have"});
      return false;
    }
    NoCatalogue nothing;
    const auto ruling = make_history(sale, MoveInId{}, 0, {}, {facts_, clock_, nothing}, "");
    if (ruling) return true;
    const std::string& field = ruling.error().field;
    Fault fault{"sales", sale.id, "", ruling.error().message};
    constexpr std::string_view of_line = "lines[";
    if (field.starts_with(of_line)) {
      std::size_t line = 0;
      std::from_chars(field.data() + of_line.size(), field.data() + field.size(), line);
      fault.table = "sale_items";
      fault.row = line < item_ids.size() ? item_ids[line] : "";
      fault.column = field.substr(field.rfind('.') + 1);
    } else if (field == "time") {
      fault.column = "created_at";
    } else if (field == "tax") {
      fault.column = "tax_cents";
    } else if (field == "lines" || field == "payments" || field == "total") {
      fault.column = "total_cents";
    } else {
      fault.column = field;
    }
    faults_.add(std::move(fault));
    return false;
  }

  FormerFile& file_;
  const StoreFacts& facts_;
  Faults& faults_;
  const std::uint32_t exponent_;
  ClockReading clock_;
  Cursor sales_;
  Cursor items_;
  Cursor payments_;
  Cursor outbox_;
};

}  // namespace

SalesFound walk_sales(FormerFile& file, const StoreFacts& facts, WallTime now, Faults& faults,
                      const std::function<bool(const FormerSale&)>& take) {
  return SalesWalk(file, facts, now, faults).walk(take);
}

std::string former_sale_json(const FormerSale& sale) {
  JsonWriter writer(512);
  writer.begin_object()
      .member("terminal", sale.terminal)
      .member("id", sale.id)
      .member("receipt", sale.receipt)
      .member("time", time_text(sale.sold))
      .member("cashier", sale.cashier)
      .member("currency", sale.currency)
      .member("total", to_text(sale.total))
      .member("tax", to_text(sale.tax))
      .member("status", sale.status == FormerStatus::completed ? "completed"
                        : sale.status == FormerStatus::voided  ? "voided"
                                                               : "refunded")
      .member("was_sent", sale.was_sent)
      .key("lines")
      .begin_array();
  for (const FormerLine& line : sale.lines) {
    writer.begin_object()
        .member("sku", line.sku)
        .member("description", line.description)
        .member("quantity", to_text(line.quantity))
        .member("unit_price", to_text(line.unit_price))
        .member("tax_rate", to_text(line.tax_rate_micropercent, 6))
        .member("total", to_text(line.total))
        .end_object();
  }
  writer.end_array().key("payments").begin_array();
  for (const FormerPayment& payment : sale.payments) {
    writer.begin_object()
        .member("method", payment.method)
        .member("amount", to_text(payment.amount))
        .member("change", to_text(payment.change))
        .end_object();
  }
  writer.end_array().end_object();
  return std::move(writer.text());
}

}  // namespace titan::pos::v01
