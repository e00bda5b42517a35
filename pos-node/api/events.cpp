#include "pos-node/api/events.h"

#include "pos-node/api/answers.h"
#include "pos-node/json/json_writer.h"
#include "pos-node/service/status.h"
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

}  // namespace

SaleEvent sale_event(const RecordedEntry& entry, bool own) {
  const mesh::Envelope& envelope = entry.envelope;
  SaleEvent event;
  event.id = envelope.id;
  event.kind = envelope.kind;
  event.own = own;
  if (envelope.receipt) {
    event.receipt = mesh::receipt_text(*envelope.receipt, envelope.id.journal);
    event.terminal = envelope.receipt->terminal;
  }
  const auto of_sale = [&](const v1::Sale& sale) {
    set_total(event, sale.total_minor(), sale.currency(), sale.exponent());
  };
  if (envelope.kind == mesh::Kind::sale) {
    if (const auto* sale = entry.as<v1::Sale>()) of_sale(*sale);
  } else if (envelope.kind == mesh::Kind::refund) {
    if (const auto* refund = entry.as<v1::Refund>()) of_sale(refund->sale());
  } else if (envelope.kind == mesh::Kind::history) {
    if (const auto* former = entry.as<v1::History>()) {
      event.receipt = former->receipt();
      event.terminal = former->origin();
      of_sale(former->sale());
    }
  } else if (envelope.kind == mesh::Kind::void_sale) {
    if (const auto* undo = entry.as<v1::Void>()) {
      set_total(event, undo->total_minor(), undo->currency(), undo->exponent());
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
