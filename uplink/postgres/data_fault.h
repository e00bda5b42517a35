// Whether a failed statement would fail again: the fault is in what was to be written.
#pragma once

#include <pqxx/pqxx>
#include <string>

namespace titan::uplink {

// SQLSTATE classes 22 (a value that does not fit), 23 (a constraint) and 54 (a limit of the
// server). Anything else is the database's own trouble, and another attempt may succeed.
inline bool is_data_fault(const pqxx::sql_error& error) {
  const std::string state = error.sqlstate();
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("54");
}

}  // namespace titan::uplink
