#include "uplink/postgres/entry_rows.h"

#include <algorithm>

#include "mesh/clock/known_dates.h"
#include "mesh/wire/fold.h"
#include "mesh/wire/product_list.h"
#include "proto/entry.pb.h"
#include "retail/settlement.h"

namespace titan::uplink {

namespace {

namespace pb = titan::entry::v1;

constexpr std::uint32_t decimal_places_max = 18;  // more cannot be written in 64 bits

class BodyReader {
 public:
  explicit BodyReader(BytesView body) : body_(body) {}

  template <class Message>
  Message parse(const char* what) {
    Message message;
    if (!message.ParseFromArray(body_.data(), static_cast<int>(body_.size()))) {
      fail(std::string("its body is not ") + what);
    }
    return message;
  }
  void fail(std::string reason) {
    if (!error_) error_ = make_error(ErrorCode::corrupt, std::move(reason));
  }
  std::uint32_t places(std::uint32_t value, const char* field) {
    if (value > decimal_places_max) {
      fail(std::string(field) + " has " + std::to_string(value) + " decimal places");
    }
    return value;
  }
  void add(std::int64_t& sum, std::int64_t value, const char* field) {
    if (__builtin_add_overflow(sum, value, &sum)) {
      fail(std::string("the sum of ") + field + " is beyond 64 bits");
    }
  }
  std::optional<Error> error_;

