#include "retail/scan/digital_link.h"

#include <algorithm>
#include <string>

#include "retail/check_digits.h"

namespace titan::retail {
namespace {

constexpr std::size_t compressed_characters_min = 8;

bool starts_with_ignoring_case(std::string_view text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  return std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char wanted, char c) {
    return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::vector<std::string> parts_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// Names that the first version allowed in the place of numbers.
std::string identifier_of(const std::string& name) {
  struct Alias {
    std::string_view name;
    std::string_view identifier;
  };
  constexpr Alias aliases[] = {
      {"gtin", "01"}, {"itip", "8006"}, {"cpv", "22"},        {"lot", "10"},
      {"ser", "21"},  {"exp", "17"},    {"bestbefore", "15"},
  };
  for (const Alias& alias : aliases) {
    if (name.size() == alias.name.size() && starts_with_ignoring_case(name, alias.name)) {
      return std::string(alias.identifier);
    }
  }
  return name;
}

bool is_article_key(const std::string& identifier, const std::string& data) {
  if (!is_digits(data)) return false;
  if (identifier == "8006") return data.size() == 18;
  return identifier == "01" &&
         (data.size() == 8 || data.size() == 12 || data.size() == 13 || data.size() == 14);
}

bool is_base64url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_';
  });
}

class LinkReader {
 public:
  explicit LinkReader(std::vector<ScanComplaint>& complaints) : complaints_(complaints) {}

  std::vector<Element> read(std::string_view text) {
    text = text.substr(0, std::min(text.find('#'), text.size()));
    const std::size_t question = std::min(text.find('?'), text.size());
    std::string_view path = text.substr(0, question);
    if (const std::size_t scheme = path.find("://"); scheme != std::string_view::npos) {
      path.remove_prefix(scheme + 3);
    }
    path.remove_prefix(std::min(path.find('/'), path.size()));
    read_path(parts_of(path, "/"));
    if (elements_.empty()) return {};
    if (question < text.size()) {
      for (const std::string& pair : parts_of(text.substr(question + 1), "&;")) {
        const std::size_t equal = pair.find('=');
        if (equal == std::string::npos) continue;
        add(decoded(std::string_view(pair).substr(0, equal)),
            decoded(std::string_view(pair).substr(equal + 1)));
      }
    }
    return std::move(elements_);
  }

 private:
  void read_path(const std::vector<std::string>& segments) {
    // Whatever stands before the key is the host's own business, so the last key counts.
    std::size_t key = segments.size();
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
      if (is_article_key(identifier_of(segments[i]), segments[i + 1])) key = i;
    }
    if (key == segments.size()) return complain_of(segments);
    std::string number = segments[key + 1];
    if (number.size() < 14) number.insert(0, 14 - number.size(), '0');
    add(segments[key], number);
    for (std::size_t i = key + 2; i + 1 < segments.size(); i += 2) {
      add(decoded(segments[i]), decoded(segments[i + 1]));
    }
  }

  void complain_of(const std::vector<std::string>& segments) {
    const std::string last = segments.empty() ? std::string() : segments.back();
    if (last.size() >= compressed_characters_min && is_base64url(last) && !is_digits(last)) {
      complaints_.push_back(
          {ScanFault::compressed_link,
           "This web address names no article in plain form. If it is a compressed GS1 Digital "
           "Link, that form is not supported: scan the line barcode beside it."});
    } else {
      complaints_.push_back(
          {ScanFault::link_without_article,
           "This web address names no article (.../01/ and a GTIN). Scan the barcode beside it."});
    }
  }

  // Names that are no identifiers are the website's own and not looked at.
  void add(const std::string& name, std::string data) {
    const std::string identifier = identifier_of(name);
    if (!is_identifier(identifier) || data.empty()) return;
    elements_.push_back({identifier, std::move(data)});
    check_element(elements_.back(), complaints_);
  }

  std::vector<ScanComplaint>& complaints_;
  std::vector<Element> elements_;
};

}  // namespace

bool looks_like_link(std::string_view text) {
  if (starts_with_ignoring_case(text, "https://") || starts_with_ignoring_case(text, "http://")) {
    return true;
  }
  const std::size_t path = text.find('/');
  if (path == std::string_view::npos) return false;
  const std::size_t dot = text.find('.');
  return dot < path && text.find("/01/", path) != std::string_view::npos &&
         text.find(' ') == std::string_view::npos;
}

std::vector<Element> read_digital_link(std::string_view text,
                                       std::vector<ScanComplaint>& complaints) {
  return LinkReader(complaints).read(text);
}

}  // namespace titan::retail
