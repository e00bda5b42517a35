#include "pos-node/service/service.h"

namespace titan::pos {

Result<RefundHistory> history_of(const EntryPointer& sale, Service& service) {
  auto refunds = service.refunds_of(sale->envelope.id);
  if (!refunds) return refunds.error();
  const auto voided = service.voided_by(*sale);
  if (!voided) return voided.error();
  return RefundHistory{sale, std::move(*refunds), voided->has_value(), false};
}

}  // namespace titan::pos
