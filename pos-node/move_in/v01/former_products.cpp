#include "pos-node/move_in/v01/former_products.h"

#include <map>
#include <optional>
#include <set>

#include "pos-node/json/json_writer.h"
#include "pos-node/move_in/v01/cells.h"
#include "retail/catalogue/json_list.h"
#include "retail/currency.h"
#include "retail/text.h"

namespace titan::pos::v01 {
namespace {

constexpr const char* reasons[] = {"SALE",        "VOID",         "ADJUSTMENT", "DELIVERY",
                                   "TRANSFER_IN", "TRANSFER_OUT", "OPENING"};

// A product list's own names for what v0.1 calls otherwise.
std::string column_of(const std::string& field) {
  if (field == "gtins") return "barcode";
  if (field == "description") return "name";
  if (field == "price") return "price_cents";
  if (field == "delisted") return "active";
  return field;
}

struct Deltas {
  std::map<std::string, std::int64_t> sums;  // product_id -> millionths
};

class ProductReader {
 public:
  ProductReader(FormerFile& file, const StoreFacts& facts, Faults& faults)
      : file_(file), facts_(facts), faults_(faults) {}

  FormerProducts read() {
    read_ids();
    if (file_.has_table("inventory_deltas")) read_deltas();
    const bool has_store = file_.has_column("products", "store_id");
    SQLite::Statement rows(
        file_.database(),
        std::string("SELECT CAST(id AS TEXT), sku, barcode, name, price_cents, tax_rate, "
                    "tax_included, stock, active, updated_at") +
            (has_store ? ", store_id" : "") + " FROM products ORDER BY id");
    while (rows.executeStep()) {
      Row row(rows, "products", rows.getColumn(0).getString(), faults_);
      if (!take(row, has_store)) ++found_.left_out;
    }
    return std::move(found_);
  }

 private:
  // Deltas name products by id, also those that come after them.
  void read_ids() {
    SQLite::Statement rows(file_.database(), "SELECT CAST(id AS TEXT) FROM products");
    while (rows.executeStep()) ids_.insert(rows.getColumn(0).getString());
  }

  void read_deltas() {
    SQLite::Statement rows(file_.database(),
                           "SELECT CAST(id AS TEXT), CAST(product_id AS TEXT) AS product_id, "
                           "delta, reason FROM inventory_deltas ORDER BY id");
    while (rows.executeStep()) {
      Row row(rows, "inventory_deltas", rows.getColumn(0).getString(), faults_);
      const auto product = row.text(1, name_characters_max);
      const auto delta = row.decimal(2);
      const auto reason = row.text(3, name_characters_max);
      if (!product || !delta || !reason) continue;
      if (!ids_.contains(*product)) {
        row.fault("product_id", "names no product of the file: " + shown_value(*product));
        continue;
      }
      bool is_known = false;
      for (const char* known : reasons) is_known = is_known || *reason == known;
      if (!is_known) {
        row.fault("reason", "is not known: " + shown_value(*reason));
        continue;
      }
      const auto units = rescale_exactly(*delta, decimal_scale_max);
      std::int64_t& sum = deltas_.sums[*product];
      if (!units || !add_checked(sum, *units)) row.fault("delta", "is beyond all figures");
    }
  }

  bool take(Row& row, bool has_store) {
    const auto sku = row.text(1, sku_characters_max);
    const auto barcode = row.text(2, gtin_characters_max);
    const auto name = row.text(3, description_characters_max);
    const auto price = row.is_null(4) ? std::optional<std::int64_t>(0) : row.whole(4);
    const auto rate = row.is_null(5) ? std::optional<Decimal>(Decimal{}) : row.decimal(5);
    const auto included = row.flag(6, true);
    const auto stock = row.is_null(7) ? std::nullopt : row.decimal(7);
    const auto active = row.flag(8, true);
    if (has_store) check_store(row, 10);
    if (!row.is_good()) return false;
    if (row.id().empty()) row.fault("id", "is missing");
    if (*price < 0) row.fault("price_cents", "is below zero: " + std::to_string(*price));
    if (!skus_.insert(*sku).second) {
      row.fault("sku", "is there twice: " + shown_value(*sku) + "; the first one counts");
    }
    if (!row.is_good()) return false;

    JsonWriter writer;
    writer.begin_object().member("sku", *sku);
    if (!barcode->empty()) writer.key("gtins").begin_array().value(*barcode).end_array();
    writer.member("description", *name);
    if (!row.is_null(4)) {
      writer.member("price", to_text(*price, currency_exponent(facts_.currency)));
    }
    if (!row.is_null(5)) writer.member("tax_rate", to_text(*rate));
    if (!row.is_null(6)) writer.member("tax_included", *included);
    writer.member("delisted", !*active).end_object();
    if (!check_product(row, writer.text())) return false;
    const auto opening = stock_of(row, *sku, stock);
    if (!row.is_good()) return false;
    found_.rows.push_back(std::move(writer.text()));
    if (opening) found_.stock.push_back({*sku, *opening});
    return true;
  }

  void check_store(Row& row, int column) {
    const auto store = row.text(column, name_characters_max);
    if (!store || store->empty() || *store == facts_.store) return;
    row.fault("store_id", "is another store's: " + shown_value(*store));
  }

  // What the till would say of such a row in a product list is said here, with the file's names.
  bool check_product(Row& row, const std::string& json) {
    const auto list = read_product_json("{\"products\":[" + json + "]}",
                                        {facts_.currency, false, ListMode::update});
    for (const ListFault& fault : list.faults) row.fault(column_of(fault.column), fault.message);
    if (list.refusal && list.faults.empty()) row.fault("", list.refusal->message);
    return list.is_good();
  }

  // Nothing where the file says nothing, so that another file's figure can count; or with a fault.
  std::optional<Decimal> stock_of(Row& row, const std::string& sku,
                                  const std::optional<Decimal>& stated) {
    const auto deltas = deltas_.sums.find(row.id());
    const bool has_deltas = deltas != deltas_.sums.end();
    std::int64_t counted = has_deltas ? deltas->second : 0;
    if (stated) {
      const auto units = rescale_exactly(*stated, decimal_scale_max);
      if (!units) {
        row.fault("stock", "is beyond all figures");
        return std::nullopt;
      }
      if (!has_deltas) counted = *units;
      if (counted != *units) {
        found_.notes.push_back("stock of " + sku + ": products says " + to_short_text(*units, 6) +
                               ", its inventory_deltas add up to " + to_short_text(counted, 6) +
                               ", which is taken");
      }
    } else if (!has_deltas) {
      return std::nullopt;
    }
    constexpr std::int64_t units_max = quantity_pieces_max * crdt::stock_units_per_piece;
    if (counted > units_max || counted < -units_max) {
      row.fault("stock", "is more than " + std::to_string(quantity_pieces_max) + " either way");
      return std::nullopt;
    }
    return Decimal{counted, 6};
  }

  FormerFile& file_;
  const StoreFacts& facts_;
  Faults& faults_;
  FormerProducts found_;
  Deltas deltas_;
  std::set<std::string> ids_;
  std::set<std::string> skus_;
};

}  // namespace

FormerProducts read_products(FormerFile& file, const StoreFacts& facts, Faults& faults) {
  return ProductReader(file, facts, faults).read();
}

}  // namespace titan::pos::v01
