// Codes without application identifiers: EAN, UPC-A, UPC-E, ITF-14, add-ons, codes of the shop's
// own.
//
// Pure functions, thread-safe; any text is taken.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retail/scan/scan.h"

namespace titan::retail {

// What the symbology identifier told of the symbol.
enum class PlainSymbol { unknown, ean_or_upc, ean8, other };

// The UPC-A (12 digits) that a UPC-E's number system (0 or 1) and six digits stand for.
std::string expanded_upc_e(char number_system, std::string_view six);

// Takes an add-on off `code`, if one surely stands there: behind a blank or an identifier of its
// own
// (]E1, ]E2), or by the length of the whole where `is_ean` or where the rest is a right EAN or UPC.
std::string take_add_on(std::string& code, bool is_ean);

// Puts the candidates of `code`, which has no add-on any more, in order into the scan.
void read_plain_code(const std::string& code, PlainSymbol symbol, const LabelTable& labels,
                     Scan& scan);

}  // namespace titan::retail
