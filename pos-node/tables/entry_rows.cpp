#include "pos-node/tables/entry_rows.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <utility>

#include "retail/settlement.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;
using retail::Decimal;

std::int64_t negated(std::int64_t value) {
  return value == std::numeric_limits<std::int64_t>::min()
             ? std::numeric_limits<std::int64_t>::max()
             : -value;
}

std::int64_t rate_of(const v1::Line& line) {
  if (line.taxes_size() == 0) return std::int64_t{line.tax_rate_basis_points()} * 10'000;
  std::int64_t rate = 0;
  for (const v1::LineTax& tax : line.taxes()) rate += tax.rate_micropercent();
  return rate;
}

// Exponents come from entries that anybody may have written.
std::uint32_t digits_of(std::uint32_t exponent) {
  return std::min(exponent, retail::rate_scale_max);
}

std::int64_t minor_of(const v1::Price& price, std::uint32_t exponent) {
  return retail::rescale_rounded(price.amount(), digits_of(price.exponent()), digits_of(exponent))
      .value_or(0);
}

std::int64_t minor_of(const v1::Payment& payment, const v1::Sale& sale) {
  const Decimal amount{payment.amount_minor(), digits_of(payment.exponent())};
  if (!payment.has_rate()) {
    return retail::rescale_rounded(amount.value, amount.scale, digits_of(sale.exponent()))
        .value_or(payment.amount_minor());
  }
  const Decimal rate{payment.rate().amount(), digits_of(payment.rate().exponent())};
  return retail::multiply_rounded(amount, rate, digits_of(sale.exponent())).value_or(0);
}

// Of a SALE, REFUND or HISTORY.
struct Body {
  v1::Sale sale;
  bool is_refund = false;
  std::optional<v1::History> history;
};

std::optional<Body> body_of(const mesh::Entry& entry) {
  Body body;
  const Bytes& bytes = entry.envelope.body;
  if (entry.envelope.kind == mesh::Kind::sale) {
    if (!body.sale.ParseFromString(bytes)) return std::nullopt;
    return body;
  }
  if (entry.envelope.kind == mesh::Kind::refund) {
    v1::Refund refund;
    if (!refund.ParseFromString(bytes)) return std::nullopt;
    body.sale = std::move(*refund.mutable_sale());
    body.is_refund = true;
    return body;
  }
  if (entry.envelope.kind == mesh::Kind::history) {
    body.history.emplace();
    if (!body.history->ParseFromString(bytes)) return std::nullopt;
    body.sale = std::move(*body.history->mutable_sale());
    return body;
  }
  return std::nullopt;
}

void turn_round(SaleRows& rows) {
  rows.total_minor = negated(rows.total_minor);
  rows.tax_minor = negated(rows.tax_minor);
  for (ItemRow& item : rows.items) {
    item.quantity.value = negated(item.quantity.value);
    item.total_minor = negated(item.total_minor);
  }
  for (PaymentRow& payment : rows.payments) {
    payment.amount_minor = negated(payment.amount_minor);
    payment.change_minor = negated(payment.change_minor);
  }
}

void add_lines(SaleRows& rows, const v1::Sale& sale) {
  const std::vector<retail::LineMoney> money = retail::lines_money(sale);
  for (int i = 0; i < sale.lines_size(); ++i) {
    const v1::Line& line = sale.lines(i);
    ItemRow& item = rows.items.emplace_back();
    item.sku = line.sku();
    item.name = line.description();
    item.quantity = {line.quantity().value(), digits_of(line.quantity().scale())};
    item.unit_price_minor = minor_of(line.charged_unit_price(), sale.exponent());
    item.rate_micropercent = rate_of(line);
    item.total_minor = money[static_cast<std::size_t>(i)].paid_minor;
  }
  for (const v1::Payment& payment : sale.payments()) {
    rows.payments.push_back({payment.method(), minor_of(payment, sale), payment.change_minor()});
  }
}

