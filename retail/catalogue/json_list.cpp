#include "retail/catalogue/json_list.h"

#include <algorithm>
#include <boost/json.hpp>

#include "retail/json_number.h"

namespace titan::retail {
namespace {

namespace json = boost::json;

constexpr std::size_t depth_max = 16;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

Complaint number_text(const json::value& value, std::string& text) {
  if (const auto* written = value.if_string()) {
    text = view(*written);
  } else if (value.is_int64()) {
    text = std::to_string(value.get_int64());
  } else if (value.is_uint64()) {
    text = std::to_string(value.get_uint64());
  } else if (value.is_double()) {
    const auto decimal = decimal_of(value.get_double());
    if (!decimal) return "is a number that may have lost digits; send it as a text like \"2.55\"";
    text = *decimal;
  } else {
    return "must be a decimal text like \"2.55\"";
  }
  return std::nullopt;
}

Complaint codes_of(const json::value& value, FieldInput& input) {
  const auto* single = value.if_string();
  if (single) {
    if (!single->empty()) input.codes.emplace_back(view(*single));
    return std::nullopt;
  }
  const auto* list = value.if_array();
  if (!list) return "must be a list of texts [\"4006381333931\"]";
  for (const auto& item : *list) {
    const auto* code = item.if_string();
    if (!code) return "must be a list of texts [\"4006381333931\"]";
    if (!code->empty()) input.codes.emplace_back(view(*code));
    if (input.codes.size() > import_gtins_max) break;  // refused by the field's reader
  }
  return std::nullopt;
}

Complaint tax_of(const json::value& value, TaxText& tax) {
  const auto* object = value.if_object();
  if (!object) return "must be a list of {\"code\", \"rate\", \"exempt\"}";
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    const json::value& part = member.value();
    if (part.is_null()) continue;
    if (name == "code" && part.is_string()) {
      tax.code = view(part.get_string());
    } else if (name == "rate") {
      if (auto complaint = number_text(part, tax.rate)) return "has a rate that " + *complaint;
    } else if (name == "exempt" && part.is_bool()) {
      tax.exempt = part.get_bool();
    } else {
      return "must be a list of {\"code\", \"rate\", \"exempt\"}; \"" +
             std::string(name.substr(0, 60)) + "\" is something else";
    }
  }
  return std::nullopt;
}

Complaint taxes_of_json(const json::value& value, FieldInput& input) {
  if (value.is_string() && value.get_string().empty()) return std::nullopt;
  const auto* list = value.if_array();
  if (!list) return "must be a list of {\"code\", \"rate\", \"exempt\"}";
  for (const auto& item : *list) {
    if (auto complaint = tax_of(item, input.taxes.emplace_back())) return complaint;
    if (input.taxes.size() > taxes_max) break;
  }
  return std::nullopt;
}

Complaint input_of(const FieldRule& rule, const json::value& value, FieldInput& input) {
  switch (rule.form) {
    case FieldForm::codes:
      return codes_of(value, input);
    case FieldForm::taxes:
      return taxes_of_json(value, input);
    case FieldForm::decimal:
    case FieldForm::percent:
    case FieldForm::whole:
      return number_text(value, input.text);
    case FieldForm::flag:
      if (value.is_bool()) {
        input.text = value.get_bool() ? "true" : "false";
        return std::nullopt;
      }
      if (value.is_string() && value.get_string().empty()) return std::nullopt;
      return "must be true or false";
    case FieldForm::text:
    case FieldForm::code:
    case FieldForm::currency:
      break;
  }
  const auto* text = value.if_string();
  if (!text) return "must be a text in quotes";
  input.text = view(*text);
  return std::nullopt;
}

std::string known_members(const JsonListRules& rules) {
  std::string known;
  for (const FieldRule& rule : product_fields()) {
    if (rule.field == ProductField::clears_override && !rules.may_clear_overrides) continue;
    known += (known.empty() ? "" : ", ") + std::string(rule.name);
  }
  return known;
}

void read_product(const json::value& value, const std::string& place, const JsonListRules& rules,
                  ListBuilder& builder) {
  const auto fault = [&](std::string_view member, const std::string& what) {
    const std::string shown(member.substr(0, 60));
    const std::string field = place + (shown.empty() ? "" : "." + shown);
    builder.fault({place, shown, (shown.empty() ? "" : shown + " ") + what}, field,
                  field + " " + what);
  };
  const auto* object = value.if_object();
  if (!object) return fault("", "must be an object {...}");
  ProductPatch patch;
  patch.place = place;
  bool good = true;
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    const FieldRule* rule = find_product_field(name);
    if (!rule || (rule->field == ProductField::clears_override && !rules.may_clear_overrides)) {
      fault(name, "is not a known field; known here are " + known_members(rules));
      good = false;
      continue;
    }
    if (member.value().is_null()) continue;
    FieldInput input;
    auto complaint = input_of(*rule, member.value(), input);
    if (!complaint && patch.states(rule->field)) {
      complaint =
          "is there twice (" + std::string(rule->name) + ", " + std::string(rule->other_name) + ")";
    }
    if (!complaint) complaint = state_field(patch, *rule, input);
    if (!complaint) continue;
    fault(name, *complaint);
    good = false;
  }
  if (!good) return;
  if (const auto contradiction = finish_patch(patch)) {
    return fault(contradiction->field, contradiction->message);
  }
  builder.add(std::move(patch));
}

void refuse(ListBuilder& builder, const std::string& field, const std::string& sentence,
            ErrorCode code = ErrorCode::invalid) {
  builder.fault({field, "", sentence}, field, sentence, code);
}

void read_body(const json::value& body, const JsonListRules& rules, ListBuilder& builder) {
  const auto* root = body.if_object();
  if (!root) return refuse(builder, "", "The body must be an object {\"products\": [...]}");
  const json::value* found = nullptr;
  for (const auto& member : *root) {
    const std::string name(member.key().data(), std::min<std::size_t>(member.key().size(), 60));
    if (name != "products") {
      refuse(builder, name, name + " is not a known field; known here is products");
    } else if (!member.value().is_null()) {
      found = &member.value();
    }
  }
  if (builder.has_faults()) return;
  if (!found) return refuse(builder, "products", "products is missing; it lists the products");
  const auto* list = found->if_array();
  if (!list) return refuse(builder, "products", "products must be a list [...]");
  if (list->size() > import_products_max) {
    return refuse(builder, "products",
                  "products has more than " + std::to_string(import_products_max) +
                      " products; divide the list",
                  ErrorCode::too_large);
  }
  for (std::size_t i = 0; i < list->size() && !builder.has_seen_enough(); ++i) {
    builder.count_row();
    read_product((*list)[i], "products[" + std::to_string(i) + "]", rules, builder);
  }
}

}  // namespace

ProductList read_product_json(std::string_view text, const JsonListRules& rules) {
  ListBuilder builder(rules.currency, rules.mode);
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  json::monotonic_resource memory;
  json::parse_options options;
  options.max_depth = depth_max;
  json::stream_parser parser({}, options);
  parser.reset(&memory);
  json::error_code error;
  std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error && consumed < text.size()) error = json::error::extra_data;
  if (!error) parser.finish(error);
  if (error) {
    const std::string_view before = text.substr(0, std::min(consumed, text.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    refuse(builder, "",
           "The body is not valid JSON: " + error.message() + " at line " + std::to_string(line) +
               ", column " + std::to_string(before.size() - line_start + 1));
    return builder.take();
  }
  read_body(parser.release(), rules, builder);
  return builder.take();
}

}  // namespace titan::retail