 private:
  BytesView body_;
};

template <class Texts>
std::vector<std::string> texts_of(const Texts& texts) {
  return {texts.begin(), texts.end()};
}

PriceValue price_of(BodyReader& reader, const pb::Price& in, const char* field) {
  return {in.amount(), reader.places(in.exponent(), field)};
}

SaleItemRow item_of(BodyReader& reader, const pb::Line& in, const retail::LineMoney& money) {
  SaleItemRow row;
  row.sku = in.sku();
  row.gtin = in.gtin_scanned();
  row.description = in.description();
  row.quantity = in.quantity().value();
  row.quantity_scale = reader.places(in.quantity().scale(), "a quantity");
  row.unit = in.quantity().unit();
  row.list_price = price_of(reader, in.list_unit_price(), "a list price");
  row.charged_price = price_of(reader, in.charged_unit_price(), "a charged price");
  for (const auto& discount : in.discounts()) {
    reader.add(row.discount_minor, discount.amount_minor(), "a line's discounts");
  }
  row.tax_code = in.tax_code();
  row.tax_rate_basis_points = in.tax_rate_basis_points();
  row.tax_included = in.tax_included();
  row.tax_minor = in.tax_minor();
  row.total_minor = in.total_minor();
  row.paid_minor = money.paid_minor;
  row.sale_discount_minor = money.sale_discount_minor;
  for (const auto& tax : in.taxes()) {
    row.taxes.push_back({tax.code(), tax.rate_micropercent(), tax.exempt(), tax.tax_minor()});
  }
  row.flags = texts_of(in.flags());
  return row;
}

SaleRow sale_of(BodyReader& reader, const pb::Sale& in, const char* kind) {
  SaleRow row;
  row.kind = kind;
  row.currency = in.currency();
  row.exponent = reader.places(in.exponent(), "the currency");
  row.total_minor = in.total_minor();
  row.tax_minor = in.tax_minor();
  row.rounding_minor = in.rounding_minor();
  row.cashier = in.cashier();
  row.customer_token = in.customer_token();
  row.training = in.training();
  row.flags = texts_of(in.flags());
  std::int64_t sum = 0;
  const auto money = retail::lines_money(in);
  for (const auto& line : in.lines()) {
    row.items.push_back(item_of(reader, line, money[row.items.size()]));
    reader.add(sum, line.total_minor(), "the lines' totals");
  }
  std::int64_t paid = 0;
  for (const auto& payment : in.payments()) {
    reader.add(paid, payment.amount_minor(), "the payments");
    row.payments.push_back({payment.method(), payment.currency(), payment.reference(),
                            reader.places(payment.exponent(), "a payment's currency"),
                            payment.amount_minor(), payment.change_minor()});
  }
  return row;
}

void set_original(BodyReader& reader, SaleRow& row, const pb::EntryReference& in) {
  if (in.journal().empty()) return;
  const auto journal = JournalId::from_bytes(in.journal());
  if (!journal || in.number() > mesh::entry_number_max) {
    reader.fail("the entry it refers to has no possible name");
    return;
  }
  row.original = mesh::EntryId{*journal, in.number()};
  row.original_hash = Hash::from_bytes(in.hash()).value_or(Hash{});
}

SaleRow refund_of(BodyReader& reader) {
  const auto refund = reader.parse<pb::Refund>("a refund");
  SaleRow row = sale_of(reader, refund.sale(), "refund");
  row.reason = refund.reason();
  for (std::size_t i = 0; i < row.items.size(); ++i) {
    if (i >= static_cast<std::size_t>(refund.original_lines_size())) break;
    row.items[i].original_line = refund.original_lines(static_cast<int>(i));
  }
  set_original(reader, row, refund.original());
  return row;
}

SaleRow void_of(BodyReader& reader) {
  const auto voided = reader.parse<pb::Void>("a void");
  SaleRow row;
  row.kind = "void";
  row.currency = voided.currency();
  row.exponent = reader.places(voided.exponent(), "the currency");
  row.total_minor = voided.total_minor();
  row.cashier = voided.cashier();
  row.reason = voided.reason();
  set_original(reader, row, voided.original());
  return row;
}

SaleRow former_sale_of(BodyReader& reader) {
  const auto history = reader.parse<pb::History>("a sale of the former system");
  SaleRow row = sale_of(reader, history.sale(), "history");
  row.former = FormerSale{history.origin(),
                          history.id(),
                          history.receipt(),
                          history.utc_ms(),
                          history.utc_offset_minutes(),
                          history.was_sent(),
                          history.was_voided(),
                          history.move_in()};
  return row;
}

std::string json_text(const std::string& text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string taxes_json(const pb::Product& in) {
  std::string list;
  for (const auto& tax : in.taxes()) {
    list += (list.empty() ? "" : ",") + std::string("{\"code\":") + json_text(tax.code()) +
            ",\"rate_micropercent\":" + std::to_string(tax.rate_micropercent()) +
            ",\"exempt\":" + (tax.exempt() ? "true" : "false") + "}";
  }
  return "[" + list + "]";
}

ProductRow product_of(BodyReader& reader, const pb::Product& in) {
  ProductRow row;
  row.sku = in.sku();
  if (row.sku.empty()) reader.fail("a product without sku");
  row.gtins = texts_of(in.gtins());
  row.description = in.description();
  row.brand = in.brand();
  row.price = price_of(reader, in.price(), "a price");
  row.currency = in.currency();
  row.unit = in.unit();
  row.tax_code = in.tax_code();
  row.tax_rate_basis_points = in.tax_rate_basis_points();
  row.tax_included = in.tax_included();
  row.delisted = in.delisted();
  row.price_version = in.price_version();
  if (in.has_low_stock_micro()) row.low_stock_micro = in.low_stock_micro();
  row.has_price = in.has_price();
  row.taxes = taxes_json(in);
  row.category = in.category();
  row.clears_override = in.clears_override();
  return row;
}

std::vector<ProductRow> products_of(BodyReader& reader) {
  std::vector<ProductRow> rows;
  const auto products = reader.parse<pb::Products>("a list of products");
  for (const auto& product : products.products()) rows.push_back(product_of(reader, product));
  return rows;
}

// Sorted, since the wire's map has no order.
std::vector<std::pair<std::string, std::string>> settings_of(BodyReader& reader) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto settings = reader.parse<pb::Settings>("a list of settings");
  for (const auto& [key, value] : settings.values()) rows.emplace_back(key, value);
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<UserRow> users_of(BodyReader& reader) {
  std::vector<UserRow> rows;
  const auto users = reader.parse<pb::Users>("a list of users");
  for (const auto& user : users.users()) {
    rows.push_back({user.id(), user.display(), user.role(), user.pin_hash(), user.disabled()});
  }
  return rows;
}

}  // namespace

Result<ProductRow> product_row(BytesView serialised) {
  BodyReader reader(serialised);
  const auto product = reader.parse<pb::Product>("a product");
  ProductRow row = product_of(reader, product);
  if (reader.error_) return *reader.error_;
  return row;
}

Result<EntryRows> rows_of(const mesh::Entry& entry) {
  BodyReader reader(entry.envelope.body);
  EntryRows rows;
  switch (entry.envelope.kind) {
    case mesh::Kind::sale:
      rows.sale = sale_of(reader, reader.parse<pb::Sale>("a sale"), "sale");
      break;
    case mesh::Kind::refund:
      rows.sale = refund_of(reader);
      break;
    case mesh::Kind::void_sale:
      rows.sale = void_of(reader);
      break;
    case mesh::Kind::history:
      rows.sale = former_sale_of(reader);
      break;
    case mesh::Kind::history_withdrawn:
      rows.withdrawn_move_in =
          reader.parse<pb::HistoryWithdrawn>("a move-in that is undone").move_in();
      break;
    case mesh::Kind::delivery:
    case mesh::Kind::adjustment:
    case mesh::Kind::transfer_out:
    case mesh::Kind::transfer_in:
    case mesh::Kind::opening_stock:
      (void)reader.parse<pb::StockMovement>("a movement of stock");
      break;
    case mesh::Kind::product:
      rows.products = products_of(reader);
      break;
    case mesh::Kind::product_list_part:
      if (!mesh::parse_list_part(entry.envelope.body)) reader.fail("its body is no part of a list");
      break;
    case mesh::Kind::product_list:
      if (!mesh::parse_list_head(entry.envelope.body)) reader.fail("its body is no product list");
      break;
    case mesh::Kind::fold:
      if (!mesh::parse_fold(entry.envelope.body)) reader.fail("its body is no fold");
      break;
    case mesh::Kind::setting:
      rows.settings = settings_of(reader);
      break;
    case mesh::Kind::user:
      rows.users = users_of(reader);
      break;
    default:
      break;
  }
  if (reader.error_) return *reader.error_;
  return rows;
}

std::string reason_of(mesh::Kind kind) {
  switch (kind) {
    case mesh::Kind::sale:
      return "SALE";
    case mesh::Kind::refund:
      return "REFUND";
    case mesh::Kind::void_sale:
      return "VOID";
    case mesh::Kind::delivery:
      return "DELIVERY";
    case mesh::Kind::adjustment:
      return "ADJUSTMENT";
    case mesh::Kind::transfer_out:
      return "TRANSFER_OUT";
    case mesh::Kind::transfer_in:
      return "TRANSFER_IN";
    case mesh::Kind::opening_stock:
      return "OPENING";
    case mesh::Kind::history_withdrawn:
      return "WITHDRAWN";
    default:
      return "KIND_" + std::to_string(static_cast<std::uint32_t>(kind));
  }
}

std::uint32_t date_of(const mesh::Envelope& envelope) {
  // Neither the year 0 nor 30 February exist for PostgreSQL; the day in the shop stands in.
  if (mesh::is_calendar_date(envelope.business_date)) return envelope.business_date;
  return mesh::date_of_clock(envelope);
}

}  // namespace titan::uplink
