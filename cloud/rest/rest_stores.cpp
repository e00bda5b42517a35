// Stores at head office: their leases, stock, vectors and quarantines.
#include <spdlog/spdlog.h>

#include <boost/json.hpp>
#include <charconv>

#include "cloud/gateway/uplink_session.h"
#include "cloud/rest/rest_call.h"
#include "retail/money.h"
#include "uplink/postgres/sql_values.h"
#include "uplink/postgres/store_projector.h"

namespace titan::cloud {

namespace json = boost::json;
using uplink::sql_text;

namespace {

// Columns of list_stores(). What only the loop knows is filled in behind the query.
json::object shown_store(const pqxx::row& row) {
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
  store["last_seen"] = row[5].is_null() ? json::value(nullptr) : json::value(row[5].c_str());
  store["entries"] = row[6].as<std::int64_t>();
  store["quarantined"] = row[7].as<std::int64_t>();
  store["feed_number"] = row[8].as<std::int64_t>();
  store["watermark"] =
      json::object{{"epoch", row[10].as<std::int64_t>()}, {"sequence", row[9].as<std::int64_t>()}};
  store["fold"] = nullptr;
  if (!row[11].is_null()) {
    store["fold"] = json::object{{"number", row[11].as<std::int64_t>()},
                                 {"entries", row[12].as<std::int64_t>()},
                                 {"made", row[13].c_str()}};
  }
  return store;
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

}  // namespace

void Rest::list_stores(const Call& call, const RestRequest&, Reply reply) {
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
            "s.watermark_sequence, s.epoch, f.number, f.entries, to_char(f.made, "
            "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM stores s LEFT JOIN leadership l USING "
            "(store) LEFT JOIN folds f USING (store) "
            "ORDER BY s.store");
        json::array stores;
        for (const auto& row : rows) stores.push_back(shown_store(row));
        return json::object{{"stores", std::move(stores)}};
      },
      [reply, add_live](RestResponse response) { reply(add_live(std::move(response))); });
}

void Rest::list_stock(const Call& call, const RestRequest&, Reply reply) {
  query_store(
      call,
      [call](pqxx::transaction_base& transaction) {
        // The order of skus is the bytes' own, so that a page's end is the same everywhere.
        const auto rows = transaction.exec(
            "SELECT sku, on_hand, added, removed FROM inventory WHERE store = " +
            sql_text(call.key.store) + " AND sku COLLATE \"C\" > " + sql_text(call.after) +
            " COLLATE \"C\" ORDER BY sku COLLATE \"C\" LIMIT " + std::to_string(call.limit));
        json::array stock;
        for (const auto& row : rows) stock.push_back(stock_row(row));
        return json::object{{"stock", std::move(stock)},
                            {"next", next_page(rows, call.limit, last_sku(rows))}};
      },
      std::move(reply));
}

void Rest::one_stock(const Call& call, const RestRequest&, Reply reply) {
  query_store(
      call,
      [call](pqxx::transaction_base& transaction) {
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

void Rest::show_vector(const Call& call, const RestRequest&, Reply reply) {
  query_store(
      call,
      [call](pqxx::transaction_base& transaction) {
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

void Rest::list_quarantine(const Call& call, const RestRequest&, Reply reply) {
  query_store(
      call,
      [call](pqxx::transaction_base& transaction) {
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
        return json::object{{"quarantine", std::move(list)},
                            {"next", next_page(rows, call.limit, last)}};
      },
      std::move(reply));
}

void Rest::retry_quarantine(const Call& call, const RestRequest&, Reply reply) {
  if_store_known(call, reply, [this, key = call.key, reply] {
    gateway_.projector.retry_quarantine(key, [reply](Result<std::size_t> released) {
      if (!released) return reply(error_response(released.error()));
      reply({200, json::serialize(json::object{{"released", *released}})});
    });
  });
}

// What is folded every night anyway, at once.
void Rest::fold(const Call& call, const RestRequest&, Reply reply) {
  if_store_known(call, reply, [this, key = call.key, reply] {
    gateway_.projector.fold(key, std::nullopt, [reply](Result<std::uint64_t> feed_number) {
      if (!feed_number) return reply(error_response(feed_number.error()));
      reply({200, json::serialize(json::object{{"feed_number", *feed_number}})});
    });
  });
}

// For a store whose lease row stands at a term that its tills cannot reach. An uplink of the store
// at another gateway ends by the news of it (store_news.h), at its next renewal at the latest.
void Rest::reset_lease(const Call& call, const RestRequest&, Reply reply) {
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
