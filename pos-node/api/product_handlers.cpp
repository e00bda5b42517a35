#include "pos-node/api/product_handlers.h"

#include "pos-node/api/answers.h"
#include "pos-node/api/paging.h"
#include "pos-node/domain/article.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

// A product's whole name may be typed or pasted: 1000 characters of up to 4 bytes.
constexpr std::size_t search_bytes_max = 4096;

// Every product that the scan can mean, with what else the symbol said, so that the screen can ask.
Result<std::string> scanned_products_json(Service& service, const std::string& code) {
  if (const auto fault = scan_fault(code)) {
    return make_error(ErrorCode::invalid, "gtin " + *fault + ".", "gtin");
  }
  const ClockReading clock = service.clock();
  const Scan scan = read_scan(code, service.facts().labels, clock.local_date);
  const auto found = match_scan(scan, service);
  if (!found) return found.error();
  JsonWriter writer(4096);
  writer.begin_object().key("products").begin_array();
  for (const auto& match : found->matches) write_product(writer, *match.product);
  writer.end_array().key("next").null();
  titan::entry::v1::Line line;
  const auto article =
      find_article({}, code, RuleContext{service.facts(), clock, service}, clock.local_date, {});
  if (article) record_scan(*article, line);
  if (line.has_scan()) {
    writer.key("scan");
    write_scan(writer, line.scan());
  }
  writer.key("messages").begin_array();
  for (const ScanComplaint& complaint : article ? article->scan.complaints : scan.complaints) {
    writer.value(complaint.message);
  }
  writer.end_array().end_object();
  return std::move(writer.text());
}

}  // namespace

void ProductHandlers::get_products(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"q", "gtin", "limit", "after"}); !checked) {
    return done(error_answer(checked.error()));
  }
  if (const std::string* gtin = request.parameter("gtin")) {
    auto found = scanned_products_json(service_, *gtin);
    return done(found ? ok(std::move(*found)) : error_answer(found.error()));
  }
  JsonWriter writer(4096);
  const auto limit = number_parameter(request, "limit", page_items_default, page_items_max);
  if (!limit) return done(error_answer(limit.error()));
  const std::string* query = request.parameter("q");
  if (query && query->size() > search_bytes_max) {
    return done(error_answer(make_error(
        ErrorCode::invalid, "q is over " + std::to_string(search_bytes_max) + " bytes.", "q")));
  }
  // A search reads the place itself: it is its own text, not a sku.
  const bool is_search = query && !query->empty();
  const std::string* after = request.parameter("after");
  const Result<std::string> place =
      is_search ? (after ? *after : std::string()) : sku_place(request);
  if (!place) return done(error_answer(place.error()));
  const auto page = service_.search_products(query ? *query : std::string(), *limit, *place);
  if (!page) return done(error_answer(page.error()));
  writer.begin_object().key("products").begin_array();
  for (const ProductPointer& product : page->products) write_product(writer, *product);
  writer.end_array().key("next");
  if (page->next.empty()) {
    writer.null();
  } else {
    writer.value(page->next);
  }
  writer.end_object();
  done(ok(std::move(writer.text())));
}

void ProductHandlers::get_product(ApiRequest& request, AnswerCallback done) {
  const std::string& sku = request.path[2];
  const auto product = service_.product(sku);
  if (!product) return done(error_answer(product.error()));
  if (!*product) {
    return done(error_answer(
        make_error(ErrorCode::not_found,
                   "\"" + sku + "\" is not in the product table. Letter case counts.", "sku")));
  }
  JsonWriter writer;
  write_product(writer, **product);
  done(ok(std::move(writer.text())));
}

void ProductHandlers::put_products(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"mode"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const std::string* mode = request.parameter("mode");
  if (mode && *mode != "update" && *mode != "replace") {
    return done(error_answer(
        make_error(ErrorCode::invalid, "mode is \"update\" (the usual) or \"replace\".", "mode")));
  }
  auto import = std::make_shared<ProductImport>();
  import->replaces = mode && *mode == "replace";
  imports_.begin(request, import, std::move(done));
}

}  // namespace titan::pos
