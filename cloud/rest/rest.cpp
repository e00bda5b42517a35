#include "cloud/rest/rest.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <charconv>

#include "base/http_status.h"
#include "cloud/gateway/uplink_session.h"
#include "cloud/rest/rest_call.h"
#include "retail/money.h"
#include "uplink/postgres/schema.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

namespace json = boost::json;
using uplink::sql_bytes;
using uplink::sql_text;

json::object error_object(const Error& error) {
  return {{"code", to_string(error.code)}, {"field", error.field}, {"message", error.message}};
}

RestResponse error_response(unsigned status, const Error& error) {
  return {status, json::serialize(json::object{{"error", error_object(error)}})};
}

RestResponse error_response(const Error& error) {
  return error_response(http_status(error.code, RefusedStatus::unauthorized), error);
}

namespace {

// SQLSTATE class 22: the fault is in what was asked, not in the database.
bool is_fault_of_request(const pqxx::sql_error& error) {
  return error.sqlstate().starts_with("22");
}

json::object stock_row(const pqxx::row& row) {
  // added and removed are millionths modulo 2^64; as text they are exact.
  const auto units = [](const pqxx::field& field) {
    std::uint64_t micro = 0;
    const std::string_view text = field.c_str();
    std::from_chars(text.data(), text.data() + text.size(), micro);
    std::string shown = std::to_string(micro / 1'000'000);
    if (micro % 1'000'000 != 0) {
      shown += retail::to_short_text(static_cast<std::int64_t>(micro % 1'000'000), 6).substr(1);
    }
    return shown;
  };
  return {{"sku", row[0].c_str()},
          {"on_hand", retail::to_short_text(row[1].as<std::int64_t>(), 6)},
          {"added", units(row[2])},
          {"removed", units(row[3])}};
}

json::array stored_json(const std::string& text) {
  json::array list;
  const auto numbers = uplink::intervals_from_text(text);
  for (const auto& interval : numbers.intervals()) {
    list.push_back(json::array{interval.first, interval.last});
  }
  return list;
}

// What the former system said of a sale: columns 19 to 26 of list_sales().
json::object former_sale(const pqxx::row& row) {
  return {{"terminal", row[19].c_str()},    {"id", row[20].c_str()},
          {"receipt", row[21].c_str()},     {"utc_ms", row[22].as<std::int64_t>()},
          {"was_sent", row[23].as<bool>()}, {"was_voided", row[24].as<bool>()},
          {"move_in", row[25].c_str()},     {"withdrawn", row[26].as<bool>()}};
}

std::string hex_of(const pqxx::field& field) {
  return to_hex(pqxx::binarystring(field).str());
}

}  // namespace

Rest::Rest(Gateway& gateway, const std::string& database_url)
    : gateway_(gateway), database_("rest", database_url, query_queue_max) {}

void Rest::query(const std::string& tenant, Query run, Reply reply) {
  auto& loop = gateway_.loop;
  database_.post({tenant,
                  [&loop, run = std::move(run), reply](pqxx::connection& connection) {
                    RestResponse response;
                    {
                      pqxx::transaction<pqxx::repeatable_read> transaction(connection);
                      try {
                        response.body = json::serialize(run(transaction));
                      } catch (const Error& error) {
                        response = error_response(error);
                      } catch (const pqxx::sql_error& error) {
                        if (!is_fault_of_request(error)) throw;
                        spdlog::error("rest: a value got as far as the database: {}",
                                      uplink::one_line(error.what()));
                        response = error_response(make_error(
                            ErrorCode::invalid, "the request holds a value that nothing can be"));
                      }
                    }
                    boost::asio::post(loop, [reply, response] { reply(response); });
                  },
                  [&loop, reply](const Error& error) {
                    boost::asio::post(loop, [reply, error] { reply(error_response(error)); });
                  }});
}

void require_store(pqxx::transaction_base& transaction, const StoreKey& key) {
  if (!transaction.exec("SELECT 1 FROM stores WHERE store = " + sql_text(key.store)).empty()) {
    return;
  }
  throw never_connected(key);
}

namespace {

// "(journal, number) > (…)": the rows behind a place, after columns that come before in the order.
std::string behind(const std::string& columns, const std::string& values, const EntryPlace& place,
                   const std::string& table) {
  const bool with_hash = !place.hash.empty();
  return "(" + columns + table + "journal, " + table + "number" +
         (with_hash ? ", " + table + "hash" : "") + ") > (" + values + sql_bytes(place.journal) +
         ", " + std::to_string(place.number) + (with_hash ? ", " + sql_bytes(place.hash) : "") +
         ")";
}

}  // namespace

