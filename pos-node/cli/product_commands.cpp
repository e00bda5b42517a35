// `titan-pos products`: how articles get in, and what is there.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "pos-node/cli/commands.h"

namespace titan::pos {
namespace {

constexpr std::size_t list_bytes_max = 256 * 1024 * 1024;  // beyond it, surely no product list
// A list of 50,000 products takes a slow till a minute.
constexpr std::chrono::seconds import_wait(15 * 60);
constexpr std::size_t description_width_max = 40;

bool ends_with_any(const std::string& path, std::initializer_list<std::string_view> endings) {
  std::string lower = path;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

bool looks_like_json(std::string_view content) {
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (content[first] == '{' || content[first] == '[');
}

// Why this is no list, whatever a person expects of it.
std::string no_list(std::string_view content) {
  if (content.empty()) return "it is empty";
  if (content.size() > list_bytes_max) return "it is over 256 MiB";
  if (content.starts_with("PK\x03\x04") || content.starts_with("\xD0\xCF\x11\xE0")) {
    return "it is a spreadsheet's own file (.xlsx, .xls, .ods); in the spreadsheet choose \"Save "
           "as\", \"CSV UTF-8\", and import what that makes";
  }
  return "";
}

// False: the reading failed. Of what is surely no list only the beginning is read. By read(), which
// does not throw as stream iterators do (a folder opens well and fails only here).
bool read_all(std::istream& stream, std::string& content) {
  constexpr std::size_t piece = 1024 * 1024;
  while (stream && content.size() <= list_bytes_max) {
    const std::size_t before = content.size();
    content.resize(before + piece);
    stream.read(content.data() + before, piece);
    content.resize(before + static_cast<std::size_t>(stream.gcount()));
  }
  return !stream.bad();
}

std::string size_text(std::size_t bytes) {
  if (bytes < 10'000) return std::to_string(bytes) + " bytes";
  return bytes < 10'000'000 ? std::to_string(bytes / 1000) + " kB"
                            : std::to_string(bytes / 1'000'000) + " MB";
}

}  // namespace

int Commands::import_products(const ProductFile& file) {
  std::string content;
  if (file.path == "-") {
    if (!read_all(std::cin, content)) {
      console_.fail("Standard input cannot be read; name a file instead.");
      return exit_usage;
    }
  } else {
    std::error_code error;
    if (std::filesystem::is_directory(file.path, error)) {
      console_.fail(file.path + " is a folder; name the list in it.");
      return exit_usage;
    }
    std::ifstream stream(file.path, std::ios::binary);
    if (!stream.is_open() || !read_all(stream, content)) {
      console_.fail(file.path + " cannot be read; check the path and its rights.");
      return exit_usage;
    }
  }
  const std::string name = file.path == "-" ? "Standard input" : file.path;
  if (const std::string reason = no_list(content); !reason.empty()) {
    console_.fail(name + " is no product list: " + reason + ".");
    return exit_usage;
  }
  const bool is_json =
      ends_with_any(file.path, {".json"}) ||
      (!ends_with_any(file.path, {".csv", ".tsv", ".txt"}) && looks_like_json(content));
  std::string type = is_json ? "application/json" : "text/csv";
  if (!file.charset.empty()) type += "; charset=" + file.charset;

  ApiClient client(api_, import_wait);
  const std::string what = "sending " + size_text(content.size()) + "; the till takes it in";
  console_.progress(what);
  client.set_on_waiting([&](std::chrono::seconds waited) {
    console_.progress(what + " … " + std::to_string(waited.count()) + " s");
  });
  const std::string target =
      "/v1/products" + (file.mode == "replace" ? std::string("?mode=replace") : std::string());
  const auto reply = client.request("PUT", target, type, content);
  console_.progress("");
  const auto answer = take(reply);
  if (!answer) return exit_failed;
  if (!json_) print_import(*answer);
  return exit_done;
}

void Commands::print_import(const json::value& answer) {
  const auto* counts = answer.if_object();
  std::string line = text_at(answer, "rows") + " rows, " + text_at(answer, "products") +
                     " products: " + text_at(answer, "changed") + " changed, " +
                     text_at(answer, "unchanged") + " as before";
  for (const auto& [name, value] : counts ? *counts : json::object()) {
    const bool is_told = name == "rows" || name == "products" || name == "changed" ||
                         name == "unchanged" || name == "entries" || name == "warning_count";
    if (is_told || !(value.is_int64() || value.is_uint64())) continue;
    std::string words(name);
    std::replace(words.begin(), words.end(), '_', ' ');
    line += ", " + json::serialize(value) + " " + words;
  }
  console_.line(console_.paint(line, Colour::green));
  const json::value& warnings = member_at(answer, "warnings");
  std::size_t told = 0;
  for (const json::value& warning : warnings.is_array() ? warnings.get_array() : json::array()) {
    std::string text =
        warning.is_string() ? std::string(warning.get_string()) : text_at(warning, "message");
    if (const std::string row = text_at(warning, "row"); !row.empty())
      text = "row " + row + ": " + text;
    console_.line(console_.paint("warning ", Colour::yellow) + text);
    ++told;
  }
  const auto count = std::strtoull(text_at(answer, "warning_count").c_str(), nullptr, 10);
  if (count > told) console_.line("and " + std::to_string(count - told) + " more warnings");
}

int Commands::list_products(const std::string& query) {
  Table table({"article", "description", "price", "", "per", "barcode"});
  std::string target = "/v1/products?limit=1000";
  if (!query.empty()) target += "&q=" + percent_encode(query);
  const std::string first = target;
  for (;;) {
    const auto page = get(target);
    if (!page) return exit_failed;
    const json::value& rows = member_at(*page, "products");
    for (const json::value& row : rows.is_array() ? rows.get_array() : json::array()) {
      const bool delisted = text_at(row, "delisted") == "true";
      table.add({{text_at(row, "sku"), Colour::bold},
                 {shorten(text_at(row, "description"), description_width_max)},
                 {text_at(row, "price"), Colour::plain, true},
                 {text_at(row, "currency")},
                 {text_at(row, "unit")},
                 {text_at(row, "gtins.0") + (delisted ? " (no longer in the range)" : "")}});
    }
    const std::string next = text_at(*page, "next");
    if (next.empty()) break;
    target = first + "&after=" + percent_encode(next);
  }
  if (json_) return exit_done;
  if (!table.empty()) {
    table.print(console_);
  } else if (query.empty()) {
    console_.line(
        "There are no products yet. Take in a list with `titan-pos products import FILE`.");
  } else {
    console_.line("No product is found by \"" + query + "\".");
  }
  return exit_done;
}

int Commands::show_product(const std::string& sku) {
  const auto product = get("/v1/products/" + percent_encode(sku));
  if (!product) return exit_failed;
  if (json_) return exit_done;
  const auto* members = product->if_object();
  for (const auto& [name, value] : members ? *members : json::object()) {
    std::string words(name);
    std::replace(words.begin(), words.end(), '_', ' ');
    std::string text = text_at(*product, name);
    if (const auto* list = value.if_array()) {
      text.clear();
      for (const json::value& item : *list) {
        text += (text.empty() ? "" : ", ") +
                (item.is_string() ? std::string(item.get_string()) : json::serialize(item));
      }
    }
    const std::size_t width = 23;
    console_.line(words + std::string(width - std::min(width - 1, words.size()), ' ') + text);
  }
  return exit_done;
}

}  // namespace titan::pos
