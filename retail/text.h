// Text from outside: is it valid UTF-8, printable, short enough; does it hide a card number?
//
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "mesh/entry.h"

namespace titan::retail {

inline constexpr std::size_t sku_bytes_max = 64;
inline constexpr std::size_t gtin_bytes_max = 80;  // scanners also deliver whole GS1-128 strings
inline constexpr std::size_t idempotency_key_bytes_max = 128;
inline constexpr std::size_t name_bytes_max = 128;  // cashier, method, tax code ...
inline constexpr std::size_t description_bytes_max = 1000;

// Byte offset of the first character that is no valid UTF-8; the size if all are.
std::size_t first_invalid_utf8(std::string_view text);
// C0 and C1 control characters and DEL: they garble receipts and logs.
bool has_control_character(std::string_view text);
// Why `text` must not be recorded (without the field's name), or nothing. UTF-8 is checked too.
std::optional<std::string> text_fault(std::string_view text, std::size_t bytes_max);
// The same for a sku: not empty, no blanks outside. Letter case counts: 85123A is not 85123a.
std::optional<std::string> sku_fault(std::string_view text);

// `text` with every run of 13 to 19 digits (blanks and dashes between them allowed) that looks like
// a payment card's number (first digit 2 to 6, Luhn check right) reduced to its last four digits.
std::string mask_card_numbers(std::string_view text);

// "2011-10-06" -> 20111006; nothing unless that day exists.
std::optional<std::uint32_t> parse_date(std::string_view text);
std::string date_text(std::uint32_t date);
// RFC 3339 with milliseconds and offset: "2011-10-06T09:15:00.000+01:00"; offset 0 is "Z".
std::string time_text(WallTime time, std::int32_t utc_offset_minutes = 0);

// "<journal hex>:<number>".
std::string id_text(const mesh::EntryId& id);
std::optional<mesh::EntryId> parse_id(std::string_view text);

}  // namespace titan::retail