void Rest::list_stores(const Call& call, Reply reply) {
  // What only the loop knows is looked up on the loop, after the query.
  const auto add_live = [this, tenant = call.key.tenant](RestResponse response) {
    if (response.status != 200) return response;
    json::value document = json::parse(response.body);
    for (auto& item : document.at("stores").as_array()) {
      json::object& store = item.as_object();
      const StoreState* state = gateway_.find({tenant, std::string(store.at("store").as_string())});
      const auto session = state ? state->session.lock() : nullptr;
      store["connected"] = session && session->accepted();
      store["lag_entries"] = state ? state->lag_entries : 0;
      store["feed_stored"] = state ? state->feed_stored : 0;
    }
    response.body = json::serialize(document);
    return response;
  };
  query(
      call.key.tenant,
      [](pqxx::transaction_base& transaction) {
        const auto rows = transaction.exec(
            "SELECT s.store, l.term, l.process, l.terminal, "
            "coalesce(l.renewed < clock_timestamp() - interval '5 s', true), "
            "to_char(CASE WHEN isfinite(l.renewed) THEN l.renewed END, "
            "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), "
            "(SELECT coalesce(sum(entries), 0)::bigint FROM sync_state y WHERE y.store = s.store), "
            "(SELECT count(*) FROM quarantine q WHERE q.store = s.store), s.feed_number, "
            "s.watermark_sequence, s.epoch FROM stores s LEFT JOIN leadership l USING (store) "
            "ORDER BY s.store");
        json::array stores;
        for (const auto& row : rows) {
          json::object store{{"store", row[0].c_str()}};
          if (row[1].is_null()) {
            store["holder"] = nullptr;
          } else {
            store["holder"] = json::object{{"term", row[1].as<std::int64_t>()},
                                           {"process", hex_of(row[2])},
                                           {"terminal", row[3].c_str()}};
          }
          store["gone"] = row[4].as<bool>();
          store["connected"] = false;
          store["lag_entries"] = 0;
          store["last_seen"] =
              row[5].is_null() ? json::value(nullptr) : json::value(row[5].c_str());
          store["entries"] = row[6].as<std::int64_t>();
          store["quarantined"] = row[7].as<std::int64_t>();
          store["feed_number"] = row[8].as<std::int64_t>();
          store["watermark"] = json::object{{"epoch", row[10].as<std::int64_t>()},
                                            {"sequence", row[9].as<std::int64_t>()}};
          stores.push_back(std::move(store));
        }
        return json::object{{"stores", std::move(stores)}};
      },
      [reply, add_live](RestResponse response) { reply(add_live(std::move(response))); });
}

void Rest::list_stock(const Call& call, Reply reply) {
  query(
      call.key.tenant,
      [call](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
        // The order of skus is the bytes' own, so that a page's end is the same everywhere.
        const auto rows = transaction.exec(
            "SELECT sku, on_hand, added, removed FROM inventory WHERE store = " +
            sql_text(call.key.store) + " AND sku COLLATE \"C\" > " + sql_text(call.after) +
            " COLLATE \"C\" ORDER BY sku COLLATE \"C\" LIMIT " + std::to_string(call.limit));
        json::array stock;
        for (const auto& row : rows) stock.push_back(stock_row(row));
        json::value next = nullptr;
        if (rows.size() == call.limit) next = rows.back()[0].c_str();
        return json::object{{"stock", std::move(stock)}, {"next", next}};
      },
      std::move(reply));
}

void Rest::one_stock(const Call& call, Reply reply) {
  query(
      call.key.tenant,
      [call](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
        const auto rows =
            transaction.exec("SELECT sku, on_hand, added, removed FROM inventory WHERE store = " +
                             sql_text(call.key.store) + " AND sku = " + sql_text(call.sku));
        if (rows.empty()) {
          throw make_error(ErrorCode::not_found, "'" + call.sku + "' never moved in this store");
        }
        return stock_row(rows[0]);
      },
      std::move(reply));
}

void Rest::list_sales(const Call& call, Reply reply) {
  std::string position;
  if (call.from) {
    const std::string date = sql_text(call.from->date) + "::date";
    position = " AND business_date >= " + date;
    if (const auto& entry = call.from->entry) {
      position += " AND " + behind("business_date, ", date + ", ", *entry, "");
    }
  }
  query(
      call.key.tenant,
      [call, position](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
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
          const auto places = row[6].as<std::uint32_t>();
          const std::string id = hex_of(row[0]) + ":" + row[1].c_str();
          last = std::string(row[9].c_str()) + ":" +
                 place_text(hex_of(row[0]), row[1].c_str(), hex_of(row[18]));
          json::object sale{{"id", id},
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
          sales.push_back(std::move(sale));
        }
        json::value next = nullptr;
        if (rows.size() == call.limit) next = json::string(last);
        return json::object{{"sales", std::move(sales)}, {"next", next}};
      },
      std::move(reply));
}

