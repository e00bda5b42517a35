// An entry as the API shows it: sales, refunds, voids, stock movements.
#include <algorithm>
#include <map>
#include <tuple>

#include "base/hex.h"
#include "base/overloaded.h"
#include "mesh/journal/idempotency.h"
#include "pos-node/api/answers.h"
#include "pos-node/domain/returned_lines.h"
#include "pos-node/domain/sale_builder.h"
#include "proto/entry.pb.h"
#include "retail/entry_flags.h"
#include "retail/settlement.h"
#include "retail/stock_state.h"
#include "retail/tax.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

// A body from another terminal may claim any scale; figures are only shown, never computed with.
std::string amount_text(std::int64_t minor, std::uint32_t exponent) {
  return to_text(minor, std::min(exponent, rate_scale_max));
}
std::string price_text(const v1::Price& price) {
  return amount_text(price.amount(), price.exponent());
}
std::string quantity_of(const v1::Quantity& quantity) {
  return amount_text(quantity.value(), quantity.scale());
}

template <class Flags>
void write_flags(JsonWriter& writer, const Flags& flags) {
  writer.key("flags").begin_array();
  for (const auto& flag : flags) writer.value(flag);
  writer.end_array();
}

// What the envelope says of its clock stands behind the flags of the sale.
void write_flags(JsonWriter& writer, const v1::Sale& sale, const mesh::Envelope& envelope) {
  writer.key("flags").begin_array();
  for (const std::string& flag : sale.flags()) writer.value(flag);
  for (const std::string_view flag : envelope_flags(envelope)) writer.value(flag);
  writer.end_array();
}

template <class Discounts>
void write_discounts(JsonWriter& writer, const Discounts& discounts, std::uint32_t exponent) {
  writer.key("discounts").begin_array();
  for (const v1::Discount& discount : discounts) {
    writer.begin_object().member("amount", amount_text(discount.amount_minor(), exponent));
    writer.member("reason", discount.reason());
    writer.member("promotion_id", discount.promotion_id()).end_object();
  }
  writer.end_array();
}

// One way to tell the taxes, whichever form the entry has.
void write_taxes(JsonWriter& writer, const v1::Line& line, const LineMoney& money,
                 std::uint32_t exponent) {
  writer.key("taxes").begin_array();
  const auto taxes = taxes_of(line);
  for (std::size_t i = 0; i < taxes.size(); ++i) {
    const std::int64_t amount = i < money.taxes_minor.size() ? money.taxes_minor[i] : 0;
    writer.begin_object()
        .member("code", taxes[i].code)
        .member("rate", tax_rate_text(taxes[i].rate_micropercent))
        .member("exempt", taxes[i].exempt)
        .member("tax", amount_text(amount, exponent))
        .end_object();
  }
  writer.end_array();
}

void write_line(JsonWriter& writer, const v1::Line& line, const LineMoney& money,
                std::uint32_t exponent) {
  writer.begin_object()
      .member("sku", line.sku())
      .member("gtin", line.gtin_scanned())
      .member("description", line.description())
      .member("quantity", quantity_of(line.quantity()))
      .member("unit", line.quantity().unit())
      .member("list_unit_price", price_text(line.list_unit_price()))
      .member("charged_unit_price", price_text(line.charged_unit_price()))
      .member("price_version", line.price_version());
  write_discounts(writer, line.discounts(), exponent);
  writer.member("tax_code", line.tax_code())
      .member("tax_rate_basis_points", line.tax_rate_basis_points())
      .member("tax_included", line.tax_included())
      .member("tax", amount_text(line.tax_minor(), exponent))
      .member("total", amount_text(line.total_minor(), exponent))
      .member("sale_discount", amount_text(money.sale_discount_minor, exponent))
      .member("paid", amount_text(money.paid_minor, exponent));
  write_taxes(writer, line, money, exponent);
  write_flags(writer, line.flags());
  if (line.has_scan()) {
    writer.key("scan");
    write_scan(writer, line.scan());
  }
  writer.end_object();
}

