// GS1 element strings: application identifiers and their data (GS1 General Specifications, section
// 3, and the predefined lengths of section 7.8.5).
//
// Pure functions, thread-safe; any text is taken.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "retail/scan/scan.h"

namespace titan::retail {

inline constexpr char group_separator = '\x1D';  // what scanners send for FNC1 within a symbol

struct Element {
  std::string identifier;  // "3103"
  std::string data;
};

// Stops at the first identifier that is unknown, saying so.
std::vector<Element> read_element_string(std::string_view text,
                                         std::vector<ScanComplaint>& complaints);
// "(01)09506000134352(10)ABC": as printed below a symbol.
std::vector<Element> read_bracketed_elements(std::string_view text,
                                             std::vector<ScanComplaint>& complaints);
bool looks_bracketed(std::string_view text);

// "10", "3103"; false for what GS1 has not assigned.
bool is_identifier(std::string_view text);
// Says what is wrong with an element's data, if anything is.
void check_element(const Element& element, std::vector<ScanComplaint>& complaints);

// Puts what the elements say into the scan; the GTINs become candidates.
void apply_elements(const std::vector<Element>& elements, std::uint32_t today, Scan& scan);

// yymmdd with GS1's century (section 7.12: at most 49 years ahead, 50 back); day 00 is the month's
// last. 0 if there is no such day.
std::uint32_t gs1_date(std::string_view yymmdd, std::uint32_t today);

// A GTIN as it is recorded: fourteen digits that begin with a zero lose it.
std::string plain_gtin(std::string_view gtin);

}  // namespace titan::retail
