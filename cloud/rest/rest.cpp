#include "cloud/rest/rest.h"

#include <spdlog/spdlog.h>

#include <boost/json.hpp>

#include "base/hex.h"
#include "base/http_status.h"
#include "cloud/database/ask_database.h"
#include "cloud/rest/rest_call.h"
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

RestResponse answer_in_snapshot(pqxx::connection& connection,
                                const std::function<json::object(pqxx::transaction_base&)>& run) {
  pqxx::transaction<pqxx::repeatable_read> transaction(connection);
  RestResponse response;
  try {
    response.body = json::serialize(run(transaction));
  } catch (const Error& error) {
    response = error_response(error);
  } catch (const pqxx::sql_error& error) {
    if (!is_fault_of_request(error)) throw;
    spdlog::error("rest: a value got as far as the database: {}", uplink::one_line(error.what()));
    response = error_response(
        make_error(ErrorCode::invalid, "the request holds a value that nothing can be"));
  }
  return response;
}

}  // namespace

Rest::Rest(Gateway& gateway, const std::string& database_url)
    : gateway_(gateway), database_("rest", database_url, query_queue_max) {}

void Rest::query(const std::string& tenant, Query run, Reply reply) {
  ask_database<RestResponse>(
      gateway_.loop, database_, tenant,
      [run = std::move(run)](pqxx::connection& connection) {
        return answer_in_snapshot(connection, run);
      },
      [reply = std::move(reply)](Result<RestResponse> answered) {
        reply(answered ? std::move(*answered) : error_response(answered.error()));
      });
}

void Rest::query_store(const Call& call, Query run, Reply reply) {
  query(
      call.key.tenant,
      [key = call.key, run = std::move(run)](pqxx::transaction_base& transaction) {
        const auto known =
            transaction.exec("SELECT 1 FROM stores WHERE store = " + sql_text(key.store));
        if (known.empty()) throw never_connected(key);
        return run(transaction);
      },
      std::move(reply));
}

void Rest::if_store_known(const Call& call, const Reply& reply, std::function<void()> then) {
  query_store(
      call, [](pqxx::transaction_base&) { return json::object{}; },
      [reply, then = std::move(then)](RestResponse known) {
        if (known.status != 200) return reply(std::move(known));
        then();
      });
}

// ---- what lists share ---------------------------------------------------------------------------

json::value next_page(const pqxx::result& rows, std::size_t limit, const std::string& last) {
  if (static_cast<std::size_t>(rows.size()) < limit) return nullptr;
  return json::string(last);
}

std::string last_sku(const pqxx::result& rows) {
  return rows.empty() ? std::string() : std::string(rows.back()[0].c_str());
}

std::string hex_of(const pqxx::field& field) {
  return to_hex(pqxx::binarystring(field).str());
}

std::string behind(const std::string& columns, const std::string& values, const EntryPlace& place,
                   const std::string& table) {
  const bool with_hash = !place.hash.empty();
  return "(" + columns + table + "journal, " + table + "number" +
         (with_hash ? ", " + table + "hash" : "") + ") > (" + values + sql_bytes(place.journal) +
         ", " + std::to_string(place.number) + (with_hash ? ", " + sql_bytes(place.hash) : "") +
         ")";
}

}  // namespace titan::cloud
