// Handlers that only look: stock, journals, status, metrics, health; and paging.
#include <charconv>

#include "pos-node/api/answers.h"
#include "pos-node/api/api.h"
#include "pos-node/api/paging.h"

namespace titan::pos {
namespace {

// Longer than any sku.
constexpr std::size_t place_bytes_max = 1024;

}  // namespace

Result<std::uint64_t> number_parameter(const ApiRequest& request, std::string_view name,
                                       std::uint64_t number_default, std::uint64_t number_max) {
  const std::string* text = request.parameter(name);
  if (!text) return number_default;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size() || number == 0 ||
      number > number_max) {
    return make_error(
        ErrorCode::invalid,
        std::string(name) + " must be a whole number from 1 to " + std::to_string(number_max) + ".",
        std::string(name));
  }
  return number;
}

Result<std::string> sku_place(const ApiRequest& request) {
  const std::string* after = request.parameter("after");
  if (!after) return std::string();
  if (after->size() <= place_bytes_max) return *after;
  return make_error(ErrorCode::invalid, "after is no `next` of this list; begin again without it.",
                    "after");
}

Status known_parameters(const ApiRequest& request, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const std::string_view each : known) {
      list += (list.empty() ? "" : ", ") + std::string(each);
    }
    return make_error(ErrorCode::invalid,
                      "Unknown parameter " + name +
                          "; known here: " + (list.empty() ? std::string("none") : list) + ".",
                      name);
  }
  return {};
}

void Api::get_stock(ApiRequest& request, AnswerCallback done) {
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

void Api::get_stock_of(ApiRequest& request, AnswerCallback done) {
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

void Api::get_journal(ApiRequest& request, AnswerCallback done) {
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

void Api::get_status(ApiRequest&, AnswerCallback done) {
  done(ok(status_json(service_.status(), service_.facts())));
}

void Api::get_metrics(ApiRequest&, AnswerCallback done) {
  service_.refresh_metrics(metrics_);
  ApiAnswer answer = ok(metrics_.text());
  answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
  done(std::move(answer));
}

void Api::get_health(ApiRequest&, AnswerCallback done) {
  const auto reason = service_.unhealthy();
  if (reason) return done(error_answer(make_error(ErrorCode::unavailable, *reason)));
  JsonWriter writer;
  write_health(writer, service_.degraded());
  done(ok(std::move(writer.text())));
}

}  // namespace titan::pos
