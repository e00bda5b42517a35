#include "pos-node/api/paging.h"

#include <algorithm>
#include <charconv>

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

}  // namespace titan::pos
