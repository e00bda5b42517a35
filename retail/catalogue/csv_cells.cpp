#include "retail/catalogue/csv_cells.h"

#include <algorithm>
#include <array>

#include "base/digits.h"
#include "retail/catalogue/spreadsheet_code.h"
#include "retail/gtin.h"

namespace titan::retail {
namespace {

// Blanks that a person does not tell from U+0020, and marks that print nothing.
constexpr std::array<std::string_view, 5> outer_blanks = {" ", "\xC2\xA0", "\xE2\x80\xAF",
                                                          "\xE2\x80\x8B", "\xEF\xBB\xBF"};

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return low;
}

// The error values of Excel and LibreOffice.
bool is_error_value(std::string_view cell) {
  constexpr std::array<std::string_view, 8> errors = {"#REF!",   "#N/A",  "#NAME?", "#VALUE!",
                                                      "#DIV/0!", "#NUM!", "#NULL!", "#####"};
  return std::any_of(errors.begin(), errors.end(),
                     [&](std::string_view one) { return cell.starts_with(one); });
}

constexpr std::size_t gtin_digits_min = 8;
constexpr std::size_t gtin_digits_max = 14;

bool is_gtin_long(std::string_view digits) {
  return is_digits(digits) && digits.size() >= gtin_digits_min && digits.size() <= gtin_digits_max;
}

// "4006381333931.0": a number cell's decimals behind a code.
std::string without_zero_decimals(const std::string& code) {
  const std::size_t mark = code.find_first_of(".,");
  if (mark == std::string::npos || mark == 0) return code;
  const std::string_view fraction = std::string_view(code).substr(mark + 1);
  const bool zeros = !fraction.empty() && fraction.size() <= 2 &&
                     fraction.find_first_not_of('0') == std::string_view::npos;
  return zeros && is_digits(code.substr(0, mark)) ? code.substr(0, mark) : code;
}

// Blanks of every width as one that is plain: between the digits of a code they mean the same.
std::string with_plain_blanks(std::string text) {
  for (const std::string_view blank : {"\xC2\xA0", "\xE2\x80\x89", "\xE2\x80\xAF"}) {
    for (std::size_t at = text.find(blank); at != std::string::npos; at = text.find(blank, at)) {
      text.replace(at, blank.size(), " ");
    }
  }
  return text;
}

// The sizes of the groups of digits that one mark divides; none if there is anything else.
std::vector<std::size_t> group_sizes(std::string_view text, char mark) {
  std::vector<std::size_t> sizes(1);
  for (const char c : text) {
    if (c == mark) {
      sizes.push_back(0);
    } else if (c >= '0' && c <= '9') {
      ++sizes.back();
    } else {
      return {};
    }
  }
  return sizes;
}

bool is_by_thousands(const std::vector<std::size_t>& sizes) {
  return sizes.size() > 1 && sizes.front() >= 1 && sizes.front() <= 3 &&
         std::all_of(sizes.begin() + 1, sizes.end(), [](std::size_t size) { return size == 3; });
}

// A whole cell that is one code with its digits grouped, as a number ("4,006,381,333,931") or as
// they stand below the bars ("4 006381 333931"); empty if it is none.
std::string joined_code(const std::string& cell) {
  std::string text = with_plain_blanks(cell);
  const std::size_t tail = text.find_last_of(".,");
  if (tail != std::string::npos && tail > 0) {
    const std::string_view before = std::string_view(text).substr(0, tail);
    const std::string_view zeros = std::string_view(text).substr(tail + 1);
    // "4,006,381,333,931.00"
    if ((zeros == "0" || zeros == "00") && before.find(text[tail]) == std::string_view::npos) {
      text.resize(tail);
    }
  }
  for (const char mark : {' ', ',', '.', '\''}) {
    const std::vector<std::size_t> sizes = group_sizes(text, mark);
    if (sizes.size() < 2) continue;
    std::string joined = text;
    std::erase(joined, mark);
    const bool is_printed = mark == ' ' &&
                            (sizes == std::vector<std::size_t>{1, 6, 6} ||
                             sizes == std::vector<std::size_t>{1, 5, 5, 1}) &&
                            check_gtin(joined) == GtinFault::none;
    if (is_gtin_long(joined) && (is_printed || is_by_thousands(sizes))) return joined;
  }
  return "";
}

Complaint codes_input(const std::string& cell, FieldInput& input, std::string& warning) {
  if (lower(cell) == "false") return std::nullopt;  // how Odoo writes that there is none
  if (const std::string joined = joined_code(cell); !joined.empty()) {
    warning = "GTIN \"" + cell.substr(0, 60) + "\" was taken as " + joined;
    input.codes.push_back(joined);
    return std::nullopt;
  }
  std::size_t at = 0;
  while (at < cell.size()) {
    const std::size_t end = std::min(cell.find_first_of(" ;,\n\r\t", at), cell.size());
    // "4006381333931,0" is one number; "4006381333931,96385074" are two codes.
    const std::string rest = cell.substr(end);
    const bool zero_behind = rest == ",0" || rest == ",00";
    const std::string code =
        without_text_mark(clean_text(zero_behind ? cell.substr(at) : cell.substr(at, end - at)));
    at = zero_behind ? cell.size() : end + 1;
    if (code.empty()) continue;
    const std::string whole = without_zero_decimals(code);
    if (whole != code) warning = "GTIN " + code + " was taken as " + whole;
    input.codes.push_back(whole);
  }
  return std::nullopt;
}

// A sku: "12.0" may well be one, a whole barcode with a decimal is none.
void code_input(std::string_view cell, FieldInput& input, std::string& warning) {
  // Blanks outside a sku are not trimmed away in silence: "A " and "A" may both be there.
  input.text = without_text_mark(std::string(cell));
  const std::string whole = without_zero_decimals(input.text);
  if (whole == input.text || !is_gtin_long(whole)) return;
  warning = "sku " + input.text + " was taken as " + whole;
  input.text = whole;
}

Complaint taxes_input(std::string_view cell, const NumberStyle& numbers, FieldInput& input) {
  while (!cell.empty()) {
    const std::size_t end = std::min(cell.find(';'), cell.size());
    const std::string part = clean_text(cell.substr(0, end));
    cell.remove_prefix(std::min(end + 1, cell.size()));
    if (part.empty()) continue;
    const std::size_t colon = part.rfind(':');
    if (colon == std::string::npos) {
      return "must be like \"GST:5;QST:9.975\": code, colon, percent (or \"exempt\")";
    }
    TaxText tax{clean_text(part.substr(0, colon)), clean_text(part.substr(colon + 1)), false};
    if (lower(tax.rate) == "exempt") {
      tax.rate.clear();
      tax.exempt = true;
    } else {
      const auto rate = numbers.read(tax.rate, true);
      if (!rate) return rate.error().message;
      tax.rate = *rate;
    }
    input.taxes.push_back(std::move(tax));
  }
  return std::nullopt;
}

// The first code in the cell that was rounded; a comma may stand inside it.
std::string rounded_code(std::string_view cell) {
  std::size_t at = 0;
  while (at < cell.size()) {
    const std::size_t end = std::min(cell.find_first_of(" ;", at), cell.size());
    const std::string code(cell.substr(at, end - at));
    if (destroyed_code(code)) return code;
    at = end + 1;
  }
  return "";
}

}  // namespace

