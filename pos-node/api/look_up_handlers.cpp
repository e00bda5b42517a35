#include "pos-node/api/look_up_handlers.h"

#include "pos-node/api/answers.h"
#include "pos-node/api/paging.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

constexpr std::size_t receipt_bytes_max = 1024;
constexpr std::size_t journal_entries_max = 1000;
constexpr std::size_t journal_page_bytes = 256 * 1024;

}  // namespace

void LookUpHandlers::get_sale(ApiRequest& request, AnswerCallback done) {
  const auto id = parse_id(request.path[2]);
  if (!id) {
    return done(error_answer(
        make_error(ErrorCode::invalid,
                   "A sale's id is \"<journal>:<number>\", as given when it was made.", "id")));
  }
  const auto entry = service_.entry(*id);
  if (!entry) return done(error_answer(entry.error()));
  if (!*entry) {
    return done(error_answer(
        make_error(ErrorCode::not_found,
                   "Sale " + request.path[2] + " is not on this terminal (yet).", "id")));
  }
  auto json = entry_json(**entry, service_, EntryDetail::looked_up);
  if (!json) return done(error_answer(json.error()));
  done(ok(std::move(*json)));
}

void LookUpHandlers::get_sales(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"receipt"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const std::string* receipt = request.parameter("receipt");
  if (!receipt || receipt->empty() || receipt->size() > receipt_bytes_max) {
    return done(error_answer(make_error(ErrorCode::invalid,
                                        "receipt is missing: the number as it is printed, such as "
                                        "\"till-3 000123-K7QF\".",
                                        "receipt")));
  }
  const auto found = service_.move_ins().printed_as(*receipt);
  if (!found) return done(error_answer(found.error()));
  std::string answer = "{\"sales\":[";
  for (std::size_t i = 0; i < found->size(); ++i) {
    auto json = entry_json(*(*found)[i], service_, EntryDetail::looked_up);
    if (!json) return done(error_answer(json.error()));
    answer += (i == 0 ? "" : ",") + *json;
  }
  done(ok(answer + "]}"));
}

void LookUpHandlers::get_stock(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"limit", "after"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const auto limit = number_parameter(request, "limit", page_items_default, page_items_max);
  if (!limit) return done(error_answer(limit.error()));
  const auto& sums = service_.stock().sums();
  const auto after = sku_place(request);
  if (!after) return done(error_answer(after.error()));
  auto at = after->empty() ? sums.begin() : sums.upper_bound(*after);

  JsonWriter writer(128 * *limit);
  writer.begin_object().key("stock").begin_array();
  const std::string* last = nullptr;
  for (std::uint64_t count = 0; count < *limit && at != sums.end(); ++count, ++at) {
    write_stock(writer, at->first, at->second, service_.low_stock_units(at->first));
    last = &at->first;
  }
  writer.end_array().key("next");
  if (at != sums.end() && last) {
    writer.value(*last);
  } else {
    writer.null();
  }
  writer.end_object();
  done(ok(std::move(writer.text())));
}

void LookUpHandlers::get_stock_of(ApiRequest& request, AnswerCallback done) {
  const std::string& sku = request.path[2];
  const auto& sums = service_.stock().sums();
  const auto at = sums.find(sku);
  if (at == sums.end()) {
    const auto product = service_.product(sku);
    if (!product) return done(error_answer(product.error()));
    if (!*product) {
      return done(error_answer(
          make_error(ErrorCode::not_found,
                     "\"" + sku +
                         "\" is neither in the product table nor did it ever move. Letter case "
                         "counts.",
                     "sku")));
    }
  }
  JsonWriter writer;
  write_stock(writer, sku, at == sums.end() ? crdt::StockSum{} : at->second,
              service_.low_stock_units(sku));
  done(ok(std::move(writer.text())));
}

void LookUpHandlers::get_journal(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"journal", "from", "limit"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const std::string* wanted = request.parameter("journal");
  if (!wanted) {
    const auto journals = service_.journals();
    if (!journals) return done(error_answer(journals.error()));
    return done(ok(journals_json(*journals)));
  }
  const auto journal = JournalId::from_hex_text(*wanted);
  if (!journal) {
    return done(error_answer(
        make_error(ErrorCode::invalid, "journal must be 32 hexadecimal digits.", "journal")));
  }
  const auto from = number_parameter(request, "from", 1, UINT64_MAX);
  if (!from) return done(error_answer(from.error()));
  const auto limit = number_parameter(request, "limit", page_items_default, journal_entries_max);
  if (!limit) return done(error_answer(limit.error()));
  const auto page = service_.journal_page(*journal, *from, *limit, journal_page_bytes);
  if (!page) return done(error_answer(page.error()));
  done(ok(journal_page_json(*journal, *page)));
}

void LookUpHandlers::get_events(ApiRequest&, AnswerCallback done) {
  done(error_answer(
      make_error(ErrorCode::invalid, "This address is an event stream; open it as a WebSocket.")));
}

void LookUpHandlers::get_status(ApiRequest&, AnswerCallback done) {
  done(ok(status_json(service_.status(), service_.facts())));
}

void LookUpHandlers::get_metrics(ApiRequest&, AnswerCallback done) {
  service_.refresh_metrics(metrics_);
  ApiAnswer answer = ok(metrics_.text());
  answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
  done(std::move(answer));
}

void LookUpHandlers::get_health(ApiRequest&, AnswerCallback done) {
  const auto reason = service_.unhealthy();
  if (reason) return done(error_answer(make_error(ErrorCode::unavailable, *reason)));
  JsonWriter writer;
  write_health(writer, service_.degraded());
  done(ok(std::move(writer.text())));
}

void LookUpHandlers::post_reload(ApiRequest&, AnswerCallback done) {
  const auto report = service_.reload();
  if (!report) return done(error_answer(report.error()));
  JsonWriter writer(256);
  const auto list = [&](const char* name, const std::vector<std::string>& keys) {
    writer.key(name).begin_array();
    for (const std::string& key : keys) writer.value(key);
    writer.end_array();
  };
  writer.begin_object();
  list("applied", report->applied);
  list("needs_restart", report->needs_restart);
  writer.end_object();
  done({200, std::move(writer.text())});
}

}  // namespace titan::pos
