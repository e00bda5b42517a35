// Products: look-up, search, and the import of lists.
#include <malloc.h>

#include <algorithm>

#include "base/crypto.h"
#include "pos-node/api/answers.h"
#include "pos-node/api/api.h"
#include "pos-node/api/paging.h"
#include "pos-node/api/product_reader.h"
#include "pos-node/domain/article.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

// A product's whole name may be typed or pasted: 1000 characters of up to 4 bytes.
constexpr std::size_t search_bytes_max = 4096;

// Serialised bytes that one PRODUCT entry aims at, well below the entry limit.
constexpr std::size_t product_entry_bytes = 128 * 1024;

bool same_product(const Product& a, const Product& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

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

void Api::get_products(ApiRequest& request, AnswerCallback done) {
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

void Api::get_product(ApiRequest& request, AnswerCallback done) {
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

// An import in progress. Its list was read whole and found good; products go into entries of
// limited size, one after the other, so that the loop is never held up for long.
struct Api::Import {
  ProductList list;
  AnswerCallback done;
  std::size_t next = 0;  // in list.products
  std::size_t changed = 0;
  std::size_t unchanged = 0;
  std::size_t entries = 0;
};

void Api::put_products(ApiRequest& request, AnswerCallback done) {
  const auto media = parse_media_type(request.content_type);
  const bool is_csv = media && media->type == "text/csv";
  if (!is_csv && (!media || media->type != "application/json")) {
    return done(error_answer(make_error(
        ErrorCode::unsupported, "Send the list as Content-Type: text/csv or application/json.",
        "Content-Type")));
  }
  if (const auto checked = check_charset(*media); !checked) {
    return done(error_answer(checked.error()));
  }
  if (imports_ >= imports_at_once_max) {
    return done(error_answer(make_error(
        ErrorCode::unavailable, "Another product list is just being taken in; try again.")));
  }
  ++imports_;
  auto import = std::make_shared<Import>();
  import->done = std::move(done);
  threads_.on_worker([this, is_csv, import,
                      body = std::make_shared<std::string>(std::move(request.body)),
                      currency = service_.facts().currency] {
    auto list = std::make_shared<Result<ProductList>>(is_csv ? read_product_csv(*body, currency)
                                                             : read_product_json(*body, currency));
    threads_.on_loop([this, import, list] {
      if (!*list) return finish_import(import, error_answer(list->error()));
      import->list = std::move(**list);
      continue_import(import);
    });
  });
}

void Api::continue_import(const std::shared_ptr<Import>& import) {
  const auto& products = import->list.products;
  std::vector<ProductPointer> batch;
  std::size_t bytes = 0;
  std::size_t looked_at = 0;
  while (import->next < products.size() && looked_at < products_per_entry_max &&
         bytes < product_entry_bytes) {
    const ProductPointer& product = products[import->next];
    const auto known = service_.product(product->sku());
    if (!known) return finish_import(import, error_answer(known.error()));
    ++import->next;
    ++looked_at;
    if (*known && same_product(**known, *product)) {
      ++import->unchanged;
      continue;
    }
    bytes += product->ByteSizeLong();
    batch.push_back(product);
  }
  if (batch.empty()) {
    if (import->next < products.size()) {
      return threads_.on_loop([this, import] { continue_import(import); });
    }
    JsonWriter writer;
    writer.begin_object()
        .member("rows", import->list.rows)
        .member("products", import->list.products.size())
        .member("changed", import->changed)
        .member("unchanged", import->unchanged)
        .member("entries", import->entries)
        .member("warning_count", import->list.warning_count)
        .key("warnings")
        .begin_array();
    for (const std::string& warning : import->list.warnings) writer.value(warning);
    writer.end_array().end_object();
    return finish_import(import, ok(std::move(writer.text())));
  }

  // An import repeats harmlessly, so its entries need no key that a till screen would know.
  const ClockReading clock = service_.clock();
  auto ruling = make_products(batch, RequestKey{}, RuleContext{service_.facts(), clock, service_});
  if (!ruling) return finish_import(import, error_answer(ruling.error()));
  service_.append(std::move(ruling->draft), [this, import, taken = batch.size()](auto appended) {
    if (!appended) {
      Error error = appended.error();
      error.message += " " + std::to_string(import->changed) +
                       " products were taken in before; send the list again.";
      return finish_import(import, error_answer(error));
    }
    import->changed += taken;
    ++import->entries;
    threads_.on_loop([this, import] { continue_import(import); });
  });
}

void Api::finish_import(const std::shared_ptr<Import>& import, ApiAnswer answer) {
  --imports_;
  import->done(std::move(answer));
  // A big list leaves tens of megabytes of freed memory behind, which the allocator would keep.
  import->list = {};
  threads_.on_worker([] { malloc_trim(0); });
}

}  // namespace titan::pos
