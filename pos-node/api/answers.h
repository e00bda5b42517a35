// The JSON of the API's answers, built from what was recorded: a repeated request gets the same
// answer because it is written from the same entry.
#pragma once

#include <string>

#include "base/result.h"
#include "mesh/entry/entry.h"
#include "pos-node/json/json_writer.h"
#include "pos-node/service/service.h"

namespace titan::pos {

// "sale", "refund", "void", ...; "kind_77" for one that this version does not know.
std::string kind_name(mesh::Kind kind);

enum class EntryDetail {
  recorded,   // the answer to the request that made it
  looked_up,  // also voided_by, which costs a query
};
// An entry with what is known of it by now: copies, in_cloud.
Result<std::string> entry_json(const RecordedEntry& entry, Service& service, EntryDetail detail);

void write_product(JsonWriter& writer, const Product& product);
// What a scanned symbol said beside the article's code.
void write_scan(JsonWriter& writer, const titan::entry::v1::Scan& scan);
void write_stock(JsonWriter& writer, std::string_view sku, const crdt::StockSum& sum,
                 std::int64_t low_stock_units);
std::string status_json(const StatusReport& status, const StoreFacts& facts);
// {"status":"ok|degraded|failing","reasons":[…]}
void write_health(JsonWriter& writer, const std::vector<HealthReason>& reasons);
std::string journals_json(const std::vector<JournalSummary>& journals);
std::string journal_page_json(const JournalId& journal, const JournalPage& page);
std::string error_json(const Error& error);

}  // namespace titan::pos
