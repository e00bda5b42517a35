// Sales at head office, and what only the sum over all tills shows to be wrong with them.
#include <boost/json.hpp>

#include "cloud/rest/rest_call.h"
#include "retail/money.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

namespace json = boost::json;
using uplink::sql_text;

namespace {

// What the former system said of a sale: columns 19 to 26 of list_sales().
json::object former_sale(const pqxx::row& row) {
  return {{"terminal", row[19].c_str()},    {"id", row[20].c_str()},
          {"receipt", row[21].c_str()},     {"utc_ms", row[22].as<std::int64_t>()},
          {"was_sent", row[23].as<bool>()}, {"was_voided", row[24].as<bool>()},
          {"move_in", row[25].c_str()},     {"withdrawn", row[26].as<bool>()}};
}

// Columns of list_sales().
json::object shown_sale(const pqxx::row& row) {
  const auto places = row[6].as<std::uint32_t>();
  json::object sale{{"id", hex_of(row[0]) + ":" + row[1].c_str()},
                    {"kind", row[2].c_str()},
                    {"receipt", row[3].c_str()},
                    {"receipt_number", row[4].as<std::int64_t>()},
                    {"total", retail::to_text(row[5].as<std::int64_t>(), places)},
                    {"tax", retail::to_text(row[7].as<std::int64_t>(), places)},
                    {"currency", row[8].c_str()},
                    {"business_date", row[9].c_str()},
                    {"terminal", row[10].c_str()},
                    {"utc_ms", row[11].as<std::int64_t>()},
                    {"training", row[12].as<bool>()},
                    {"counts", row[13].as<bool>()},
                    {"flags", json::parse(row[14].c_str())}};
  if (!row[15].is_null()) {
    sale["original"] = std::string(row[15].c_str()) + ":" + row[16].c_str();
  }
  if (!row[17].is_null()) sale["voided_by"] = row[17].c_str();
  if (!row[19].is_null()) sale["history"] = former_sale(row);
  return sale;
}

}  // namespace

void Rest::list_sales(const Call& call, const RestRequest&, Reply reply) {
  std::string position;
  if (call.from) {
    const std::string date = sql_text(call.from->date) + "::date";
    position = " AND business_date >= " + date;
    if (const auto& entry = call.from->entry) {
      position += " AND " + behind("business_date, ", date + ", ", *entry, "");
    }
  }
  query_store(
      call,
      [call, position](pqxx::transaction_base& transaction) {
        const auto rows = transaction.exec(
            "SELECT journal, number, kind, receipt, receipt_number, total_minor, exponent, "
            "tax_minor, currency, to_char(business_date, 'YYYY-MM-DD'), terminal, utc_ms, "
            "training, counts, array_to_json(flags), encode(original_journal, 'hex'), "
            "original_number, (SELECT encode(v.void_journal, 'hex') || ':' || v.void_number "
            "FROM voided_sales v WHERE v.store = sales.store AND v.journal = sales.journal AND "
            "v.number = sales.number AND v.hash = sales.hash LIMIT 1), hash, former_terminal, "
            "former_id, former_receipt, former_utc_ms, was_sent, was_voided, "
            "encode(move_in, 'hex'), EXISTS (SELECT 1 FROM withdrawn_move_ins w WHERE w.store = "
            "sales.store AND w.move_in = sales.move_in) "
            "FROM sales WHERE store = " +
            sql_text(call.key.store) + position +
            " ORDER BY business_date, journal, number, hash LIMIT " + std::to_string(call.limit));
        json::array sales;
        std::string last;
        for (const auto& row : rows) {
          last = std::string(row[9].c_str()) + ":" +
                 place_text(hex_of(row[0]), row[1].c_str(), hex_of(row[18]));
          sales.push_back(shown_sale(row));
        }
        return json::object{{"sales", std::move(sales)},
                            {"next", next_page(rows, call.limit, last)}};
      },
      std::move(reply));
}

// What no till could know alone: more came back of a sale than it had (uplink/postgres/schema.cpp).
// A fact that holds, not an event: it is told as long as it is so, and once for each line.
void Rest::list_alarms(const Call& call, const RestRequest&, Reply reply) {
  query_store(
      call,
      [call](pqxx::transaction_base& transaction) {
        const auto rows = transaction.exec(
            "SELECT encode(journal, 'hex') || ':' || number, receipt, terminal, "
            "to_char(business_date, 'YYYY-MM-DD'), currency, exponent, line, sku, "
            "trim_scale(sold), trim_scale(refunded), paid_minor, refunded_minor, voided, "
            "voided OR abs(refunded) > abs(sold) FROM over_refunds WHERE store = " +
            sql_text(call.key.store) +
            " ORDER BY business_date DESC, journal, number, hash, line LIMIT " +
            std::to_string(call.limit));
        json::array alarms;
        for (const auto& row : rows) {
          const auto places = row[5].as<std::uint32_t>();
          alarms.push_back(json::object{
              {"code", row[13].as<bool>() ? "refunded_more_than_sold" : "refunded_more_than_paid"},
              {"sale", row[0].c_str()},
              {"receipt", row[1].c_str()},
              {"terminal", row[2].c_str()},
              {"business_date", row[3].c_str()},
              {"line", row[6].as<std::int64_t>()},
              {"sku", row[7].c_str()},
              {"sold", row[8].c_str()},
              {"refunded", row[9].c_str()},
              {"currency", row[4].c_str()},
              {"paid", retail::to_text(row[10].as<std::int64_t>(), places)},
              {"refunded_amount", retail::to_text(row[11].as<std::int64_t>(), places)},
              {"voided", row[12].as<bool>()}});
        }
        return json::object{{"alarms", std::move(alarms)}};
      },
      std::move(reply));
}

}  // namespace titan::cloud
