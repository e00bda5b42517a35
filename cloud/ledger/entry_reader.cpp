#include "cloud/ledger/entry_reader.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "cloud/database/ask_database.h"
#include "mesh/entry/entry.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

using uplink::sql_bytes;
using uplink::sql_text;

namespace {

constexpr std::size_t feed_rows_max = 64;
constexpr std::size_t lost_rows_max = 1000;  // of one interval

// What has been read so far, within its limit of bytes.
class Page {
 public:
  explicit Page(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // False: there is no room for it. The first has room whatever its size.
  bool add(Bytes entry) {
    if (!read_.entries.empty() && bytes_ + entry.size() > bytes_max_) return false;
    bytes_ += entry.size();
    read_.entries.push_back(std::move(entry));
    return true;
  }
  void set_last_number(std::uint64_t number) { read_.last_number = number; }
  ReadEntries take() { return std::move(read_); }

 private:
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  ReadEntries read_;
};

// False: the page is full, or there is more of the interval than one read takes.
bool read_interval(pqxx::transaction_base& transaction, const std::string& store,
                   const JournalId& journal, const crdt::Interval& interval, Page& page) {
  const auto rows =
      transaction.exec("SELECT bytes FROM entries WHERE store = " + sql_text(store) +
                       " AND journal = " + sql_bytes(journal.view()) + " AND number BETWEEN " +
                       std::to_string(interval.first) + " AND " +
                       std::to_string(std::min(interval.last, mesh::entry_number_max)) +
                       " ORDER BY number, hash LIMIT " + std::to_string(lost_rows_max));
  for (const auto& row : rows) {
    if (!page.add(pqxx::binarystring(row[0]).str())) return false;
  }
  return rows.size() < lost_rows_max;
}

}  // namespace

void EntryReader::read_feed(const StoreKey& key, const JournalId& journal, std::uint64_t above,
                            std::size_t bytes_max, Done done) {
  ask_database<ReadEntries>(
      loop_, worker_, key.tenant,
      [store = key.store, journal, above, bytes_max](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        const auto rows = transaction.exec(
            "SELECT number, bytes FROM entries WHERE store = " + sql_text(store) +
            " AND journal = " + sql_bytes(journal.view()) + " AND number > " +
            std::to_string(above) + " ORDER BY number LIMIT " + std::to_string(feed_rows_max));
        Page page(bytes_max);
        for (const auto& row : rows) {
          if (!page.add(pqxx::binarystring(row[1]).str())) break;
          page.set_last_number(row[0].as<std::uint64_t>());
        }
        return page.take();
      },
      std::move(done));
}

void EntryReader::read_lost(const StoreKey& key, std::vector<uplink::WantedNumbers> wanted,
                            std::size_t bytes_max, Done done) {
  ask_database<ReadEntries>(
      loop_, worker_, key.tenant,
      [store = key.store, wanted = std::move(wanted), bytes_max](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        Page page(bytes_max);
        for (const auto& journal : wanted) {
          for (const auto& interval : journal.numbers.intervals()) {
            if (!read_interval(transaction, store, journal.journal, interval, page)) {
              return page.take();
            }
          }
        }
        return page.take();
      },
      std::move(done));
}

}  // namespace titan::cloud
