// Products: look-up, search, and the import of lists.
#include <malloc.h>
#include <sodium.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/crypto.h"
#include "mesh/wire/product_list.h"
#include "pos-node/api/answers.h"
#include "pos-node/api/paging.h"
#include "pos-node/api/product_import.h"
#include "pos-node/domain/article.h"
#include "retail/catalogue/csv_list.h"
#include "retail/catalogue/json_list.h"
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

ApiAnswer refused_list(const ProductList& list) {
  ApiAnswer answer = error_answer(*list.refusal);
  JsonWriter writer;
  writer.begin_object().key("error").begin_object();
  writer.member("code", to_string(list.refusal->code))
      .member("field", list.refusal->field)
      .member("message", list.refusal->message)
      .member("fault_count", list.fault_count)
      .key("faults")
      .begin_array();
  for (const ListFault& fault : list.faults) {
    writer.begin_object()
        .member("row", fault.row)
        .member("column", fault.column)
        .member("message", fault.message)
        .end_object();
  }
  writer.end_array().end_object().end_object();
  answer.body = std::move(writer.text());
  return answer;
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

void Api::put_products(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"mode"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const std::string* mode = request.parameter("mode");
  if (mode && *mode != "update" && *mode != "replace") {
    return done(error_answer(
        make_error(ErrorCode::invalid, "mode is \"update\" (the usual) or \"replace\".", "mode")));
  }
  auto import = std::make_shared<Import>();
  import->replaces = mode && *mode == "replace";
  begin_import(request, import, std::move(done));
}

void Api::begin_import(ApiRequest& request, const std::shared_ptr<Import>& import,
                       AnswerCallback done) {
  const auto media = parse_media_type(request.content_type);
  const bool is_csv = media && media->type == "text/csv";
  if (!is_csv && (!media || media->type != "application/json")) {
    return done(error_answer(make_error(
        ErrorCode::unsupported, "Send the list as Content-Type: text/csv or application/json.",
        "Content-Type")));
  }
  // Spreadsheets write other encodings too; whoever reads a CSV list knows them.
  if (const auto checked = check_charset(*media); !is_csv && !checked) {
    return done(error_answer(checked.error()));
  }
  if (imports_ >= imports_at_once_max) {
    return done(error_answer(make_error(
        ErrorCode::unavailable, "Another product list is just being taken in; try again.")));
  }
  ++imports_;
  import->done = std::move(done);
  threads_.on_worker([this, is_csv, import, type = request.content_type,
                      body = std::make_shared<std::string>(std::move(request.body)),
                      currency = service_.facts().currency] {
    auto list = std::make_shared<ProductList>(
        is_csv ? read_product_csv(*body, {currency, type, import->mode()})
               : read_product_json(*body, {currency, false, import->mode()}));
    threads_.on_loop([this, import, list] {
      if (!list->is_good()) return finish_import(import, refused_list(*list));
      import->list = std::move(*list);
      find_articles(import);
    });
  });
}

// The articles in force that a row without a sku may mean.
Result<std::vector<ProductPointer>> Api::articles_of(const ProductPatch& patch) {
  std::vector<ProductPointer> articles;
  const auto add = [&](const ProductPointer& article) {
    const bool is_there =
        std::any_of(articles.begin(), articles.end(),
                    [&](const ProductPointer& one) { return one->sku() == article->sku(); });
    if (!article->delisted() && !is_there) articles.push_back(article);
  };
  const auto same_code = service_.product(patch.said.sku());
  if (!same_code) return same_code.error();
  if (*same_code) add(*same_code);
  for (const std::string& gtin : patch.said.gtins()) {
    const auto found = service_.products_by_gtin(gtin);
    if (!found) return found.error();
    for (const ProductPointer& article : *found) add(article);
  }
  return articles;
}

Status Api::find_article_of(Import& import, ProductPatch& patch) {
  const auto articles = articles_of(patch);
  if (!articles) return articles.error();
  if (articles->size() == 1) {
    const Product& article = *articles->front();
    patch.said.set_sku(article.sku());
    if (!import.replaces) keep_gtins(patch, article);
  } else if (articles->size() > 1) {
    constexpr std::size_t named_max = 3;
    std::string names;
    for (std::size_t i = 0; i < std::min(named_max, articles->size()); ++i) {
      names += (i == 0 ? "" : ", ") + (*articles)[i]->sku();
    }
    if (articles->size() > named_max) {
      names += " and " + std::to_string(articles->size() - named_max) + " more";
    }
    const std::string what = "gtin " + patch.said.gtins(0) + " belongs to several articles (" +
                             names + "); say by a sku which one is meant";
    import.refused->fault({patch.place, "gtin", what}, patch.place,
                          capitalised(patch.place) + ": " + what);
  }
  return {};
}

// Rows without a sku mean the article that has their barcode, whatever its sku: a second article
// with the code would take its scans away.
void Api::find_articles(const std::shared_ptr<Import>& import) {
  auto& patches = import->list.products;
  for (std::size_t looked_at = 0; looked_at < products_a_turn;) {
    if (import->next == patches.size() || import->refused->has_seen_enough()) {
      return found_articles(import);
    }
    ProductPatch& patch = patches[import->next++];
    if (!patch.is_by_gtin) continue;
    ++looked_at;
    const auto found = find_article_of(*import, patch);
    if (!found) return finish_import(import, error_answer(found.error()));
  }
  threads_.on_loop([this, import] { find_articles(import); });
}

void Api::found_articles(const std::shared_ptr<Import>& import) {
  if (import->refused->has_faults()) {
    return finish_import(import, refused_list(import->refused->take()));
  }
  import->next = 0;
  import->list.gather_repeated(import->mode());
  for (const ProductPatch& patch : import->list.products) {
    import->by_sku.emplace(patch.said.sku(), &patch);
  }
  compare_import(import);
}

// Whoever scans a code of two articles has to choose: told when the second one comes.
Status Api::warn_of_shared_gtins(Import& import, const ProductPatch& patch) {
  for (const std::string& gtin : patch.said.gtins()) {
    const auto found = service_.products_by_gtin(gtin);
    if (!found) return found.error();
    for (const ProductPointer& other : *found) {
      if (other->sku() == patch.said.sku() || other->delisted()) continue;
      // The list itself may take the code away from the other one; two rows with it are told when
      // it is read.
      const auto listed = import.by_sku.find(other->sku());
      if (listed != import.by_sku.end() && listed->second->states(ProductField::gtins)) continue;
      import.list.warn(shared_gtin_warning(patch.place, gtin, other->sku()));
    }
  }
  return {};
}

void Api::compare_import(const std::shared_ptr<Import>& import) {
  const auto& patches = import->list.products;
  const std::string& currency = service_.facts().currency;
  for (std::size_t looked_at = 0; looked_at < products_a_turn; ++looked_at) {
    if (import->next == patches.size()) return record_import(import);
    const ProductPatch& patch = patches[import->next++];
    const auto known = service_.product(patch.said.sku());
    if (!known) return finish_import(import, error_answer(known.error()));
    const Product* base = import->replaces ? nullptr : known->get();
    const Product product = patched(patch, base, currency);
    const bool is_same = *known && same_product(**known, product);
    if (*known && !is_same && import->move_in &&
        !replaces_product(import->note, **known, product, import->overwrites)) {
      if (import->kept++ < differing_products_max) {
        import->differing.push_back(difference_of(**known, product));
      }
      continue;
    }
    if (!product.delisted()) {
      const auto warned = warn_of_shared_gtins(*import, patch);
      if (!warned) return finish_import(import, error_answer(warned.error()));
    }
    if (is_same) {
      ++import->unchanged;
      continue;
    }
    titan::entry::v1::Products one;
    *one.add_products() = product;
    one.AppendToString(&import->changed_bytes);
    ++import->changed;
    import->added += *known ? 0 : 1;
    if (import->move_in) import->note.add(product, known->get());
  }
  threads_.on_loop([this, import] { compare_import(import); });
}

void Api::record_import(const std::shared_ptr<Import>& import) {
  if (import->changed == 0 || import->dry_run) return answer_import(import);
  if (!import->move_in) return make_import_entries(import);
  // Durable before anything changes: an undo after a power cut must know the former values.
  threads_.on_worker([this, import] {
    const Status kept = service_.move_ins().keep_note(*import->move_in, import->note.serialised());
    threads_.on_loop([this, import, kept] {
      if (!kept) return finish_import(import, error_answer(kept.error()));
      make_import_entries(import);
    });
  });
}

void Api::make_import_entries(const std::shared_ptr<Import>& import) {
  if (import->changed <= products_per_entry_max &&
      import->changed_bytes.size() <= product_entry_bytes) {
    import->entries.emplace_back(mesh::Kind::product, std::move(import->changed_bytes));
    return write_import(import);
  }
  threads_.on_worker([this, import] {
    mesh::ListId id;
    randombytes_buf(id.bytes.data(), id.bytes.size());
    auto unit = std::make_shared<Result<mesh::ListUnit>>(mesh::make_list_unit(
        id, import->changed_bytes, static_cast<std::uint32_t>(import->changed)));
    threads_.on_loop([this, import, unit] {
      if (!*unit) return finish_import(import, error_answer(unit->error()));
      import->changed_bytes = {};
      for (Bytes& part : (*unit)->parts) {
        import->entries.emplace_back(mesh::Kind::product_list_part, std::move(part));
      }
      import->entries.emplace_back(mesh::Kind::product_list, std::move((*unit)->head));
      write_import(import);
    });
  });
}

void Api::write_import(const std::shared_ptr<Import>& import) {
  if (import->written == import->entries.size()) return answer_import(import);
  auto& [kind, body] = import->entries[import->written];
  const ClockReading clock = service_.clock();
  auto ruling =
      make_products(kind, std::move(body), RuleContext{service_.facts(), clock, service_});
  if (!ruling) return finish_import(import, error_answer(ruling.error()));
  service_.append(std::move(ruling->draft), [this, import](const Result<mesh::Appended>& appended) {
    if (!appended) {
      Error error = appended.error();
      const bool may_be_in_force =
          import->written + 1 == import->entries.size() && error.code == ErrorCode::unknown_outcome;
      error.message += may_be_in_force ? " Send the list again."
                                       : " Nothing of the list is in force; send it again.";
      return finish_import(import, error_answer(error));
    }
    ++import->written;
    threads_.on_loop([this, import] { write_import(import); });
  });
}

void Api::answer_import(const std::shared_ptr<Import>& import) {
  JsonWriter writer;
  writer.begin_object()
      .member("rows", import->list.rows)
      .member("products", import->list.products.size())
      .member("changed", import->changed)
      .member("added", import->added)
      .member("unchanged", import->unchanged)
      .member("entries", import->entries.size())
      .member("warning_count", import->list.warning_count)
      .key("warnings")
      .begin_array();
  for (const std::string& warning : import->list.warnings) writer.value(warning);
  writer.end_array();
  if (import->move_in) {
    writer.member("kept", import->kept).key("differing");
    write_differing(writer, import->differing);
  }
  writer.end_object();
  finish_import(import, ok(std::move(writer.text())));
}

void Api::finish_import(const std::shared_ptr<Import>& import, ApiAnswer answer) {
  --imports_;
  import->done(std::move(answer));
  // A big list leaves tens of megabytes of freed memory behind, which the allocator would keep.
  *import = {};
  threads_.on_worker([] { malloc_trim(0); });
}

}  // namespace titan::pos
