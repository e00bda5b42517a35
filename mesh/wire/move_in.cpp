#include "mesh/wire/move_in.h"

#include "proto/entry.pb.h"

namespace titan::mesh {

namespace v1 = titan::entry::v1;

std::optional<MoveInId> move_in_of(const Envelope& envelope) {
  switch (envelope.kind) {
    case Kind::history: {
      v1::History body;
      if (!body.ParseFromString(envelope.body)) return std::nullopt;
      return MoveInId::from_bytes(body.move_in());
    }
    case Kind::history_withdrawn: {
      v1::HistoryWithdrawn body;
      if (!body.ParseFromString(envelope.body)) return std::nullopt;
      return MoveInId::from_bytes(body.move_in());
    }
    case Kind::opening_stock: {
      v1::StockMovement body;
      if (!body.ParseFromString(envelope.body)) return std::nullopt;
      return MoveInId::from_hex_text(body.document());
    }
    default:
      return std::nullopt;
  }
}

std::string former_receipt_of(const Envelope& envelope) {
  v1::History body;
  if (envelope.kind != Kind::history || !body.ParseFromString(envelope.body)) return {};
  return body.receipt();
}

}  // namespace titan::mesh
