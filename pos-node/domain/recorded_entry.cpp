#include "pos-node/domain/recorded_entry.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

template <class Body>
EntryBody read_as(const Bytes& bytes) {
  Body body;
  if (!body.ParseFromString(bytes)) return BadBody{};
  return body;
}

EntryBody read_body_of(const mesh::Envelope& envelope) {
  switch (envelope.kind) {
    case mesh::Kind::sale:
      return read_as<v1::Sale>(envelope.body);
    case mesh::Kind::refund:
      return read_as<v1::Refund>(envelope.body);
    case mesh::Kind::void_sale:
      return read_as<v1::Void>(envelope.body);
    case mesh::Kind::delivery:
    case mesh::Kind::adjustment:
    case mesh::Kind::transfer_out:
    case mesh::Kind::transfer_in:
    case mesh::Kind::opening_stock:
      return read_as<v1::StockMovement>(envelope.body);
    case mesh::Kind::history:
      return read_as<v1::History>(envelope.body);
    case mesh::Kind::history_withdrawn:
      return read_as<v1::HistoryWithdrawn>(envelope.body);
    default:
      return NoBody{};
  }
}

}  // namespace

const EntryBody& RecordedEntry::body() const {
  if (!body_) body_ = std::make_unique<const EntryBody>(read_body_of(envelope));
  return *body_;
}

}  // namespace titan::pos
