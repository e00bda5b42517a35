#include "retail/scan/plain_codes.h"

#include <algorithm>

#include "retail/check_digits.h"
#include "retail/gtin.h"

namespace titan::retail {
namespace {

bool is_add_on(std::string_view text) {
  return is_digits(text) && (text.size() == 2 || text.size() == 5);
}

ScanCandidate plain(std::string code) {
  return {code, code, false, false, false};
}

// The UPC-A forms of a UPC-E as scanners send it: with number system and check digit (8 digits),
// without one of the two (7), without either (6).
std::vector<std::string> upc_a_forms(const std::string& code) {
  std::vector<std::string> forms;
  if (!is_digits(code)) return forms;
  const bool begins_as_upc_e = code.front() == '0' || code.front() == '1';
  const std::string_view text = code;
  if (code.size() == 8 && begins_as_upc_e) {
    std::string form = expanded_upc_e(code[0], text.substr(1, 6));
    if (form.back() == code.back()) forms.push_back(std::move(form));
  }
  if (code.size() == 7) {
    std::string form = expanded_upc_e('0', text.substr(0, 6));
    if (form.back() == code.back()) forms.push_back(std::move(form));
    if (begins_as_upc_e) {
      form = expanded_upc_e(code[0], text.substr(1, 6));
      if (forms.empty() || forms.front() != form) forms.push_back(std::move(form));
    }
  }
  if (code.size() == 6) forms.push_back(expanded_upc_e('0', text));
  return forms;
}

// The UPC-E of a UPC-A, in 12 digits or 13 with a zero before; nothing if it has none.
std::optional<std::string> upc_e_form(const std::string& code) {
  const bool is_upc =
      is_digits(code) && (code.size() == 12 || (code.size() == 13 && code[0] == '0'));
  if (!is_upc) return std::nullopt;
  const std::string upc = code.substr(code.size() - 12);
  const std::string maker = upc.substr(1, 5);
  const std::string item = upc.substr(6, 5);
  // One shape for each last digit; expanding back tells whether it fits.
  for (const std::string& six :
       {maker.substr(0, 2) + item.substr(2) + maker[2], maker.substr(0, 3) + item.substr(3) + "3",
        maker.substr(0, 4) + item[4] + "4", maker + item[4]}) {
    if (expanded_upc_e(upc[0], six) == upc) return upc[0] + six + upc.back();
  }
  return std::nullopt;
}

void read_label(const std::string& code, const LabelTable& labels, Scan& scan) {
  if (labels.empty()) return;
  const auto label = labels.read(code);
  if (!label) return;
  const auto add = [&](const std::string& key, bool or_sku) {
    scan.candidates.push_back({key, label->article, true, or_sku, false});
  };
  add(label->article, false);
  add(label->prefix_item, false);
  add(label->item, true);
  if (!label->value_is_sound) {
    scan.complaints.push_back(
        {ScanFault::value_check_digit,
         "The " + std::string(to_string(label->rule->what)) + " on the label " + code +
             " was misread: its digits " + label->value_digits +
             " do not go with their check digit. Scan again, or enter it by hand."});
    return;
  }
  switch (label->rule->what) {
    case LabelValue::price:
      scan.price = {label->value, {}};
      break;
    case LabelValue::weight:
      scan.measure = {label->value, label->rule->unit.empty() ? "kg" : label->rule->unit};
      break;
    case LabelValue::pieces:
      scan.pieces = label->value;
      break;
  }
}

}  // namespace

std::string expanded_upc_e(char number_system, std::string_view six) {
  const std::string d(six);
  std::string upc(1, number_system);
  switch (d[5]) {
    case '0':
    case '1':
    case '2':
      upc += d.substr(0, 2) + d[5] + "0000" + d.substr(2, 3);
      break;
    case '3':
      upc += d.substr(0, 3) + "00000" + d.substr(3, 2);
      break;
    case '4':
      upc += d.substr(0, 4) + "00000" + d[4];
      break;
    default:
      upc += d.substr(0, 5) + "0000" + d[5];
  }
  return upc + check_digit_of(upc);
}

std::string take_add_on(std::string& code, bool is_ean) {
  for (const std::string_view mark : {"]E1", "]E2", " "}) {
    const std::size_t at = code.find(mark);
    if (at == std::string::npos) continue;
    const std::string main = code.substr(0, at);
    const std::string rest = code.substr(at + mark.size());
    const bool is_main =
        is_digits(main) && (main.size() == 8 || main.size() == 12 || main.size() == 13);
    if (!is_main || !is_add_on(rest)) continue;
    code = main;
    return rest;
  }
  if (!is_digits(code)) return {};
  for (const std::size_t main : {std::size_t{13}, std::size_t{12}}) {
    // Twelve and two digits are a GTIN-14 as well.
    if (main == 12 && code.size() != 17) continue;
    if (code.size() != main + 2 && code.size() != main + 5) continue;
    if (!is_ean && !has_right_check_digit(std::string_view(code).substr(0, main))) continue;
    std::string rest = code.substr(main);
    code.resize(main);
    return rest;
  }
  return {};
}

void read_plain_code(const std::string& code, PlainSymbol symbol, const LabelTable& labels,
                     Scan& scan) {
  if (code.empty()) return;
  std::vector<std::string> expanded;
  if (symbol != PlainSymbol::ean8 && symbol != PlainSymbol::other) expanded = upc_a_forms(code);
  // Eight digits are an EAN-8 or a UPC-E. Only what follows if the table knows neither, or both, is
  // decided here; six and seven are a shop's own code first.
  const bool expanded_first = !expanded.empty() && code.size() == 8 &&
                              (symbol == PlainSymbol::ean_or_upc || !has_right_check_digit(code));
  if (!expanded_first) scan.candidates.push_back(plain(code));
  for (std::string& form : expanded) {
    scan.candidates.push_back(plain(std::move(form)));
    scan.candidates.back().equal_rank = code.size() == 8 && scan.candidates.size() > 1;
  }
  if (expanded_first) {
    scan.candidates.push_back(plain(code));
    scan.candidates.back().equal_rank = true;
  }
  // A list may have the short form of what the scanner sends long.
  const auto short_form = symbol == PlainSymbol::other ? std::nullopt : upc_e_form(code);
  if (short_form && (short_form->front() == '0' || short_form->front() == '1')) {
    scan.candidates.push_back({*short_form, code, false, false, false});
  }
  read_label(code, labels, scan);
  const bool is_sound = !expanded.empty() || check_gtin(code) != GtinFault::check_digit;
  if (!is_sound) {
    scan.complaints.push_back(
        {ScanFault::check_digit, describe_gtin_fault(code, GtinFault::check_digit) + "."});
  }
}

}  // namespace titan::retail