void Rest::show_vector(const Call& call, Reply reply) {
  query(
      call.key.tenant,
      [call](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
        const auto store = transaction.exec1(
            "SELECT epoch, watermark_sequence, feed_journal, feed_number FROM stores WHERE "
            "store = " +
            sql_text(call.key.store));
        const auto rows = transaction.exec(
            "SELECT journal, device, stored, entries, content FROM sync_state WHERE store = " +
            sql_text(call.key.store) + " ORDER BY device, journal");
        json::array journals;
        std::int64_t entries = 0;
        for (const auto& row : rows) {
          entries += row[3].as<std::int64_t>();
          journals.push_back(json::object{{"journal", hex_of(row[0])},
                                          {"device", hex_of(row[1])},
                                          {"stored", stored_json(row[2].c_str())},
                                          {"content", hex_of(row[4])}});
        }
        return json::object{{"entries", entries},
                            {"journals", std::move(journals)},
                            {"watermark", json::object{{"epoch", store[0].as<std::int64_t>()},
                                                       {"sequence", store[1].as<std::int64_t>()}}},
                            {"feed", json::object{{"journal", hex_of(store[2])},
                                                  {"number", store[3].as<std::int64_t>()}}}};
      },
      std::move(reply));
}

// What no till could know alone: more came back of a sale than it had (uplink/postgres/schema.cpp).
// A fact that holds, not an event: it is told as long as it is so, and once for each line.
void Rest::list_alarms(const Call& call, Reply reply) {
  query(
      call.key.tenant,
      [call](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
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

void Rest::list_quarantine(const Call& call, Reply reply) {
  query(
      call.key.tenant,
      [call](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
        const auto rows = transaction.exec(
            "SELECT q.journal, q.number, q.hash, q.kind, q.reason, to_char(q.since, "
            "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), translate(encode(e.bytes, 'base64'), E'\\n', "
            "'') FROM quarantine q JOIN entries e USING (store, journal, number, hash) WHERE "
            "q.store = " +
            sql_text(call.key.store) +
            (call.after_entry ? " AND " + behind("", "", *call.after_entry, "q.") : "") +
            " ORDER BY q.journal, q.number, q.hash LIMIT " + std::to_string(call.limit));
        json::array list;
        std::string last;
        for (const auto& row : rows) {
          last = place_text(hex_of(row[0]), row[1].c_str(), hex_of(row[2]));
          list.push_back(json::object{{"id", hex_of(row[0]) + ":" + row[1].c_str()},
                                      {"hash", hex_of(row[2])},
                                      {"kind", row[3].as<std::int64_t>()},
                                      {"reason", row[4].c_str()},
                                      {"since", row[5].c_str()},
                                      {"bytes_base64", row[6].c_str()}});
        }
        json::value next = nullptr;
        if (rows.size() == call.limit) next = json::string(last);
        return json::object{{"quarantine", std::move(list)}, {"next", next}};
      },
      std::move(reply));
}

void Rest::retry_quarantine(const Call& call, Reply reply) {
  query(
      call.key.tenant,
      [call](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
        return json::object{};
      },
      [this, key = call.key, reply](RestResponse known) {
        if (known.status != 200) return reply(std::move(known));
        gateway_.projector.retry_quarantine(key, [reply](Result<std::size_t> released) {
          if (!released) return reply(error_response(released.error()));
          reply({200, json::serialize(json::object{{"released", *released}})});
        });
      });
}

// For a store whose lease row stands at a term that its tills cannot reach. An uplink of the store
// at another gateway ends by the news of it (store_news.h), at its next renewal at the latest.
void Rest::reset_lease(const Call& call, Reply reply) {
  gateway_.leases.reset(call.key, [this, key = call.key, reply](Result<StorePosition> reset) {
    if (!reset) return reply(error_response(reset.error()));
    spdlog::warn("store {}: head office reset its lease; epoch {} begins", key.text(),
                 reset->epoch);
    gateway_.on_projected(key, *reset);
    if (const auto session = gateway_.state_of(key).session.lock()) {
      session->close(uplink::ClosingCode::lease_lost, "the store's lease was reset", {});
    }
    reply({200, json::serialize(json::object{{"epoch", reset->epoch}})});
  });
}

}  // namespace titan::cloud
