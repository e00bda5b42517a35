// What a scanner's bytes say: the article, and what else stands in the symbol.
//
// Read are plain codes (EAN, UPC-A, UPC-E in six, seven or eight digits, ITF-14, codes of the
// shop's own) with and without add-on, GS1 element strings (GS1-128, DataBar, DataMatrix, QR) with
// FNC1, bracketed or run together, GS1 Digital Link, and the shop's own price and weight labels by
// its table; each with or without an AIM symbology identifier and what scanners hang behind it.
//
// Several readings of one code are likely (58 of 100 UPC-E codes are a right EAN-8 too), and a
// check digit cannot tell which: so candidates come in order and the product table decides.
//
// Nothing here refuses anything: a symbol that is odd has faults, in words for the person at the
// till, and what could be read of it counts. Pure, thread-safe; any bytes are taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retail/money.h"
#include "retail/scan/labels.h"

namespace titan::retail {

// What is longer is not read at all. The largest GS1 message of a till's symbols has 200 characters
// or so; links may be longer.
inline constexpr std::size_t scan_bytes_max = 1000;

enum class ScanFault {
  too_long,
  not_text,            // not UTF-8, or control characters inside
  check_digit,         // of a GTIN
  value_check_digit,   // of a label's price or weight; the value is not used
  unknown_identifier,  // an application identifier that GS1 has not assigned; the rest is not read
  bad_element,         // data of the wrong length or kind behind an application identifier
  bad_date,
  no_article,       // a pallet's or a place's number, say
  add_on_only,      // of a book or magazine only the small code was read
  compressed_link,  // GS1 Digital Link in compressed form, which is not supported
  link_without_article,
};

struct ScanComplaint {
  ScanFault fault = ScanFault::not_text;
  std::string message;  // for the person at the till
};

struct ScanCandidate {
  std::string key;          // what to look up, as printed; codes compare by code_key()
  std::string code;         // what to record if it is the article
  bool of_label = false;    // an article of the shop's own label: its price or measure counts then
  bool or_sku = false;      // the item's number on such a label, which may be an article's sku
  bool equal_rank = false;  // as likely as the candidate before

  // 14 digits; empty for a code that is no GTIN.
  std::string gtin() const;
};

struct ScanMeasure {
  Decimal quantity;
  std::string unit;  // "" = pieces
};

struct ScanPrice {
  Decimal amount;
  std::string currency;  // empty: the store's
};

struct Scan {
  std::string symbol;  // as sent, printable: GS is written as "|"
  std::vector<ScanCandidate> candidates;
  std::string lot;
  std::string serial;
  std::uint32_t expiry = 0;       // yyyymmdd
  std::uint32_t best_before = 0;  // yyyymmdd
  std::optional<ScanMeasure> measure;
  std::optional<Decimal> pieces;
  std::optional<ScanPrice> price;  // of all that the symbol stands on
  std::string add_on;
  std::vector<ScanComplaint> complaints;

  bool has(ScanFault fault) const;
  // The candidate to record if the table knows none of them; null if there is nothing to record.
  const ScanCandidate* unknown() const;
  // Something beside the article's code, so that the symbol is worth keeping.
  bool says_more() const;
};

// `today` (yyyymmdd) gives two-digit years their century.
Scan read_scan(std::string_view bytes, const LabelTable& labels, std::uint32_t today);

// Whether two scans or codes can mean one article, whatever form each has.
bool same_code(std::string_view first, std::string_view second, const LabelTable& labels = {});

}  // namespace titan::retail
