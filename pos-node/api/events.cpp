#include "pos-node/api/events.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "pos-node/api/answers.h"
#include "pos-node/json/json_writer.h"
#include "pos-node/service/status.h"
#include "proto/entry.pb.h"
#include "retail/money.h"
#include "retail/stock_state.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

JsonWriter start(std::string_view type, WallTime time) {
  JsonWriter writer(256);
  writer.begin_object().member("type", type).member("time", time_text(time));
  return writer;
}

std::string write(const StockEvent& event, WallTime time) {
  JsonWriter writer = start("stock", time);
  writer.member("sku", event.sku)
      .member("on_hand", quantity_text(event.on_hand))
      .member("state", to_string(stock_state(event.on_hand, event.low_stock)))
      .member("display", stock_display(event.on_hand))
      .member("before", quantity_text(event.before))
      .member("entry", id_text(event.entry))
      .end_object();
  return std::move(writer.text());
}

std::string write(const SaleEvent& event, WallTime time) {
  JsonWriter writer = start("sale", time);
  writer.member("id", id_text(event.id)).member("kind", kind_name(event.kind));
  if (!event.receipt.empty()) writer.member("receipt", event.receipt);
  if (!event.total.empty()) {
    writer.member("total", event.total).member("currency", event.currency);
  }
  writer.member("terminal", event.terminal).member("own", event.own).end_object();
  return std::move(writer.text());
}

std::string write(const MemberEvent& event, WallTime time) {
  JsonWriter writer = start("member", time);
  writer.member("terminal", event.terminal)
      .member("process", event.process.hex())
      .member("state", to_string(event.state));
  if (event.before) writer.member("before", to_string(*event.before));
  writer.end_object();
  return std::move(writer.text());
}

std::string write(const LeaderEvent& event, WallTime time) {
  JsonWriter writer = start("leader", time);
  writer.key("leader");
  if (event.present) {
    writer.begin_object()
        .member("terminal", event.terminal)
        .member("process", event.process.hex())
        .member("term", event.term)
        .end_object();
  } else {
    writer.null();
  }
  writer.member("self", event.is_self).end_object();
  return std::move(writer.text());
}

std::string write(const UplinkEvent& event, WallTime time) {
  JsonWriter writer = start("uplink", time);
  writer.member("state", event.state).member("message", event.message).end_object();
  return std::move(writer.text());
}

std::string write(const AlarmEvent& event, WallTime time) {
  JsonWriter writer = start("alarm", time);
  writer.member("code", event.code).member("message", event.message).end_object();
  return std::move(writer.text());
}

std::string write(const WatermarkEvent& event, WallTime time) {
  JsonWriter writer = start("watermark", time);
  writer.member("sequence", event.sequence)
      .member("pending_uploads", event.pending_uploads)
      .end_object();
  return std::move(writer.text());
}

void set_total(SaleEvent& event, std::int64_t total, const std::string& currency,
               std::uint32_t exponent) {
  event.total = to_text(total, std::min(exponent, decimal_scale_max));
  event.currency = currency;
}

// Reads only the figures of a sale and skips its lines: this runs for every sale of the whole
// store, between its arrival and the screens.
bool read_figures(const std::string& body, v1::Sale& figures) {
  using google::protobuf::internal::WireFormatLite;
  constexpr auto tag_of = [](int field, WireFormatLite::WireType type) {
    return static_cast<std::uint32_t>(field) << WireFormatLite::kTagTypeBits |
           static_cast<std::uint32_t>(type);
  };
  constexpr auto currency_tag =
      tag_of(v1::Sale::kCurrencyFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  constexpr auto exponent_tag =
      tag_of(v1::Sale::kExponentFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  constexpr auto total_tag =
      tag_of(v1::Sale::kTotalMinorFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(body.data()),
                                               static_cast<int>(body.size()));
  while (const std::uint32_t tag = input.ReadTag()) {
    std::uint32_t small = 0;
    std::uint64_t large = 0;
    if (tag == currency_tag) {
      if (!input.ReadVarint32(&small) ||
          !input.ReadString(figures.mutable_currency(), static_cast<int>(small))) {
        return false;
      }
    } else if (tag == exponent_tag) {
      if (!input.ReadVarint32(&small)) return false;
      figures.set_exponent(small);
    } else if (tag == total_tag) {
      if (!input.ReadVarint64(&large)) return false;
      figures.set_total_minor(WireFormatLite::ZigZagDecode64(large));
    } else if (!WireFormatLite::SkipField(&input, tag)) {
      return false;
    }
  }
  return input.ConsumedEntireMessage();
}

}  // namespace

SaleEvent sale_event(const mesh::Entry& entry, bool own) {
  const mesh::Envelope& envelope = entry.envelope;
  SaleEvent event;
  event.id = envelope.id;
  event.kind = envelope.kind;
  event.own = own;
  if (envelope.receipt) {
    event.receipt = mesh::receipt_text(*envelope.receipt, envelope.id.journal);
    event.terminal = envelope.receipt->terminal;
  }
  if (envelope.kind == mesh::Kind::sale) {
    v1::Sale body;
    if (read_figures(envelope.body, body)) {
      set_total(event, body.total_minor(), body.currency(), body.exponent());
    }
  } else if (envelope.kind == mesh::Kind::refund) {
    v1::Refund body;
    if (body.ParseFromString(envelope.body)) {
      set_total(event, body.sale().total_minor(), body.sale().currency(), body.sale().exponent());
    }
  } else if (envelope.kind == mesh::Kind::history) {
    v1::History body;
    if (body.ParseFromString(envelope.body)) {
      event.receipt = body.receipt();
      event.terminal = body.origin();
      set_total(event, body.sale().total_minor(), body.sale().currency(), body.sale().exponent());
    }
  } else if (envelope.kind == mesh::Kind::void_sale) {
    v1::Void body;
    if (body.ParseFromString(envelope.body)) {
      set_total(event, body.total_minor(), body.currency(), body.exponent());
    }
  }
  return event;
}

StockEvent stock_event(const crdt::StockChange& change, const mesh::EntryId& cause,
                       std::int64_t low_stock_units) {
  return {change.product, change.before, change.after, low_stock_units, cause};
}

std::string event_json(const Event& event, WallTime time) {
  return std::visit([&](const auto& typed) { return write(typed, time); }, event);
}

void EventHub::publish(const Event& event, WallTime time) {
  if (subscribers_.empty()) return;
  const auto text = std::make_shared<const std::string>(event_json(event, time));
  // A subscriber that is cut off leaves the set while it is told.
  for (auto at = subscribers_.begin(); at != subscribers_.end();) {
    Subscriber* subscriber = *at++;
    subscriber->on_event(text);
  }
}

}  // namespace titan::pos