void write_payments(JsonWriter& writer, const v1::Sale& sale) {
  writer.key("payments").begin_array();
  for (const v1::Payment& payment : sale.payments()) {
    writer.begin_object()
        .member("method", payment.method())
        .member("amount", amount_text(payment.amount_minor(), payment.exponent()))
        .member("currency", payment.currency());
    if (payment.has_rate()) writer.member("rate", price_text(payment.rate()));
    writer.member("change", amount_text(payment.change_minor(), sale.exponent()))
        .member("reference", payment.reference())
        .end_object();
  }
  writer.end_array();
}

// As a receipt prints it: what was sold under each rate, without the tax, and the tax.
void write_tax_summary(JsonWriter& writer, const v1::Sale& sale,
                       const std::vector<LineMoney>& money) {
  struct Sums {
    std::int64_t net_minor = 0;
    std::int64_t tax_minor = 0;
  };
  std::map<std::tuple<std::string, std::uint32_t, bool>, Sums> by_rate;
  for (int i = 0; i < sale.lines_size(); ++i) {
    const v1::Line& line = sale.lines(i);
    const LineMoney& amounts = money[static_cast<std::size_t>(i)];
    // Before cash rounding, which is not taxed.
    const std::int64_t with_tax =
        saturated_difference(amounts.total_minor, amounts.sale_discount_minor);
    const auto taxes = taxes_of(line);
    for (std::size_t tax = 0; tax < taxes.size(); ++tax) {
      Sums& sums = by_rate[{taxes[tax].code, taxes[tax].rate_micropercent, taxes[tax].exempt}];
      sums.net_minor =
          saturated_sum(sums.net_minor, saturated_difference(with_tax, line.tax_minor()));
      if (tax < amounts.taxes_minor.size()) {
        sums.tax_minor = saturated_sum(sums.tax_minor, amounts.taxes_minor[tax]);
      }
    }
  }
  writer.key("taxes").begin_array();
  for (const auto& [rate, sums] : by_rate) {
    writer.begin_object()
        .member("code", std::get<0>(rate))
        .member("rate", tax_rate_text(std::get<1>(rate)))
        .member("exempt", std::get<2>(rate))
        .member("net", amount_text(sums.net_minor, sale.exponent()))
        .member("tax", amount_text(sums.tax_minor, sale.exponent()))
        .end_object();
  }
  writer.end_array();
}

void write_body(JsonWriter& writer, const v1::Sale& sale, const mesh::Envelope& envelope) {
  const std::uint32_t exponent = sale.exponent();
  std::int64_t change = 0;
  for (const v1::Payment& payment : sale.payments()) {
    if (!add_checked(change, payment.change_minor())) break;
  }
  writer.member("total", amount_text(sale.total_minor(), exponent))
      .member("tax", amount_text(sale.tax_minor(), exponent))
      .member("change", amount_text(change, exponent))
      .member("rounding", amount_text(sale.rounding_minor(), exponent))
      .member("currency", sale.currency())
      .member("cashier", sale.cashier())
      .member("customer_token", sale.customer_token())
      .member("training", sale.training());
  write_flags(writer, sale, envelope);
  writer.key("lines").begin_array();
  const auto money = lines_money(sale);
  for (int i = 0; i < sale.lines_size(); ++i) {
    write_line(writer, sale.lines(i), money[static_cast<std::size_t>(i)], exponent);
  }
  writer.end_array();
  write_tax_summary(writer, sale, money);
  write_discounts(writer, sale.discounts(), exponent);
  write_payments(writer, sale);
}

std::string reference_text(const v1::EntryReference& reference) {
  const auto journal = JournalId::from_bytes(reference.journal());
  return journal ? id_text({*journal, reference.number()}) : std::string();
}

void write_body(JsonWriter& writer, const v1::Refund& refund, const mesh::Envelope& envelope) {
  writer.key("original");
  if (refund.has_original()) {
    writer.begin_object().member("id", reference_text(refund.original())).key("lines");
    writer.begin_array();
    for (const std::uint32_t line : refund.original_lines()) writer.value(line);
    writer.end_array().end_object();
  } else {
    writer.null();
  }
  writer.member("reason", refund.reason());
  write_body(writer, refund.sale(), envelope);
}

void write_body(JsonWriter& writer, const v1::History& body, const mesh::Envelope& envelope) {
  writer.key("history").begin_object();
  writer.member("terminal", body.origin())
      .member("id", body.id())
      .member("receipt", body.receipt())
      .member("time", time_text(WallTime{body.utc_ms()}, body.utc_offset_minutes()))
      .member("was_sent", body.was_sent())
      .member("was_voided", body.was_voided())
      .member("move_in", to_hex(body.move_in()))
      .end_object();
  write_body(writer, body.sale(), envelope);
}

