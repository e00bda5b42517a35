// One cell of a v0.1 row, brought to the type that its column has. v0.1 kept no types: a number may
// stand there as text, an id as a number.
//
// Each call answers nothing where the cell does not fit, and tells the fault of its row.
#pragma once

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "pos-node/move_in/v01/faults.h"
#include "retail/money.h"

namespace titan::pos::v01 {

class Row {
 public:
  // `id`: the row's, for the faults. Columns are named by their places in the statement.
  Row(SQLite::Statement& statement, std::string table, std::string id, Faults& faults)
      : statement_(statement), table_(std::move(table)), id_(std::move(id)), faults_(faults) {}

  bool is_null(int column) const;
  // NULL is "".
  std::optional<std::string> text(int column, std::size_t characters_max);
  std::optional<std::int64_t> whole(int column);
  std::optional<retail::Decimal> decimal(int column);
  // 0 or 1; NULL is `otherwise`.
  std::optional<bool> flag(int column, bool otherwise);
  std::optional<WallTime> time(int column);

  void fault(const std::string& column, std::string message);
  bool is_good() const { return good_; }
  const std::string& id() const { return id_; }
  std::string name(int column) const;
  int columns() const { return statement_.getColumnCount(); }

 private:
  void fault(int column, std::string message);

  SQLite::Statement& statement_;
  const std::string table_;
  const std::string id_;
  Faults& faults_;
  bool good_ = true;
};

// As a fault names it: short, on one line.
std::string shown_value(const std::string& text);

}  // namespace titan::pos::v01
