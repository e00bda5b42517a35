#include "retail/scan/scan.h"

#include <algorithm>

#include "base/utf8.h"
#include "retail/check_digits.h"
#include "retail/scan/digital_link.h"
#include "retail/scan/element_strings.h"
#include "retail/scan/plain_codes.h"

namespace titan::retail {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view no_break_space = "\xC2\xA0";
// ISO/IEC 15434: an envelope around a message; format 05 holds GS1 application identifiers.
constexpr std::string_view envelope_start =
    "[)>\x1E"
    "05\x1D";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

// What scanners and the keyboards they imitate hang before and behind: CR, LF, tab, blanks.
std::string_view trimmed(std::string_view text) {
  for (;;) {
    if (!text.empty() && text.front() != group_separator &&
        (is_control(text.front()) || text.front() == ' ')) {
      text.remove_prefix(1);
    } else if (text.starts_with(byte_order_mark) || text.starts_with(no_break_space)) {
      text.remove_prefix(text.starts_with(no_break_space) ? 2 : 3);
    } else {
      break;
    }
  }
  for (;;) {
    if (!text.empty() && (is_control(text.back()) || text.back() == ' ')) {
      text.remove_suffix(1);
    } else if (text.ends_with(no_break_space)) {
      text.remove_suffix(2);
    } else {
      return text;
    }
  }
}

std::string replaced(std::string_view text, std::string_view from, char to) {
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(from, at);
    if (found == std::string_view::npos) return result += text.substr(at);
    result += text.substr(at, found - at);
    result += to;
    at = found + from.size();
  }
}

// FNC1 in the forms that scanners and interface programs are set to send it.
std::string with_separators(std::string_view text) {
  std::string result(text);
  for (const std::string_view form : {"|", "<GS>", "{GS}", "<FNC1>", "{FNC1}", "^]"}) {
    if (result.find(form) != std::string::npos) result = replaced(result, form, group_separator);
  }
  return result;
}

std::string printable(std::string_view text) {
  std::string result(text);
  std::replace(result.begin(), result.end(), group_separator, '|');
  std::erase_if(result, is_control);
  return result;
}

enum class Family { none, gs1, ean_or_upc, ean8, add_on, other };

// AIM symbology identifiers (ISO/IEC 15424): "]", the symbology, a modifier.
Family take_symbology(std::string_view& text) {
  if (text.size() < 3 || text[0] != ']') return Family::none;
  const char symbology = text[1];
  const char modifier = text[2];
  const bool is_letter =
      (symbology >= 'A' && symbology <= 'Z') || (symbology >= 'a' && symbology <= 'z');
  const bool is_known_modifier = (modifier >= '0' && modifier <= '9') ||
                                 (modifier >= 'A' && modifier <= 'Z') ||
                                 (modifier >= 'a' && modifier <= 'z');
  if (!is_letter || !is_known_modifier) return Family::none;
  text.remove_prefix(3);
  if (symbology == 'E') {
    if (modifier == '1' || modifier == '2') return Family::add_on;
    return modifier == '4' ? Family::ean8 : Family::ean_or_upc;
  }
  // GS1-128, DataBar and its composites, GS1 DataMatrix, GS1 QR, GS1 DotCode.
  const bool is_gs1 = (symbology == 'C' && modifier == '1') || symbology == 'e' ||
                      (symbology == 'd' && modifier == '2') ||
                      (symbology == 'Q' && modifier == '3') ||
                      (symbology == 'J' && modifier == '1');
  return is_gs1 ? Family::gs1 : Family::other;
}

// Without an identifier of the symbology a run of digits is taken for an element string only if it
// is one from end to end and begins with a right GTIN.
bool is_run_together(const std::string& text) {
  if (text.size() < 16 || !text.starts_with("01") ||
      !has_right_check_digit(std::string_view(text).substr(2, 14))) {
    return false;
  }
  std::vector<ScanComplaint> complaints;
  read_element_string(text, complaints);
  return complaints.empty();
}

PlainSymbol symbol_of(Family family) {
  if (family == Family::ean8) return PlainSymbol::ean8;
  if (family == Family::ean_or_upc) return PlainSymbol::ean_or_upc;
  return family == Family::none ? PlainSymbol::unknown : PlainSymbol::other;
}

class ScanReader {
 public:
  ScanReader(const LabelTable& labels, std::uint32_t today) : labels_(labels), today_(today) {}

