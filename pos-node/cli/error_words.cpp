#include "pos-node/cli/error_words.h"

#include <array>
#include <charconv>
#include <string_view>

#include "pos-node/cli/console.h"

namespace titan::pos {
namespace {

struct Phrase {
  std::string_view of_the_api;
  std::string_view of_the_command_line;
};

// Longer ones first: what is replaced is not looked at again.
constexpr std::array phrases{
    Phrase{"and the line has no price: send charged_unit_price to sell it all the same",
           "and no price was said: take in its list with `titan-pos products import FILE`, or say "
           "one to sell it all the same, as in `titan-pos sell ARTICLE@2.50`"},
    Phrase{"has no price: send charged_unit_price",
           "has no price: say one, as in `titan-pos sell ARTICLE@2.50`"},
    Phrase{"send charged_unit_price to sell it all the same",
           "say a price to sell it all the same, as in `titan-pos sell ARTICLE@2.50`"},
    Phrase{"send charged_unit_price", "say the price, as in `titan-pos sell ARTICLE@2.50`"},
    Phrase{
        "repeat in a moment with the same idempotency_key",
        "it was tried several times. Look at `titan-pos stock ARTICLE` before you type it again"},
    Phrase{
        "repeat with the same idempotency_key",
        "it was tried several times. Look at `titan-pos stock ARTICLE` before you type it again"},
    Phrase{"the first answer to this idempotency_key", "the answer"},
    Phrase{"This idempotency_key was already used for another request; take a new key",
           "The command met another one with the same random key; type it again"},
    Phrase{"take stock out with an adjustment",
           "take stock out with `titan-pos adjust ARTICLE -N`"},
    Phrase{"Send the sku", "Say the article's number"},
    Phrase{"charged_unit_price", "price"},
    Phrase{"list_unit_price", "list price"},
    Phrase{"idempotency_key", "key"},
    Phrase{"a sku or a gtin", "an article"},
};

// What a field is called here. The last part of "lines[2].quantity" decides.
constexpr std::array names{
    Phrase{"quantity", "The quantity"},
    Phrase{"charged_unit_price", "The price"},
    Phrase{"sku", "The article"},
    Phrase{"gtin", "The barcode"},
    Phrase{"cashier", "--cashier"},
    Phrase{"method", "The method of --pay"},
    Phrase{"document", "--document"},
    Phrase{"reason", "--reason"},
    Phrase{"lines", "The list of articles"},
    Phrase{"payments", "The payment"},
    Phrase{"currency", "The currency"},
};

// Only what can be typed into a shell as it is stands in an example.
bool is_plain(const std::string& article) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !article.empty() && article.find_first_not_of(plain) == std::string::npos;
}

std::string replaced(std::string text, const std::string& article) {
  for (const Phrase& phrase : phrases) {
    const std::size_t at = text.find(phrase.of_the_api);
    if (at == std::string::npos) continue;
    std::string words(phrase.of_the_command_line);
    constexpr std::string_view place = "ARTICLE";
    const std::size_t example = words.find(place);
    if (example != std::string::npos && is_plain(article)) {
      words.replace(example, place.size(), article);
    }
    text.replace(at, phrase.of_the_api.size(), words);
  }
  return text;
}

// "lines[2].quantity" -> 2.
std::optional<std::size_t> line_of(std::string_view field) {
  constexpr std::string_view begin = "lines[";
  if (!field.starts_with(begin)) return std::nullopt;
  std::size_t line = 0;
  const char* from = field.data() + begin.size();
  const auto [end, error] = std::from_chars(from, field.data() + field.size(), line);
  if (error != std::errc{}) return std::nullopt;
  return line;
}

std::string name_of(std::string_view field, const std::vector<std::string>& articles) {
  const std::size_t dot = field.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? field : field.substr(dot + 1);
  std::string name(last);
  for (const Phrase& known : names) {
    if (last == known.of_the_api) name = known.of_the_command_line;
  }
  const auto line = line_of(field);
  if (line && *line < articles.size() && !articles[*line].empty()) {
    name += " of " + articles[*line];
  }
  return name;
}

}  // namespace

std::string error_words(const boost::json::value& body, const std::vector<std::string>& articles) {
  std::string message = text_at(body, "error.message");
  const std::string field = text_at(body, "error.field");
  const auto line = line_of(field);
  const std::string article = line && *line < articles.size() ? articles[*line]
                              : articles.size() == 1          ? articles.front()
                                                              : "";
  // The API names the field at the front, where the message would not be clear without it.
  if (!field.empty() && message.starts_with(field + " ")) {
    message = name_of(field, articles) + message.substr(field.size());
    return replaced(std::move(message), article);
  }
  const bool names_the_line =
      !line || article.empty() || message.find(article) != std::string::npos;
  message = replaced(std::move(message), article);
  return names_the_line ? message : article + ": " + message;
}

std::vector<std::string> fault_lines(const boost::json::value& body) {
  std::vector<std::string> lines;
  const boost::json::value* faults = &member_at(body, "error.faults");
  if (!faults->is_array()) faults = &member_at(body, "faults");
  if (!faults->is_array()) return lines;
  for (const boost::json::value& fault : faults->get_array()) {
    std::string place;
    if (const std::string row = text_at(fault, "row"); !row.empty()) place = "row " + row;
    if (const std::string column = text_at(fault, "column"); !column.empty()) {
      place += (place.empty() ? "" : ", ") + column;
    }
    lines.push_back((place.empty() ? "" : place + ": ") + (fault.is_string()
                                                               ? std::string(fault.get_string())
                                                               : text_at(fault, "message")));
  }
  return lines;
}

}  // namespace titan::pos
