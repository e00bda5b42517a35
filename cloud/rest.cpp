#include "cloud/rest.h"

#include <sodium.h>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <boost/url/parse.hpp>
#include <charconv>

#include "cloud/rest_call.h"
#include "cloud/uplink_session.h"
#include "retail/money.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

namespace json = boost::json;
using uplink::sql_bytes;
using uplink::sql_text;

RestResponse error_response(unsigned status, const Error& error) {
  json::object body{
      {"code", to_string(error.code)}, {"field", error.field}, {"message", error.message}};
  return {status, json::serialize(json::object{{"error", std::move(body)}})};
}

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::unsupported:
      return 415;
    case ErrorCode::refused:
      return 401;
    case ErrorCode::unavailable:
    case ErrorCode::unknown_outcome:
      return 503;
    case ErrorCode::io:
    case ErrorCode::corrupt:
      return 500;
  }
  return 500;
}

RestResponse error_response(const Error& error) {
  return error_response(status_of(error.code), error);
}

namespace {

bool same_secret(std::string_view a, std::string_view b) {
  const Hash left = blake2b(a);
  const Hash right = blake2b(b);
  return sodium_memcmp(left.bytes.data(), right.bytes.data(), left.bytes.size()) == 0;
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

std::string hex_of(const pqxx::field& field) {
  return to_hex(pqxx::binarystring(field).str());
}

}  // namespace

Rest::Rest(Gateway& gateway, const std::string& database_url)
    : gateway_(gateway), database_("rest", database_url, query_queue_max) {}

void Rest::handle(const RestRequest& request, Reply reply) {
  gateway_.metrics.rest_requests.Increment();
  const auto url = boost::urls::parse_origin_form(request.target);
  if (!url) {
    return reply(error_response(make_error(ErrorCode::invalid, "the address cannot be read")));
  }
  std::vector<std::string> path;
  for (const auto& segment : url->segments()) path.emplace_back(segment);
  if (path == std::vector<std::string>{"healthz"}) {
    const bool up = gateway_.desk.reachable();
    gateway_.metrics.database_up.Set(up ? 1 : 0);
    return reply(
        up ? RestResponse{200, R"({"status":"ok"})"}
           : error_response(make_error(ErrorCode::unavailable, "the database does not answer")));
  }
  if (path == std::vector<std::string>{"metrics"}) {
    gateway_.metrics.projector_queue.Set(static_cast<double>(gateway_.projector.queued()));
    gateway_.metrics.database_up.Set(gateway_.desk.reachable() ? 1 : 0);
    return reply({200, gateway_.metrics.text(), "text/plain; version=0.0.4"});
  }
  if (path == std::vector<std::string>{"v1", "key"}) {
    return reply(
        {200, json::serialize(json::object{{"public_key", gateway_.cloud_key.public_key.hex()}})});
  }
  if (!same_secret(request.authorization, "Bearer " + gateway_.config.admin_key)) {
    return reply(error_response(make_error(
        ErrorCode::refused, "send the header Authorization: Bearer <gateway.admin_key>")));
  }
  const Error unknown = make_error(ErrorCode::not_found, "there is nothing at this address");
  if (path.size() < 4 || path[0] != "v1" || path[1] != "tenants") {
    return reply(error_response(unknown));
  }
  Call call;
  call.key.tenant = path[2];
  if (!gateway_.config.find_tenant(call.key.tenant)) {
    return reply(error_response(make_error(
        ErrorCode::not_found, "no tenant '" + call.key.tenant + "' in the configuration")));
  }
  for (const auto& parameter : url->params()) {
    if (parameter.key == "after") {
      call.after = parameter.value;
    } else if (parameter.key == "from") {
      call.from = parameter.value;
    } else if (parameter.key == "mode") {
      call.mode = parameter.value;
      if (call.mode != "update" && call.mode != "replace") {
        return reply(error_response(make_error(
            ErrorCode::invalid, "mode is \"update\" (the usual) or \"replace\"", "mode")));
      }
    } else if (parameter.key == "limit") {
      const std::string text = parameter.value;
      const auto read = std::from_chars(text.data(), text.data() + text.size(), call.limit);
      const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
      if (!whole || call.limit == 0 || call.limit > page_rows_max) {
        return reply(error_response(make_error(
            ErrorCode::invalid, "limit must be 1 to " + std::to_string(page_rows_max), "limit")));
      }
    } else {
      return reply(error_response(make_error(
          ErrorCode::invalid, "unknown parameter '" + parameter.key + "'", parameter.key)));
    }
  }
  const bool get = request.method == "GET";
  const bool put = request.method == "PUT";
  if (path.size() == 4 && path[3] == "stores" && get) return list_stores(call, reply);
  if (path.size() == 4 && path[3] == "products" && put) {
    return put_tenant_products(call, request, reply);
  }
  if (path.size() < 6 || path[3] != "stores") return reply(error_response(unknown));
  call.key.store = path[4];
  const std::string& what = path[5];
  if (path.size() == 7 && what == "stock" && get) return one_stock(call, path[6], reply);
  if (path.size() == 7 && what == "quarantine" && path[6] == "retry" && request.method == "POST") {
    return retry_quarantine(call, reply);
  }
  if (path.size() != 6) return reply(error_response(unknown));
  if (what == "stock" && get) return list_stock(call, reply);
  if (what == "sales" && get) return list_sales(call, reply);
  if (what == "vector" && get) return show_vector(call, reply);
  if (what == "quarantine" && get) return list_quarantine(call, reply);
  if (what == "products" && get) return list_products(call, reply);
  if (what == "products" && put) return put_store_products(call, request, reply);
  reply(error_response(unknown));
}

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
  throw make_error(ErrorCode::not_found, "no store '" + key.store + "' of tenant '" + key.tenant +
                                             "' has ever connected");
}

