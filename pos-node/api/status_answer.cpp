// Status, stock, products and journals as the API shows them.
#include <sodium.h>

#include <algorithm>

#include "base/hex.h"
#include "mesh/clock/clock_hold.h"
#include "pos-node/api/answers.h"
#include "retail/stock_state.h"
#include "retail/tax.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

std::string base64(BytesView bytes) {
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.pop_back();  // the terminating zero
  return text;
}

// Thousandths as a JSON number: 1234 -> 1.234.
std::string thousandths(std::int64_t value) {
  return to_short_text(value, 3);
}

// A time that was never set is null: nobody was in a shop in 1970.
void write_time(JsonWriter& writer, WallTime time) {
  if (time == WallTime{}) {
    writer.null();
  } else {
    writer.value(time_text(time));
  }
}

// A clock that is wrong does not know when.
void write_time_of_clock(JsonWriter& writer, WallTime time) {
  if (mesh::is_plausible(time)) {
    write_time(writer, time);
  } else {
    writer.null();
  }
}

void write_intervals(JsonWriter& writer, const crdt::IntervalSet& set) {
  writer.begin_array();
  for (const crdt::Interval& interval : set.intervals()) {
    writer.begin_array().value(interval.first).value(interval.last).end_array();
  }
  writer.end_array();
}

void write_members(JsonWriter& writer, const std::vector<MemberReport>& members) {
  writer.key("members").begin_array();
  for (const MemberReport& member : members) {
    writer.begin_object()
        .member("terminal", member.terminal)
        .member("process", member.process.hex())
        .member("device", member.device.hex())
        .member("state", to_string(member.state));
    writer.key("addresses").begin_array();
    for (const std::string& address : member.addresses) writer.value(address);
    writer.end_array().member("linked", member.linked).key("round_trip_ms");
    if (member.round_trip) {
      writer.raw(thousandths(member.round_trip->count()));
    } else {
      writer.null();
    }
    writer.key("clock_skew_ms");
    if (member.clock_skew_ms) {
      writer.value(*member.clock_skew_ms);
    } else {
      writer.null();
    }
    writer.member("self", member.self).member("may_lead", member.may_lead).end_object();
  }
  writer.end_array();
}

void write_leader(JsonWriter& writer, const std::optional<LeaderReport>& leader) {
  writer.key("leader");
  if (!leader) {
    writer.null();
    return;
  }
  writer.begin_object()
      .member("terminal", leader->terminal)
      .member("process", leader->process.hex())
      .member("device", leader->device.hex())
      .member("term", leader->term)
      .end_object();
}

void write_vector(JsonWriter& writer, const StatusReport& status) {
  writer.key("vector").begin_object();
  writer.member("root", status.vector_root).member("entries", status.entries);
  writer.key("journals").begin_array();
  for (const JournalReport& journal : status.journals) {
    writer.begin_object()
        .member("journal", journal.journal.hex())
        .member("device", journal.device.hex())
        .key("stored");
    write_intervals(writer, journal.stored);
    writer.end_object();
  }
  writer.end_array().end_object();
  char digest[17];
  std::snprintf(digest, sizeof digest, "%016llx",
                static_cast<unsigned long long>(status.stock_digest));
  writer.member("stock_digest", digest);
}

void write_duties(JsonWriter& writer, const StatusReport& status) {
  writer.member("pending_uploads", status.pending_uploads).key("watermark");
  if (status.watermark) {
    writer.begin_object()
        .member("epoch", status.watermark->epoch)
        .member("sequence", status.watermark->sequence)
        .end_object();
  } else {
    writer.null();
  }
  writer.key("fold");
  if (status.fold) {
    writer.begin_object()
        .member("number", status.fold->number)
        .member("entries", status.fold->entries)
        .member("outcome", status.fold->outcome)
        .end_object();
  } else {
    writer.null();
  }
  const StoreDatabaseReport& database = status.store_database;
  writer.key("store_database")
      .begin_object()
      .member("state", database.state)
      .member("complete_to", database.complete_to)
      .member("behind", database.behind);
  writer.key("progress").raw(thousandths(database.progress_permille));
  writer.member("message", database.message).member("address", database.address).end_object();

  writer.key("uplink")
      .begin_object()
      .member("state", status.uplink.state)
      .member("message", status.uplink.message)
      .key("since");
  write_time(writer, status.uplink.since);
  writer.end_object();
}

