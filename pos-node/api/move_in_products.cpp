#include "pos-node/api/move_in_products.h"

#include <boost/json.hpp>

#include "pos-node/api/answers.h"
#include "pos-node/api/move_in_batch.h"
#include "pos-node/api/paging.h"

namespace titan::pos {
namespace {

bool is_same(const Product& a, const Product& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

json::value described(const Product& product) {
  JsonWriter writer;
  write_product(writer, product);
  boost::json::error_code error;
  json::value described = json::parse(writer.text(), error);
  return error ? json::value(json::object()) : described;
}

std::string shown(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_array()) {
    std::string all;
    for (const json::value& one : value.get_array()) all += (all.empty() ? "" : ", ") + shown(one);
    return all;
  }
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

Result<bool> flag_parameter(ApiRequest& request, const std::string& name) {
  const std::string* text = request.parameter(name);
  if (!text || *text == "false") return false;
  if (*text == "true") return true;
  return make_error(ErrorCode::invalid, name + " is \"true\" or \"false\".", name);
}

}  // namespace

bool replaces_product(const MoveInNote& note, const Product& here, const Product& listed,
                      bool overwrites) {
  const auto noted = note.products().find(listed.sku());
  // Noted and still as it was before: the till stopped between the note and the change.
  if (noted != note.products().end() && !is_same(noted->second.former, here)) return false;
  if (overwrites) return true;
  if (!here.delisted() || listed.delisted()) return false;
  Product back = here;
  back.set_delisted(false);
  return is_same(back, listed);
}

DifferingProduct difference_of(const Product& here, const Product& listed) {
  DifferingProduct differing{listed.sku(), {}};
  const json::value ours = described(here);
  const json::value theirs = described(listed);
  for (const auto& [name, value] : ours.get_object()) {
    const json::value* other = theirs.get_object().if_contains(name);
    if (!other || *other == value) continue;
    // Told by the rate.
    if (name == "taxes" || name == "tax_rate_basis_points") continue;
    differing.fields.push_back({std::string(name), shown(value), shown(*other)});
  }
  return differing;
}

void write_differing(JsonWriter& writer, const std::vector<DifferingProduct>& products) {
  writer.begin_array();
  for (const DifferingProduct& product : products) {
    writer.begin_object().member("sku", product.sku).key("fields").begin_array();
    for (const DifferingProduct::Field& field : product.fields) {
      writer.begin_object()
          .member("field", field.name)
          .member("here", field.here)
          .member("listed", field.listed)
          .end_object();
    }
    writer.end_array().end_object();
  }
  writer.end_array();
}

// The products of a move-in: as a list that updates, with a note of what it changes.
void MoveInHandlers::put_products(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"dry_run", "overwrite"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const auto move_in = move_in_of_path(request);
  if (!move_in) return done(error_answer(move_in.error()));
  const auto dry_run = flag_parameter(request, "dry_run");
  if (!dry_run) return done(error_answer(dry_run.error()));
  const auto overwrites = flag_parameter(request, "overwrite");
  if (!overwrites) return done(error_answer(overwrites.error()));
  auto import = std::make_shared<ProductImport>();
  import->dry_run = *dry_run;
  import->overwrites = *overwrites;
  import->move_in = *move_in;
  if (const auto begun = begin_batch(*move_in, import->dry_run); !begun) {
    return done(error_answer(begun.error()));
  }
  const auto note = service_.move_ins().note(*move_in);
  if (!note) return done(error_answer(note.error()));
  if (*note) {
    auto parsed = MoveInNote::parse(**note);
    if (!parsed) return done(error_answer(parsed.error()));
    import->note = std::move(*parsed);
  }
  imports_.begin(request, import, std::move(done));
}

}  // namespace titan::pos