void write_body(JsonWriter& writer, const v1::HistoryWithdrawn& body, const mesh::Envelope&) {
  writer.member("move_in", to_hex(body.move_in())).member("reason", body.reason());
}

void write_body(JsonWriter& writer, const v1::Void& body, const mesh::Envelope&) {
  writer.member("sale", reference_text(body.original()))
      .member("reason", body.reason())
      .member("cashier", body.cashier())
      .member("total", amount_text(body.total_minor(), body.exponent()))
      .member("currency", body.currency());
}

void write_body(JsonWriter& writer, const v1::StockMovement& body, const mesh::Envelope&) {
  writer.key("lines").begin_array();
  for (const v1::StockLine& line : body.lines()) {
    writer.begin_object()
        .member("sku", line.sku())
        .member("description", line.description())
        .member("quantity", quantity_of(line.quantity()))
        .member("unit", line.quantity().unit());
    write_flags(writer, line.flags());
    writer.end_object();
  }
  writer.end_array()
      .member("reason", body.reason())
      .member("document", body.document())
      .member("other_store", body.other_store())
      .member("who", body.who());
}

Status write_typed_body(JsonWriter& writer, const RecordedEntry& entry) {
  const mesh::Envelope& envelope = entry.envelope;
  return std::visit(Overloaded{
                        [](const NoBody&) { return Status{}; },
                        [&](const BadBody&) -> Status {
                          return make_error(
                              ErrorCode::corrupt,
                              "The body of entry " + id_text(envelope.id) +
                                  " cannot be read; a newer version may have written it.");
                        },
                        [&](const auto& body) {
                          write_body(writer, body, envelope);
                          return Status{};
                        },
                    },
                    entry.body());
}

// What is left to refund, in pieces and in money, by what this terminal knows.
Status write_refundable(JsonWriter& writer, const RecordedEntry& sale, Service& service) {
  const auto history = history_of(EntryPointer(std::shared_ptr<void>(), &sale), service);
  if (!history) return history.error();
  const auto settlement = settlement_of(*history);
  if (!settlement) return {};
  const v1::Sale& sold = *sold_by(sale);
  writer.key("refundable").begin_object();
  writer.member("total", amount_text(settlement->left_minor(), sold.exponent()));
  writer.key("lines").begin_array();
  for (std::size_t i = 0; i < settlement->sold().size(); ++i) {
    const LineMoney left = settlement->left(i);
    writer.begin_object()
        .member("line", static_cast<std::uint64_t>(i))
        .member("sku", sold.lines(static_cast<int>(i)).sku())
        .member("quantity", quantity_text(left.units))
        .member("amount", amount_text(left.paid_minor, sold.exponent()))
        .end_object();
  }
  writer.end_array().end_object();
  return {};
}

// Of what the former system sold: whether it is a sale of this store's figures. Head office must
// not have it already, and of the entries of its claim whose move-in stands it is the first.
Result<bool> counts_now(const RecordedEntry& entry, Service& service) {
  if (entry.envelope.kind != mesh::Kind::history) return mesh::counts(service.stock(), entry);
  const auto* body = entry.as<v1::History>();
  if (!body || body->was_sent() || body->was_voided()) return false;
  const auto claiming = service.move_ins().claiming(entry.envelope.claim);
  if (!claiming) return claiming.error();
  for (const EntryPointer& rival : *claiming) {
    const auto stands = move_in_stands(*rival, service.move_ins());
    if (!stands) return stands.error();
    if (*stands) return rival->hash == entry.hash;
  }
  return false;
}

bool has_no_flags_of_its_own(mesh::Kind kind) {
  switch (kind) {
    case mesh::Kind::void_sale:
    case mesh::Kind::delivery:
    case mesh::Kind::adjustment:
    case mesh::Kind::transfer_out:
    case mesh::Kind::transfer_in:
    case mesh::Kind::opening_stock:
    case mesh::Kind::history_withdrawn:
      return true;
    default:
      return false;
  }
}

}  // namespace