void write_waiting(JsonWriter& writer, const std::vector<WaitingReport>& waiting) {
  writer.key("waiting_for").begin_array();
  for (const WaitingReport& wait : waiting) {
    writer.begin_object().member("what", wait.what).key("since");
    write_time_of_clock(writer, wait.since);
    writer.member("message", wait.message).end_object();
  }
  writer.end_array();
}

}  // namespace

void write_health(JsonWriter& writer, const std::vector<HealthReason>& reasons) {
  const bool cannot_sell =
      std::any_of(reasons.begin(), reasons.end(),
                  [](const HealthReason& reason) { return reason.code == "disk"; });
  writer.begin_object()
      .member("status", cannot_sell       ? "failing"
                        : reasons.empty() ? "ok"
                                          : "degraded")
      .key("reasons")
      .begin_array();
  for (const HealthReason& reason : reasons) {
    writer.begin_object()
        .member("code", reason.code)
        .member("message", reason.message)
        .key("since");
    write_time(writer, reason.since.value_or(WallTime{}));
    writer.key("terminals").begin_array();
    for (const std::string& terminal : reason.terminals) writer.value(terminal);
    writer.end_array().end_object();
  }
  writer.end_array().end_object();
}

std::string status_json(const StatusReport& status, const StoreFacts& facts) {
  JsonWriter writer(4096);
  writer.begin_object()
      .member("terminal", facts.terminal)
      .member("tenant", facts.tenant)
      .member("store", facts.store)
      .member("currency", facts.currency)
      .member("device", facts.device.hex())
      .member("process", facts.process.hex())
      .member("version", status.version)
      .key("started");
  write_time(writer, status.started);
  writer.member("role", status.role);
  write_leader(writer, status.leader);
  write_members(writer, status.members);
  write_vector(writer, status);
  write_duties(writer, status);
  writer.key("clock")
      .begin_object()
      .member("quality", to_string(status.clock_quality))
      .member("max_skew_ms", status.clock_skew_ms_max)
      .member("business_date", date_text(status.business_date))
      .member("time_zone", status.time_zone)
      .member("zone_data", status.zone_data)
      .member("zone_data_problem", status.zone_data_problem.value_or(""))
      .end_object();
  writer.key("restart_needed_for").begin_array();
  for (const std::string& key : status.restart_needed_for) writer.value(key);
  writer.end_array().key("health");
  write_health(writer, status.health);
  write_waiting(writer, status.waiting_for);
  writer.key("alarms").begin_array();
  for (const AlarmReport& alarm : status.alarms) {
    writer.begin_object().member("code", alarm.code).member("message", alarm.message).key("time");
    write_time_of_clock(writer, alarm.time);
    writer.end_object();
  }
  writer.end_array().end_object();
  return std::move(writer.text());
}

namespace {

void write_taxes(JsonWriter& writer, const std::vector<Tax>& taxes) {
  writer.key("tax_rate");
  if (taxes.size() == 1) {
    writer.value(tax_rate_text(taxes.front().rate_micropercent));
  } else {
    writer.null();
  }
  const bool exempt =
      std::all_of(taxes.begin(), taxes.end(), [](const Tax& t) { return t.exempt; });
  writer.member("tax_exempt", exempt).key("taxes").begin_array();
  for (const Tax& tax : taxes) {
    writer.begin_object()
        .member("code", tax.code)
        .member("rate", tax_rate_text(tax.rate_micropercent))
        .member("exempt", tax.exempt)
        .end_object();
  }
  writer.end_array();
}

}  // namespace

