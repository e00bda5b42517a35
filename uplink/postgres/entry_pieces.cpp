#include "uplink/postgres/entry_pieces.h"

#include "uplink/postgres/row_fields.h"
#include "uplink/postgres/sql_values.h"

namespace titan::uplink {

PieceRead read_piece(pqxx::transaction_base& transaction, const std::string& store,
                     const GivingBack::Numbers& piece, std::size_t bytes_max) {
  PieceRead read;
  std::size_t bytes = 0;
  for (const auto& [journal, numbers] : piece) {
    if (bytes >= bytes_max) {
      read.unread.insert(journal);
      continue;
    }
    std::string which = "number = 1";
    for (const auto& interval : numbers.intervals()) {
      which += " OR number BETWEEN " + std::to_string(interval.first) + " AND " +
               std::to_string(interval.last);
    }
    const auto rows = transaction.exec(
        "SELECT number, bytes FROM (SELECT number, hash, bytes, octet_length(bytes) AS size, "
        "sum(octet_length(bytes)) OVER (ORDER BY number, hash) AS up_to FROM entries WHERE store "
        "= " +
        sql_text(store) + " AND journal = " + sql_bytes(journal.view()) + " AND (" + which +
        ")) piece WHERE up_to - size < " + std::to_string(bytes_max) + " ORDER BY number, hash");
    for (const auto& row : rows) {
      const std::uint64_t number = unsigned_from(row[0]);
      read.entries.push_back(bytes_from(row[1]));
      bytes += read.entries.back().size();
      if (numbers.contains(number)) read.found[journal].add(number);
    }
  }
  return read;
}

}  // namespace titan::uplink