void write_scan(JsonWriter& writer, const v1::Scan& scan) {
  const auto write_date = [&](const char* name, std::uint32_t date) {
    writer.key(name);
    if (date != 0) {
      writer.value(date_text(date));
    } else {
      writer.null();
    }
  };
  writer.begin_object()
      .member("symbol", scan.symbol())
      .member("lot", scan.lot())
      .member("serial", scan.serial());
  write_date("expiry", scan.expiry());
  write_date("best_before", scan.best_before());
  writer.key("quantity");
  if (scan.has_measure()) {
    writer.value(quantity_of(scan.measure())).member("unit", scan.measure().unit());
  } else {
    writer.null().member("unit", "");
  }
  writer.key("price");
  if (scan.has_price()) {
    writer.value(price_text(scan.price()));
  } else {
    writer.null();
  }
  writer.end_object();
}

std::string kind_name(mesh::Kind kind) {
  switch (kind) {
    case mesh::Kind::unknown:
      return "unknown";
    case mesh::Kind::sale:
      return "sale";
    case mesh::Kind::refund:
      return "refund";
    case mesh::Kind::void_sale:
      return "void";
    case mesh::Kind::delivery:
      return "delivery";
    case mesh::Kind::adjustment:
      return "adjustment";
    case mesh::Kind::transfer_out:
      return "transfer_out";
    case mesh::Kind::transfer_in:
      return "transfer_in";
    case mesh::Kind::opening_stock:
      return "opening_stock";
    case mesh::Kind::product:
      return "product";
    case mesh::Kind::setting:
      return "setting";
    case mesh::Kind::user:
      return "user";
    case mesh::Kind::revocation:
      return "revocation";
    case mesh::Kind::transfer_confirmed:
      return "transfer_confirmed";
    case mesh::Kind::numbers_lost:
      return "numbers_lost";
    case mesh::Kind::certificate:
      return "certificate";
    case mesh::Kind::product_list_part:
      return "product_list_part";
    case mesh::Kind::product_list:
      return "product_list";
    case mesh::Kind::history:
      return "history";
    case mesh::Kind::history_withdrawn:
      return "history_withdrawn";
    case mesh::Kind::fold:
      return "fold";
  }
  return "kind_" + std::to_string(static_cast<std::uint32_t>(kind));
}

Result<std::string> entry_json(const RecordedEntry& entry, Service& service, EntryDetail detail) {
  const mesh::Envelope& envelope = entry.envelope;
  JsonWriter writer(2048);
  writer.begin_object()
      .member("id", id_text(envelope.id))
      .member("hash", entry.hash.hex())
      .member("kind", kind_name(envelope.kind))
      .member("time", time_text(envelope.time, envelope.utc_offset_minutes))
      .member("business_date", date_text(envelope.business_date))
      .member("clock_quality", to_string(envelope.clock_quality))
      .member("idempotency_key", envelope.idempotency_key);
  if (envelope.receipt) {
    writer.member("terminal", envelope.receipt->terminal)
        .member("receipt", mesh::receipt_text(*envelope.receipt, envelope.id.journal))
        .member("receipt_number", envelope.receipt->number)
        .member("series", envelope.id.journal.hex());
  }
  if (const auto written = write_typed_body(writer, entry); !written) return written.error();
  if (has_no_flags_of_its_own(envelope.kind)) write_flags(writer, envelope_flags(envelope));

  const mesh::Copies copies = service.copies(envelope.id);
  writer.member("copies", copies.here)
      .member("copies_away", copies.away)
      .member("in_cloud", service.in_cloud(envelope.id));
  if (!envelope.claim.is_none()) {
    const auto counting = counts_now(entry, service);
    if (!counting) return counting.error();
    writer.member("counts", *counting);
  }
  const bool can_be_voided =
      envelope.kind == mesh::Kind::sale || envelope.kind == mesh::Kind::refund;
  if (can_be_voided && detail == EntryDetail::looked_up) {
    const auto voided = service.voided_by(entry);
    if (!voided) return voided.error();
    writer.key("voided_by");
    if (*voided) {
      writer.value(id_text(**voided));
    } else {
      writer.null();
    }
  }
  if (is_sale(entry) && detail == EntryDetail::looked_up) {
    if (const auto written = write_refundable(writer, entry, service); !written) {
      return written.error();
    }
  }
  writer.end_object();
  return std::move(writer.text());
}

}  // namespace titan::pos