const char* reason_of(mesh::Kind kind) {
  switch (kind) {
    case mesh::Kind::sale:
    case mesh::Kind::refund:
      return "SALE";
    case mesh::Kind::void_sale:
      return "VOID";
    case mesh::Kind::delivery:
      return "DELIVERY";
    case mesh::Kind::transfer_out:
      return "TRANSFER_OUT";
    case mesh::Kind::transfer_in:
      return "TRANSFER_IN";
    default:  // opening stock, a withdrawn move-in, kinds of later versions
      return "ADJUSTMENT";
  }
}

}  // namespace

std::optional<SaleRows> sale_rows(const mesh::Entry& entry) {
  const auto body = body_of(entry);
  if (!body || body->sale.training()) return std::nullopt;
  const mesh::Envelope& envelope = entry.envelope;
  SaleRows rows;
  rows.cashier = body->sale.cashier();
  rows.currency = body->sale.currency();
  rows.total_minor = body->sale.total_minor();
  rows.tax_minor = body->sale.tax_minor();
  rows.utc_ms = envelope.time.utc_ms;
  if (envelope.receipt) {
    rows.receipt = mesh::receipt_text(*envelope.receipt, envelope.id.journal);
    rows.terminal = envelope.receipt->terminal;
  }
  if (body->history) {
    rows.receipt = body->history->receipt();
    rows.terminal = body->history->origin();
    rows.utc_ms = body->history->utc_ms();
  }
  add_lines(rows, body->sale);
  if (body->is_refund) turn_round(rows);
  return rows;
}

std::optional<FormerSale> former_sale(const mesh::Entry& entry) {
  if (entry.envelope.kind != mesh::Kind::history) return std::nullopt;
  v1::History body;
  if (!body.ParseFromString(entry.envelope.body)) return std::nullopt;
  return FormerSale{body.id(), body.origin(), body.move_in(), body.was_sent(), body.was_voided()};
}

std::optional<Bytes> withdrawn_move_in(const mesh::Entry& entry) {
  if (entry.envelope.kind != mesh::Kind::history_withdrawn) return std::nullopt;
  v1::HistoryWithdrawn body;
  if (!body.ParseFromString(entry.envelope.body)) return std::nullopt;
  return body.move_in();
}

std::optional<v1::Sale> sold_in(const mesh::Entry& entry) {
  auto body = body_of(entry);
  if (!body || body->is_refund) return std::nullopt;
  return std::move(body->sale);
}

std::optional<mesh::EntryId> named_original(const mesh::Entry& entry) {
  v1::EntryReference original;
  if (entry.envelope.kind == mesh::Kind::refund) {
    v1::Refund body;
    if (!body.ParseFromString(entry.envelope.body)) return std::nullopt;
    original = body.original();
  } else if (entry.envelope.kind == mesh::Kind::void_sale) {
    v1::Void body;
    if (!body.ParseFromString(entry.envelope.body)) return std::nullopt;
    original = body.original();
  }
  const auto journal = JournalId::from_bytes(original.journal());
  if (!journal) return std::nullopt;
  return mesh::EntryId{*journal, original.number()};
}

DeltaRows delta_rows(const mesh::Entry& entry) {
  DeltaRows rows;
  rows.reason = reason_of(entry.envelope.kind);
  rows.effects = entry.envelope.stock_effects;
  switch (entry.envelope.kind) {
    case mesh::Kind::sale:
    case mesh::Kind::refund:
      return rows;
    case mesh::Kind::void_sale:
      if (const auto original = named_original(entry)) rows.reference = entry_text(*original);
      return rows;
    default: {
      v1::StockMovement body;
      const bool is_movement = entry.envelope.kind >= mesh::Kind::delivery &&
                               entry.envelope.kind <= mesh::Kind::opening_stock;
      if (is_movement && body.ParseFromString(entry.envelope.body))
        rows.reference = body.document();
      return rows;
    }
  }
}

std::string utc_text(std::int64_t utc_ms) {
  namespace chrono = std::chrono;
  constexpr std::int64_t first = -62'135'596'800'000;  // the year 1
  constexpr std::int64_t last = 253'402'300'799'000;   // the end of 9999
  const chrono::sys_time<chrono::milliseconds> time{
      chrono::milliseconds(std::clamp(utc_ms, first, last))};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(chrono::floor<chrono::seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string entry_text(const mesh::EntryId& id) {
  return id.journal.hex() + ":" + std::to_string(id.number);
}

}  // namespace titan::pos
