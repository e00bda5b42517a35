// The rows that the bodies of one batch make, gathered so that each table costs one statement.
//
// Of several values for one product, user or setting only the last writer's is kept, since one
// statement may touch a row once. Used by StoreProjector.
#pragma once

#include <map>
#include <pqxx/pqxx>
#include <set>
#include <string>
#include <tuple>

#include "mesh/entry/entry.h"
#include "uplink/postgres/entry_rows.h"
#include "uplink/postgres/sql_values.h"

namespace titan::uplink {

class RowBuffers {
 public:
  explicit RowBuffers(const std::string& store) : store_(store) {}

  // `counts`: false where another entry with the same claim is the one that counts.
  void add(const mesh::Entry& entry, EntryRows rows, bool counts, bool from_feed);
  void write(pqxx::transaction_base& transaction) const;

 private:
  struct Written {
    std::uint64_t clock = 0;
    JournalId journal;

    auto operator<=>(const Written&) const = default;
  };
  struct LayerValue {
    Written written;
    std::uint64_t clears_below = 0;
    ProductRow row;
  };

  void add_sale(const mesh::Entry& entry, const SaleRow& sale, bool counts);
  void add_items(const mesh::Entry& entry, const std::vector<SaleItemRow>& items);
  void add_payments(const mesh::Entry& entry, const std::vector<PaymentRow>& payments);
  void choose_former_sales(pqxx::transaction_base& transaction) const;
  void begin(SqlRows& rows, const mesh::Entry& entry) const;
  std::string product_rows() const;

  const std::string store_;
  SqlRows sales_, history_, items_, item_taxes_, payments_, withdrawals_;
  std::set<Bytes> withdrawn_;     // move-ins, by one of the entries
  std::set<Hash> former_claims_;  // of the past sales among the rows
  std::map<std::pair<std::string, bool>, LayerValue> products_;
  std::map<std::string, std::pair<Written, UserRow>> users_;
  std::map<std::string, std::pair<Written, std::string>> settings_;
};

}  // namespace titan::uplink