void Rest::list_stores(const Call& call, Reply reply) {
  struct Live {
    bool connected = false;
    std::uint64_t lag = 0;
    std::uint64_t feed_stored = 0;
    WallTime last_seen;
  };
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

void Rest::one_stock(const Call& call, const std::string& sku, Reply reply) {
  query(
      call.key.tenant,
      [call, sku](pqxx::transaction_base& transaction) {
        require_store(transaction, call.key);
        const auto rows =
            transaction.exec("SELECT sku, on_hand, added, removed FROM inventory WHERE store = " +
                             sql_text(call.key.store) + " AND sku = " + sql_text(sku));
        if (rows.empty()) {
          throw make_error(ErrorCode::not_found, "'" + sku + "' never moved in this store");
        }
        return stock_row(rows[0]);
      },
      std::move(reply));
}

void Rest::list_sales(const Call& call, Reply reply) {
  // `from` is a business date, or the `next` of the page before: date:journal:number.
  std::string position;
  if (!call.from.empty()) {
    const std::string date = call.from.substr(0, 10);
    const bool has_place = call.from.size() > 44 && call.from[10] == ':' && call.from[43] == ':';
    const auto journal = has_place ? from_hex(call.from.substr(11, 32)) : std::optional<Bytes>();
    const std::string number = has_place ? call.from.substr(44) : "";
    const bool is_date = date.size() == 10 && date[4] == '-' && date[7] == '-' &&
                         date.find_first_not_of("0123456789-") == std::string::npos;
    const bool is_number =
        number.find_first_not_of("0123456789") == std::string::npos && number.size() < 19;
    if (!is_date || (call.from.size() > 10 && (!journal || !is_number))) {
      return reply(error_response(
          make_error(ErrorCode::invalid,
                     "from must be a date like 2011-10-06 or a `next` of this list", "from")));
    }
    position = " AND business_date >= " + sql_text(date) + "::date";
    if (journal) {
      position += " AND (business_date, journal, number) > (" + sql_text(date) + "::date, " +
                  sql_bytes(*journal) + ", " + number + ")";
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
            "original_number, (SELECT encode(v.journal, 'hex') || ':' || v.number FROM sales v "
            "WHERE v.store = sales.store AND v.original_journal = sales.journal AND "
            "v.original_number = sales.number AND v.kind = 'void' AND v.counts LIMIT 1) "
            "FROM sales WHERE store = " +
            sql_text(call.key.store) + position +
            " ORDER BY business_date, journal, number, hash LIMIT " + std::to_string(call.limit));
        json::array sales;
        std::string last;
        for (const auto& row : rows) {
          const auto places = row[6].as<std::uint32_t>();
          const std::string id = hex_of(row[0]) + ":" + row[1].c_str();
          last = std::string(row[9].c_str()) + ":" + id;
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
            sql_text(call.key.store) + " ORDER BY q.since, q.journal, q.number LIMIT " +
            std::to_string(call.limit));
        json::array list;
        for (const auto& row : rows) {
          list.push_back(json::object{{"id", hex_of(row[0]) + ":" + row[1].c_str()},
                                      {"hash", hex_of(row[2])},
                                      {"kind", row[3].as<std::int64_t>()},
                                      {"reason", row[4].c_str()},
                                      {"since", row[5].c_str()},
                                      {"bytes_base64", row[6].c_str()}});
        }
        return json::object{{"quarantine", std::move(list)}};
      },
      std::move(reply));
}

void Rest::retry_quarantine(const Call& call, Reply reply) {
  gateway_.projector.retry_quarantine(call.key, [reply](Result<std::size_t> released) {
    if (!released) return reply(error_response(released.error()));
    reply({200, json::serialize(json::object{{"released", *released}})});
  });
}

}  // namespace titan::cloud
