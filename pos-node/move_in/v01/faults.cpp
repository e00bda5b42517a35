#include "pos-node/move_in/v01/faults.h"

namespace titan::pos::v01 {

std::string Fault::text() const {
  return table + " " + (row.empty() ? "?" : row) + (column.empty() ? "" : " " + column) + ": " +
         message;
}

void Faults::add(Fault fault) {
  ++count_;
  ++by_table_[fault.table];
  if (sink_) sink_(fault);
  if (shown_.size() < faults_shown_max) shown_.push_back(std::move(fault));
}

}  // namespace titan::pos::v01
