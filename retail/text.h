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
#include "mesh/entry/entry.h"

namespace titan::retail {

// Limits count characters (code points), as the API's documentation does. An entry's own limits are
// in bytes (mesh/entry/entry.h): 64 characters of four bytes are just what a product's key may have
// there.
inline constexpr std::size_t sku_characters_max = 64;
inline constexpr std::size_t gtin_characters_max = 80;   // of a product, as the list gives it
inline constexpr std::size_t scan_characters_max = 500;  // as a scanner sends it
inline constexpr std::size_t idempotency_key_characters_max = 128;
inline constexpr std::size_t name_characters_max = 128;  // cashier, method, tax code ...
inline constexpr std::size_t description_characters_max = 1000;
static_assert(sku_characters_max * 4 <= mesh::product_bytes_max);

// Byte offset of the first character that is no valid UTF-8; the size if all are.
std::size_t first_invalid_utf8(std::string_view text);
// C0 and C1 control characters and DEL: they garble receipts and logs.
bool has_control_character(std::string_view text);
// Code points, of a text that is valid UTF-8.
std::size_t character_count(std::string_view text);
// Why `text` must not be recorded (without the field's name), or nothing. UTF-8 is checked too.
std::optional<std::string> text_fault(std::string_view text, std::size_t characters_max);
// The same for a sku: not empty, no blanks outside, no characters that nobody sees. Letter case
// counts: 85123A is not 85123a.
std::optional<std::string> sku_fault(std::string_view text);
// The same for what a scanner sends: CR, LF, tab and the separators of GS1 symbols are part of it.
std::optional<std::string> scan_fault(std::string_view text);

// A character that prints nothing or looks like a blank (blanks other than U+0020, zero width and
// direction marks, fillers, variation selectors, tags): two texts that look alike would differ.
struct InvisibleCharacter {
  std::size_t at = 0;  // in bytes
  std::uint32_t code_point = 0;

  std::string name() const;  // "U+00A0 no-break space"
};
std::optional<InvisibleCharacter> first_invisible_character(std::string_view text);
// What a code says of such a character in it (without the field's name), or nothing.
std::optional<std::string> invisible_fault(std::string_view text);

// `text` with every run of 13 to 19 digits (blanks and dashes between its groups allowed) that
// looks like a payment card's number reduced to its last four digits. It does if its Luhn check is
// right and it begins with 3 to 6; of those with a 2, which the shop's own vouchers and labels
// begin with too, only 16 digits from 2200 to 2204 (Mir) and 2221 to 2720 (Mastercard).
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