void write_product(JsonWriter& writer, const Product& product) {
  writer.begin_object().member("sku", product.sku()).key("gtins").begin_array();
  for (const std::string& gtin : product.gtins()) writer.value(gtin);
  writer.end_array()
      .member("description", product.description())
      .member("brand", product.brand())
      .member("category", product.category())
      .key("price");
  if (product.has_price()) {
    writer.value(
        to_text(product.price().amount(), std::min(product.price().exponent(), decimal_scale_max)));
  } else {
    writer.null();
  }
  writer.member("currency", product.currency())
      .member("unit", product.unit())
      .member("tax_code", product.tax_code())
      .member("tax_rate_basis_points", product.tax_rate_basis_points())
      .member("tax_included", product.tax_included())
      .member("delisted", product.delisted())
      .member("price_version", product.price_version())
      .key("low_stock");
  if (product.has_low_stock_micro()) {
    writer.value(quantity_text(product.low_stock_micro()));
  } else {
    writer.null();
  }
  write_taxes(writer, taxes_of(product));
  writer.end_object();
}

void write_stock(JsonWriter& writer, std::string_view sku, const crdt::StockSum& sum,
                 std::int64_t low_stock_units) {
  const std::int64_t on_hand = sum.on_hand();
  writer.begin_object()
      .member("sku", sku)
      .member("on_hand", quantity_text(on_hand))
      .member("state", to_string(stock_state(on_hand, low_stock_units)))
      .member("display", stock_display(on_hand))
      .member("added", quantity_text(static_cast<std::int64_t>(sum.added)))
      .member("removed", quantity_text(static_cast<std::int64_t>(sum.removed)))
      .end_object();
}

std::string journals_json(const std::vector<JournalSummary>& journals) {
  JsonWriter writer;
  writer.begin_object().key("journals").begin_array();
  for (const JournalSummary& journal : journals) {
    writer.begin_object()
        .member("journal", journal.journal.hex())
        .member("device", journal.device.hex())
        .member("terminal", journal.terminal)
        .key("stored");
    write_intervals(writer, journal.stored);
    writer.member("own", journal.own).end_object();
  }
  writer.end_array().end_object();
  return std::move(writer.text());
}

std::string journal_page_json(const JournalId& journal, const JournalPage& page) {
  JsonWriter writer(4096);
  writer.begin_object()
      .member("journal", journal.hex())
      .member("device", page.device.hex())
      .key("entries")
      .begin_array();
  for (const EntryPointer& entry : page.entries) {
    const mesh::Envelope& envelope = entry->envelope;
    writer.begin_object()
        .member("number", envelope.id.number)
        .member("hash", entry->hash.hex())
        .member("previous_hash",
                envelope.previous_hash.is_none() ? "" : envelope.previous_hash.hex())
        .member("kind", static_cast<std::uint32_t>(envelope.kind))
        .member("kind_name", kind_name(envelope.kind))
        .member("time", time_text(envelope.time, envelope.utc_offset_minutes))
        .key("receipt");
    if (envelope.receipt) {
      writer.value(mesh::receipt_text(*envelope.receipt, journal));
    } else {
      writer.null();
    }
    writer.key("stock_effects").begin_array();
    for (const auto& effect : envelope.stock_effects) {
      writer.begin_object()
          .member("product", effect.product)
          .member("added", quantity_text(static_cast<std::int64_t>(effect.added)))
          .member("removed", quantity_text(static_cast<std::int64_t>(effect.removed)))
          .end_object();
    }
    writer.end_array().member("bytes_base64", base64(entry->entry().bytes)).end_object();
  }
  writer.end_array().key("next");
  if (page.next != 0) {
    writer.value(page.next);
  } else {
    writer.null();
  }
  writer.end_object();
  return std::move(writer.text());
}

std::string error_json(const Error& error) {
  JsonWriter writer(256);
  writer.begin_object()
      .key("error")
      .begin_object()
      .member("code", to_string(error.code))
      .member("field", error.field)
      .member("message", error.message)
      .end_object()
      .end_object();
  return std::move(writer.text());
}

}  // namespace titan::pos
