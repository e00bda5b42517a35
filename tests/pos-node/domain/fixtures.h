// Products, requests and entries for the tests of the sale rules.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "pos-node/domain/sale_builder.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/check_digits.h"
#include "retail/text.h"

namespace titan::pos::test {

class MapCatalogue : public Catalogue {
 public:
  Result<ProductPointer> product(std::string_view sku) override {
    const auto at = by_sku.find(sku);
    return at == by_sku.end() ? ProductPointer() : at->second;
  }
  Result<std::vector<ProductPointer>> products_by_gtin(std::string_view gtin) override {
    std::vector<ProductPointer> found;
    for (const auto& [sku, product] : by_sku) {
      const auto& known = product->gtins();
      const bool has_it = std::any_of(known.begin(), known.end(), [&](const std::string& code) {
        return code_key(code) == code_key(gtin);
      });
      if (has_it) found.push_back(product);
    }
    return found;
  }
  Product& add(const std::string& sku, const std::string& price) {
    auto product = std::make_shared<Product>();
    product->set_sku(sku);
    product->set_description("article " + sku);
    product->set_currency("GBP");
    product->set_tax_code("S");
    product->set_tax_rate_basis_points(2000);
    product->set_tax_included(true);
    if (!price.empty()) set_price(*product->mutable_price(), parse_decimal(price).value());
    by_sku[sku] = product;
    return *product;
  }

  std::map<std::string, ProductPointer, std::less<>> by_sku;
};

struct Shop {
  Shop() {
    facts.tenant = "acme";
    facts.store = "london-1";
    facts.terminal = "till-1";
    facts.currency = "GBP";
    facts.device = *DeviceId::from_hex_text("11111111111111111111111111111111");
    facts.low_stock_units = 5'000'000;
    clock.time = {1317888900000};
    clock.utc_offset_minutes = 60;
    clock.local_date = 20111006;
    clock.quality = mesh::ClockQuality::synchronised;
  }
  RuleContext context() { return {facts, clock, catalogue}; }

  StoreFacts facts;
  ClockReading clock;
  MapCatalogue catalogue;
};

inline Decimal decimal(const char* text) {
  return parse_decimal(text).value();
}

inline LineRequest line(const std::string& sku, const char* quantity, const char* price = nullptr) {
  LineRequest request;
  request.sku = sku;
  request.quantity = decimal(quantity);
  if (price) request.charged_unit_price = decimal(price);
  return request;
}

inline SaleRequest sale_of(std::vector<LineRequest> lines) {
  SaleRequest request;
  request.key.idempotency_key = "key-1";
  request.lines = std::move(lines);
  return request;
}

inline PaymentRequest payment(const char* method, const char* amount) {
  PaymentRequest request;
  request.method = method;
  request.amount = decimal(amount);
  return request;
}

// As a journal would record it.
inline EntryPointer recorded(const mesh::EntryDraft& draft, const DeviceId& device,
                             std::uint64_t number) {
  auto entry = std::make_shared<mesh::Entry>();
  entry->envelope.id.journal = *JournalId::from_hex_text("22222222222222222222222222222222");
  entry->envelope.id.number = number;
  entry->envelope.kind = draft.kind;
  entry->envelope.device = device;
  entry->envelope.stock_effects = draft.stock_effects;
  entry->envelope.body = draft.body;
  if (draft.wants_receipt) entry->envelope.receipt = mesh::Receipt{"till-1", number};
  entry->hash = blake2b(draft.body + std::to_string(number));
  return std::make_shared<const RecordedEntry>(std::move(entry));
}

template <class Body>
Body body_of(const mesh::EntryDraft& draft) {
  Body body;
  if (!body.ParseFromString(draft.body)) throw std::runtime_error("the body cannot be read");
  return body;
}

template <class Flags>
bool has_flag(const Flags& flags, std::string_view flag) {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

}  // namespace titan::pos::test
