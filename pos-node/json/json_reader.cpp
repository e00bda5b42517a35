#include "pos-node/json/json_reader.h"

#include <algorithm>
#include <cstdio>

#include "base/crypto.h"
#include "pos-node/domain/business_day.h"
#include "retail/json_number.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

void append_canonical_text(std::string& out, std::string_view text) {
  out += '"';
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

void append_canonical(std::string& out, const json::value& value, bool masks_cards);

void append_canonical_object(std::string& out, const json::object& object) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) {
    if (!member.value().is_null()) members.push_back(&member);
  }
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return a->key() < b->key(); });
  out += '{';
  for (const auto* member : members) {
    const std::string_view name(member->key().data(), member->key().size());
    append_canonical_text(out, name);
    append_canonical(out, member->value(), name == "reference");
  }
  out += '}';
}

void append_canonical(std::string& out, const json::value& value, bool masks_cards) {
  switch (value.kind()) {
    case json::kind::null:
      out += 'n';
      break;
    case json::kind::bool_:
      out += value.get_bool() ? 't' : 'f';
      break;
    case json::kind::int64:
      out += '#' + std::to_string(value.get_int64());
      break;
    case json::kind::uint64:
      out += '#' + std::to_string(value.get_uint64());
      break;
    case json::kind::double_: {
      char text[48];
      const int size = std::snprintf(text, sizeof text, "#%.15g", value.get_double());
      out.append(text, static_cast<std::size_t>(size));
      break;
    }
    case json::kind::string:
      if (masks_cards) {
        append_canonical_text(out, mask_card_numbers(view(value.get_string())));
      } else {
        append_canonical_text(out, view(value.get_string()));
      }
      break;
    case json::kind::array:
      out += '[';
      for (const auto& item : value.get_array()) append_canonical(out, item, masks_cards);
      out += ']';
      break;
    case json::kind::object:
      append_canonical_object(out, value.get_object());
      break;
  }
}

}  // namespace

std::string FieldPath::text() const {
  std::string path = parent ? parent->text() : std::string();
  if (index) return path + "[" + std::to_string(*index) + "]";
  if (!path.empty() && !name.empty()) path += '.';
  return path + std::string(name.substr(0, 60));
}

void Problem::report(const FieldPath& at, std::string message, ErrorCode code) {
  if (error_) return;
  const std::string field = at.text();
  error_ = make_error(code, (field.empty() ? "The body" : field) + " " + message, field);
}

void report_unknown(const FieldPath& at, const std::string& known, Problem& problem) {
  problem.report(at, "is not a known field; known here are " + known + ".");
}

Result<json::value> parse_json(std::string_view text, json::storage_ptr memory) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::stream_parser parser({}, options);
  parser.reset(std::move(memory));
  json::error_code error;
  std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error && consumed < text.size()) error = json::error::extra_data;
  if (!error) parser.finish(error);
  if (!error) return parser.release();

  const std::string_view before = text.substr(0, std::min(consumed, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return make_error(ErrorCode::invalid, "The body is not valid JSON: " + error.message() +
                                            " at line " + std::to_string(line) + ", column " +
                                            std::to_string(before.size() - line_start + 1) + ".");
}

std::string read_text(const json::value& value, std::size_t characters_max, const FieldPath& at,
                      Problem& problem) {
  const json::string* text = value.if_string();
  if (!text) {
    problem.report(at, "must be a text in quotes");
    return {};
  }
  if (const auto fault = text_fault(view(*text), characters_max)) {
    problem.report(at, *fault);
    return {};
  }
  return std::string(view(*text));
}

std::string read_scan_text(const json::value& value, const FieldPath& at, Problem& problem) {
  const json::string* text = value.if_string();
  if (!text) {
    problem.report(at, "must be a text in quotes");
    return {};
  }
  if (const auto fault = scan_fault(view(*text))) {
    problem.report(at, *fault);
    return {};
  }
  return std::string(view(*text));
}

std::string read_sku(const json::value& value, const FieldPath& at, Problem& problem) {
  std::string sku = read_text(value, sku_characters_max, at, problem);
  if (problem.found()) return sku;
  if (const auto fault = sku_fault(sku)) problem.report(at, *fault);
  return sku;
}

bool read_flag(const json::value& value, const FieldPath& at, Problem& problem) {
  if (!value.is_bool()) {
    problem.report(at, "must be true or false");
    return false;
  }
  return value.get_bool();
}

std::uint32_t read_number(const json::value& value, std::uint32_t number_max, const FieldPath& at,
                          Problem& problem) {
  const bool fits = value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= number_max;
  if (!fits) {
    problem.report(at, "must be a whole number from 0 to " + std::to_string(number_max));
    return 0;
  }
  return static_cast<std::uint32_t>(value.get_int64());
}

Decimal read_decimal(const json::value& value, const FieldPath& at, Problem& problem,
                     std::uint32_t scale_max) {
  Result<Decimal> decimal = make_error(ErrorCode::invalid, "must be a decimal text like \"2.55\"");
  if (const json::string* text = value.if_string()) {
    decimal = parse_decimal(view(*text), scale_max);
  } else if (value.is_int64()) {
    decimal = parse_decimal(std::to_string(value.get_int64()));
  } else if (value.is_uint64()) {
    decimal = parse_decimal(std::to_string(value.get_uint64()));
  } else if (value.is_double()) {
    if (const auto written = decimal_of(value.get_double())) {
      decimal = parse_decimal(*written, scale_max);
    } else {
      decimal = make_error(ErrorCode::invalid,
                           "is a number that may have lost digits; send it as a text like "
                           "\"2.55\"");
    }
  }
  if (decimal) return *decimal;
  problem.report(at, decimal.error().message);
  return {};
}

std::uint32_t read_date(const json::value& value, const FieldPath& at, Problem& problem) {
  const json::string* day = value.if_string();
  const auto date = day ? parse_date(view(*day)) : std::nullopt;
  if (!date) {
    problem.report(at, "must be a day like \"2011-10-06\"");
  } else if (const auto complaint = business_date_complaint(*date)) {
    problem.report(at, *complaint);
  }
  return date.value_or(0);
}

mesh::EntryId read_id(const json::value& value, const FieldPath& at, Problem& problem) {
  const json::string* text = value.if_string();
  const auto id = text ? parse_id(view(*text)) : std::nullopt;
  if (!id) problem.report(at, "must be an entry's id, \"<journal>:<number>\"");
  return id.value_or(mesh::EntryId{});
}

Hash canonical_hash(std::string_view endpoint, const json::value& body) {
  std::string canonical(endpoint);
  canonical += '\n';
  append_canonical(canonical, body, false);
  return blake2b(canonical);
}

}  // namespace titan::pos