  Scan read(std::string_view bytes) {
    if (bytes.size() > scan_bytes_max) {
      complain(ScanFault::too_long, "The scan has " + std::to_string(bytes.size()) +
                                        " bytes; no barcode of a till is so long. Scan again.");
      return std::move(scan_);
    }
    if (!is_utf8(bytes)) {
      complain(ScanFault::not_text, "The scan holds bytes that are no text. Scan again.");
      return std::move(scan_);
    }
    std::string_view text = trimmed(bytes);
    scan_.symbol = printable(text);
    const Family family = take_symbology(text);
    if (text.starts_with(envelope_start)) {
      text.remove_prefix(envelope_start.size());
      text = text.substr(0, std::min(text.find('\x1E'), text.size()));
      read_elements(std::string(text));
    } else {
      read_payload(text, family);
    }
    add_as_sent(printable(text));
    return std::move(scan_);
  }

 private:
  void complain(ScanFault fault, std::string message) {
    scan_.complaints.push_back({fault, std::move(message)});
  }

  void read_payload(std::string_view text, Family family) {
    const std::string separated = with_separators(text);
    const bool has_separator = separated.find(group_separator) != std::string::npos;
    if (looks_like_link(text)) {
      apply_elements(read_digital_link(text, scan_.complaints), today_, scan_);
    } else if (looks_bracketed(text)) {
      apply_elements(read_bracketed_elements(separated, scan_.complaints), today_, scan_);
    } else if (family == Family::gs1 || is_run_together(separated)) {
      read_elements(separated);
    } else if (has_separator) {
      // Perhaps a code of the shop's own with such a sign in it: then it is no element string.
      const Scan before = scan_;
      read_elements(separated);
      if (scan_.candidates.empty()) scan_ = before;
    } else if (family == Family::add_on) {
      complain(ScanFault::add_on_only,
               "Only the small code beside the barcode was read. Scan the barcode itself.");
    } else {
      std::string code(text);
      scan_.add_on = take_add_on(code, family == Family::ean_or_upc);
      read_plain_code(printable(code), symbol_of(family), labels_, scan_);
    }
  }

  void read_elements(const std::string& text) {
    apply_elements(read_element_string(text, scan_.complaints), today_, scan_);
    if (scan_.candidates.empty() && scan_.complaints.empty()) {
      complain(ScanFault::no_article,
               "This symbol names no article (a pallet or a place, say). Scan the article's own.");
    }
  }

  // A shop may have filed the article under the whole text, whatever it looks like.
  void add_as_sent(std::string text) {
    if (text.empty()) return;
    const bool is_there =
        std::any_of(scan_.candidates.begin(), scan_.candidates.end(),
                    [&](const ScanCandidate& candidate) { return candidate.key == text; });
    if (!is_there) scan_.candidates.push_back({text, text, false, false, false});
  }

  const LabelTable& labels_;
  std::uint32_t today_;
  Scan scan_;
};

}  // namespace

std::string ScanCandidate::gtin() const {
  const bool is_gtin =
      is_digits(code) && (code.size() == 8 || (code.size() >= 12 && code.size() <= 14));
  return is_gtin ? code_key(code) : std::string();
}

bool Scan::has(ScanFault fault) const {
  return std::any_of(complaints.begin(), complaints.end(),
                     [&](const ScanComplaint& each) { return each.fault == fault; });
}

const ScanCandidate* Scan::unknown() const {
  if (candidates.empty()) return nullptr;
  for (const ScanCandidate& candidate : candidates) {
    if (candidate.of_label) return &candidate;
  }
  return &candidates.front();
}

bool Scan::says_more() const {
  return measure || pieces || price || expiry != 0 || best_before != 0 || !lot.empty() ||
         !serial.empty() || !add_on.empty();
}

Scan read_scan(std::string_view bytes, const LabelTable& labels, std::uint32_t today) {
  return ScanReader(labels, today).read(bytes);
}

bool same_code(std::string_view first, std::string_view second, const LabelTable& labels) {
  const Scan one = read_scan(first, labels, 0);
  const Scan other = read_scan(second, labels, 0);
  for (const ScanCandidate& candidate : one.candidates) {
    for (const ScanCandidate& against : other.candidates) {
      if (code_key(candidate.key) == code_key(against.key)) return true;
    }
  }
  return false;
}

}  // namespace titan::retail