std::string clean_text(std::string_view cell) {
  std::string text;
  bool blank_due = false;
  for (std::size_t at = 0; at < cell.size(); ++at) {
    const char c = cell[at];
    const bool is_break = c == '\n' || c == '\r' || c == '\t';
    if (is_break) {
      blank_due = true;
      continue;
    }
    if (blank_due && !text.empty() && text.back() != ' ' && c != ' ') text += ' ';
    blank_due = false;
    text += c;
  }
  const auto trim = [&](std::string_view blank) {
    bool trimmed = false;
    while (text.starts_with(blank)) text.erase(0, blank.size()), trimmed = true;
    while (text.ends_with(blank)) text.resize(text.size() - blank.size()), trimmed = true;
    return trimmed;
  };
  while (std::any_of(outer_blanks.begin(), outer_blanks.end(), trim)) {
  }
  return text;
}

std::string without_text_mark(std::string cell) {
  if (cell.empty()) return cell;
  if (cell.size() >= 3 && cell.starts_with("=\"") && cell.ends_with('"')) {
    return cell.substr(2, cell.size() - 3);
  }
  if (cell.front() == '=' && is_digits(std::string_view(cell).substr(1))) return cell.substr(1);
  if (cell.size() > 1 && cell.front() == '\'' && cell[1] >= '0' && cell[1] <= '9') {
    return cell.substr(1);
  }
  return cell;
}

bool is_blank(std::string_view cell) {
  return clean_text(cell).empty();
}

std::string flag_text(std::string_view cell) {
  const std::string word = lower(clean_text(cell));
  for (const char* yes : {"true", "1", "yes", "y", "x", "wahr", "vrai", "vero", "verdadero", "waar",
                          "sant", "sand", "ja", "oui", "si", "s\xC3\xAD"}) {
    if (word == yes) return "true";
  }
  for (const char* no : {"false", "0", "no", "n", "falsch", "faux", "falso", "onwaar", "falskt",
                         "falsk", "nein", "non", "nee", "nej"}) {
    if (word == no) return "false";
  }
  return word;
}

Complaint cell_input(const FieldRule& rule, std::string_view cell, const NumberStyle& numbers,
                     FieldInput& input, std::string& warning) {
  const std::string clean = clean_text(cell);
  if (clean.empty()) return std::nullopt;
  if (is_error_value(clean)) {
    return "is \"" + clean.substr(0, 40) + "\", a spreadsheet's error; mend the formula";
  }
  switch (rule.form) {
    case FieldForm::codes:
      if (const auto code = rounded_code(without_text_mark(clean)); !code.empty())
        return destroyed_code(code);
      return codes_input(without_text_mark(clean_text(cell)), input, warning);
    case FieldForm::taxes:
      return taxes_input(cell, numbers, input);
    case FieldForm::decimal:
    case FieldForm::whole:
    case FieldForm::percent: {
      const std::string bare = without_text_mark(clean);
      const auto number = rule.form == FieldForm::whole
                              ? numbers.read_whole(bare)
                              : numbers.read(bare, rule.form == FieldForm::percent);
      if (!number) return number.error().message;
      input.text = *number;
      return std::nullopt;
    }
    case FieldForm::flag:
      input.text = flag_text(clean);
      return std::nullopt;
    case FieldForm::code:
      code_input(cell, input, warning);
      return std::nullopt;
    case FieldForm::text:
    case FieldForm::currency:
      break;
  }
  input.text = without_text_mark(clean);
  return std::nullopt;
}

}  // namespace titan::retail
