#include "pos-node/api/product_import.h"

#include <malloc.h>
#include <sodium.h>

#include <algorithm>

#include "mesh/wire/product_list.h"
#include "pos-node/api/answers.h"
#include "retail/catalogue/csv_list.h"
#include "retail/catalogue/json_list.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

// Serialised bytes that one PRODUCT entry aims at, well below the entry limit.
constexpr std::size_t product_entry_bytes = 128 * 1024;

bool same_product(const Product& a, const Product& b) {
  return a.SerializeAsString() == b.SerializeAsString();
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

void ProductImports::begin(ApiRequest& request, const ImportPointer& import, AnswerCallback done) {
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
  if (under_way_ >= imports_at_once_max) {
    return done(error_answer(make_error(
        ErrorCode::unavailable, "Another product list is just being taken in; try again.")));
  }
  ++under_way_;
  import->done = std::move(done);
  threads_.on_worker([this, is_csv, import, type = request.content_type,
                      body = std::make_shared<std::string>(std::move(request.body)),
                      currency = service_.facts().currency] {
    auto list = std::make_shared<ProductList>(
        is_csv ? read_product_csv(*body, {currency, type, import->mode()})
               : read_product_json(*body, {currency, false, import->mode()}));
    threads_.on_loop([this, import, list] {
      if (!list->is_good()) return finish(import, refused_list(*list));
      import->list = std::move(*list);
      find_articles(import);
    });
  });
}

// The articles in force that a row without a sku may mean.
Result<std::vector<ProductPointer>> ProductImports::articles_of(const ProductPatch& patch) {
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

Status ProductImports::find_article_of(ProductImport& import, ProductPatch& patch) {
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
void ProductImports::find_articles(const ImportPointer& import) {
  auto& patches = import->list.products;
  for (std::size_t looked_at = 0; looked_at < products_a_turn;) {
    if (import->next == patches.size() || import->refused->has_seen_enough()) {
      return found_articles(import);
    }
    ProductPatch& patch = patches[import->next++];
    if (!patch.is_by_gtin) continue;
    ++looked_at;
    const auto found = find_article_of(*import, patch);
    if (!found) return finish(import, error_answer(found.error()));
  }
  threads_.on_loop([this, import] { find_articles(import); });
}

void ProductImports::found_articles(const ImportPointer& import) {
  if (import->refused->has_faults()) {
    return finish(import, refused_list(import->refused->take()));
  }
  import->next = 0;
  import->list.gather_repeated(import->mode());
  for (const ProductPatch& patch : import->list.products) {
    import->by_sku.emplace(patch.said.sku(), &patch);
  }
  compare(import);
}

// Whoever scans a code of two articles has to choose: told when the second one comes.
Status ProductImports::warn_of_shared_gtins(ProductImport& import, const ProductPatch& patch) {
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

void ProductImports::compare(const ImportPointer& import) {
  const auto& patches = import->list.products;
  const std::string& currency = service_.facts().currency;
  for (std::size_t looked_at = 0; looked_at < products_a_turn; ++looked_at) {
    if (import->next == patches.size()) return record(import);
    const ProductPatch& patch = patches[import->next++];
    const auto known = service_.product(patch.said.sku());
    if (!known) return finish(import, error_answer(known.error()));
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
      if (!warned) return finish(import, error_answer(warned.error()));
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
  threads_.on_loop([this, import] { compare(import); });
}

void ProductImports::record_changes(const ImportPointer& import) {
  ++under_way_;
  record(import);
}

void ProductImports::record(const ImportPointer& import) {
  if (import->changed == 0 || import->dry_run) return answer(import);
  if (!import->move_in) return make_entries(import);
  // Durable before anything changes: an undo after a power cut must know the former values.
  threads_.on_worker([this, import] {
    const Status kept = service_.move_ins().keep_note(*import->move_in, import->note.serialised());
    threads_.on_loop([this, import, kept] {
      if (!kept) return finish(import, error_answer(kept.error()));
      make_entries(import);
    });
  });
}

void ProductImports::make_entries(const ImportPointer& import) {
  if (import->changed <= products_per_entry_max &&
      import->changed_bytes.size() <= product_entry_bytes) {
    import->entries.emplace_back(mesh::Kind::product, std::move(import->changed_bytes));
    return write(import);
  }
  threads_.on_worker([this, import] {
    mesh::ListId id;
    randombytes_buf(id.bytes.data(), id.bytes.size());
    auto unit = std::make_shared<Result<mesh::ListUnit>>(mesh::make_list_unit(
        id, import->changed_bytes, static_cast<std::uint32_t>(import->changed)));
    threads_.on_loop([this, import, unit] {
      if (!*unit) return finish(import, error_answer(unit->error()));
      import->changed_bytes = {};
      for (Bytes& part : (*unit)->parts) {
        import->entries.emplace_back(mesh::Kind::product_list_part, std::move(part));
      }
      import->entries.emplace_back(mesh::Kind::product_list, std::move((*unit)->head));
      write(import);
    });
  });
}

void ProductImports::write(const ImportPointer& import) {
  if (import->written == import->entries.size()) return answer(import);
  auto& [kind, body] = import->entries[import->written];
  const ClockReading clock = service_.clock();
  auto ruling =
      make_products(kind, std::move(body), RuleContext{service_.facts(), clock, service_});
  if (!ruling) return finish(import, error_answer(ruling.error()));
  service_.append(std::move(ruling->draft), [this, import](const Result<mesh::Appended>& appended) {
    if (!appended) {
      Error error = appended.error();
      const bool may_be_in_force =
          import->written + 1 == import->entries.size() && error.code == ErrorCode::unknown_outcome;
      error.message += may_be_in_force ? " Send the list again."
                                       : " Nothing of the list is in force; send it again.";
      return finish(import, error_answer(error));
    }
    ++import->written;
    threads_.on_loop([this, import] { write(import); });
  });
}

void ProductImports::answer(const ImportPointer& import) {
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
  finish(import, ok(std::move(writer.text())));
}

void ProductImports::finish(const ImportPointer& import, ApiAnswer answer) {
  --under_way_;
  import->done(std::move(answer));
  // A big list leaves tens of megabytes of freed memory behind, which the allocator would keep.
  *import = {};
  threads_.on_worker([] { malloc_trim(0); });
}

}  // namespace titan::pos
