// What stands in the parameters of head office's requests, read before any of it reaches the
// database. Pure; each Error names the parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace titan::cloud {

inline constexpr std::size_t page_rows_max = 10'000;
inline constexpr std::size_t page_rows_default = 1'000;

// One entry in the order (journal, number, hash). A cloned till makes two of one number.
struct EntryPlace {
  Bytes journal;
  std::uint64_t number = 0;
  Bytes hash;  // empty: behind every entry of this number
};
std::string place_text(std::string_view journal_hex, std::string_view number,
                       std::string_view hash_hex);

struct SalesPlace {
  std::string date;                 // yyyy-mm-dd, a real day
  std::optional<EntryPlace> entry;  // behind it; else from the beginning of the day
};

Result<std::size_t> read_limit(std::string_view text);
// `from`: a business date, or the `next` of the page before: date:journal:number:hash.
Result<SalesPlace> read_sales_place(std::string_view text);
// `after` of entries: journal:number:hash.
Result<EntryPlace> read_entry_place(std::string_view text);
// `after` of what is ordered by sku: the last sku told.
Result<std::string> read_sku_place(std::string_view text);

}  // namespace titan::cloud
