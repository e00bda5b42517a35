#include "pos-node/api/request_reader.h"

#include "pos-node/domain/sale_rules.h"
#include "pos-node/json/member_readers.h"
#include "retail/tax.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

using Value = json::value;
using Path = FieldPath;

constexpr Field<DiscountRequest> discount_fields[] = {
    {"amount", decimal_into<&DiscountRequest::amount>},
    {"reason", text_into<&DiscountRequest::reason, description_characters_max>},
    {"promotion_id", text_into<&DiscountRequest::promotion_id, name_characters_max>},
};

std::uint32_t read_rate(const Value& v, const Path& at, Problem& p) {
  const Decimal percent = read_decimal(v, at, p);
  if (p.found()) return 0;
  const auto rate = parse_tax_rate(to_text(percent));
  if (!rate) p.report(at, "must be a rate in percent from 0 to 1000, such as \"8.875\"");
  return rate ? *rate : 0;
}

constexpr Field<Tax> tax_fields[] = {
    {"code", text_into<&Tax::code, name_characters_max>},
    {"rate", read_into<&Tax::rate_micropercent, read_rate>},
    {"exempt", read_into<&Tax::exempt, read_flag>},
};

// A quantity that is left out may stand in the symbol; one of zero is a mistake.
Decimal read_quantity_text(const Value& v, const Path& at, Problem& p) {
  const Decimal quantity = read_decimal(v, at, p);
  if (quantity.is_zero()) p.report(at, "must not be zero; leave such a line out");
  return quantity;
}

constexpr Field<LineRequest> line_fields[] = {
    {"sku", read_into<&LineRequest::sku, read_sku>},
    {"gtin", read_into<&LineRequest::gtin, read_scan_text>},
    {"description", text_into<&LineRequest::description, description_characters_max>},
    {"quantity", read_into<&LineRequest::quantity, read_quantity_text>},
    {"unit", text_into<&LineRequest::unit, name_characters_max>},
    {"list_unit_price", decimal_into<&LineRequest::list_unit_price>},
    {"charged_unit_price", decimal_into<&LineRequest::charged_unit_price>},
    {"price_version", text_into<&LineRequest::price_version, name_characters_max>},
    {"discounts", list_into<&LineRequest::discounts, discount_fields, discounts_max>},
    {"tax_code", text_into<&LineRequest::tax_code, name_characters_max>},
    {"tax_rate_basis_points",
     [](LineRequest& r, const Value& v, const Path& at, Problem& p) {
       r.tax_rate_micropercent =
           read_number(v, tax_rate_basis_points_max, at, p) * micropercent_per_basis_point;
     }},
    {"tax_rate", read_into<&LineRequest::tax_rate_micropercent, read_rate>},
    {"tax_exempt", read_into<&LineRequest::tax_exempt, read_flag>},
    {"taxes", list_into<&LineRequest::taxes, tax_fields, taxes_max>},
    {"tax_included", read_into<&LineRequest::tax_included, read_flag>},
    {"tax", decimal_into<&LineRequest::tax>},
};

constexpr Field<PaymentRequest> payment_fields[] = {
    {"method", text_into<&PaymentRequest::method, name_characters_max>},
    {"amount", decimal_into<&PaymentRequest::amount>},
    {"currency", text_into<&PaymentRequest::currency, name_characters_max>},
    {"rate", decimal_into<&PaymentRequest::rate>},
    {"change", decimal_into<&PaymentRequest::change>},
    {"reference", text_into<&PaymentRequest::reference, description_characters_max>},
};

template <class Request>
void read_key(Request& r, const Value& v, const Path& at, Problem& p) {
  std::string& key = r.key.idempotency_key;
  key = read_text(v, idempotency_key_characters_max, at, p);
  if (key.size() > mesh::idempotency_key_bytes_max) {
    p.report(at, "is longer than " + std::to_string(mesh::idempotency_key_bytes_max) + " bytes");
  }
}

void read_payments(SaleRequest& r, const Value& v, const Path& at, Problem& p) {
  read_list<PaymentRequest>(v, payment_fields, at, payments_max, r.payments.emplace(), p);
}

constexpr Field<SaleRequest> sale_fields[] = {
    {"idempotency_key", read_key<SaleRequest>},
    {"currency", text_into<&SaleRequest::currency, name_characters_max>},
    {"cashier", text_into<&SaleRequest::cashier, name_characters_max>},
    {"customer_token", text_into<&SaleRequest::customer_token, name_characters_max>},
    {"training", read_into<&SaleRequest::training, read_flag>},
    {"business_date", read_into<&SaleRequest::business_date, read_date>},
    {"lines", list_into<&SaleRequest::lines, line_fields, sale_lines_max>},
    {"payments", read_payments},
    {"discounts", list_into<&SaleRequest::discounts, discount_fields, discounts_max>},
    {"rounding", decimal_into<&SaleRequest::rounding>},
    {"total", decimal_into<&SaleRequest::total>},
};

struct OriginalRequest {
  std::optional<mesh::EntryId> id;
  std::vector<std::uint32_t> lines;
};

constexpr Field<OriginalRequest> original_fields[] = {
    {"id", read_into<&OriginalRequest::id, read_id>},
    {"lines",
     [](OriginalRequest& r, const Value& v, const Path& at, Problem& p) {
       const json::array* list = v.if_array();
       if (!list) return p.report(at, "must be a list of line numbers, counted from 0");
       if (list->size() > sale_lines_max) {
         return p.report(at, "has too many items", ErrorCode::too_large);
       }
       for (std::size_t i = 0; i < list->size(); ++i) {
         r.lines.push_back(read_number((*list)[i], sale_lines_max, Path{&at, {}, i}, p));
       }
     }},
};

void read_original(RefundRequest& r, const Value& v, const Path& at, Problem& p) {
  OriginalRequest original;
  read_object<OriginalRequest>(v, original_fields, at, original, p);
  if (!original.id) p.report(Path{&at, "id", {}}, "is missing");
  r.original = original.id;
  r.original_lines = std::move(original.lines);
}

constexpr Field<RefundRequest> refund_only_fields[] = {
    {"original", read_original},
    {"reason", text_into<&RefundRequest::reason, description_characters_max>},
};

constexpr Field<VoidRequest> void_fields[] = {
    {"idempotency_key", read_key<VoidRequest>},
    {"sale", read_into<&VoidRequest::sale, read_id>},
    {"reason", text_into<&VoidRequest::reason, description_characters_max>},
    {"cashier", text_into<&VoidRequest::cashier, name_characters_max>},
    {"business_date", read_into<&VoidRequest::business_date, read_date>},
};

constexpr Field<MovementLineRequest> movement_line_fields[] = {
    {"sku", read_into<&MovementLineRequest::sku, read_sku>},
    {"gtin", read_into<&MovementLineRequest::gtin, read_scan_text>},
    {"quantity", read_into<&MovementLineRequest::quantity, read_quantity_text>},
    {"unit", text_into<&MovementLineRequest::unit, name_characters_max>},
    {"description", text_into<&MovementLineRequest::description, description_characters_max>},
};

void read_direction(MovementRequest& r, const Value& v, const Path& at, Problem& p) {
  const std::string direction = read_text(v, name_characters_max, at, p);
  if (direction == "out") {
    r.kind = mesh::Kind::transfer_out;
  } else if (direction == "in") {
    r.kind = mesh::Kind::transfer_in;
  } else {
    p.report(at, "must be \"out\" or \"in\"");
  }
}

constexpr Field<MovementRequest> movement_fields[] = {
    {"idempotency_key", read_key<MovementRequest>},
    {"lines", list_into<&MovementRequest::lines, movement_line_fields, sale_lines_max>},
    {"reason", text_into<&MovementRequest::reason, description_characters_max>},
    {"who", text_into<&MovementRequest::who, name_characters_max>},
    {"business_date", read_into<&MovementRequest::business_date, read_date>},
};

constexpr Field<MovementRequest> document_fields[] = {
    {"document", text_into<&MovementRequest::document, name_characters_max>},
};

constexpr Field<MovementRequest> transfer_fields[] = {
    {"direction", read_direction},
    {"transfer_id", text_into<&MovementRequest::document, name_characters_max>},
    {"other_store", text_into<&MovementRequest::other_store, name_characters_max>},
};

void require_key(const RequestKey& key, Problem& problem) {
  if (!key.idempotency_key.empty()) return;
  problem.report(Path{nullptr, "idempotency_key", {}},
                 "is missing; send a text that is new for each request and the same when the "
                 "request is repeated");
}

}  // namespace

Result<SaleRequest> read_sale(const json::value& body) {
  Problem problem;
  SaleRequest request;
  read_object<SaleRequest>(body, sale_fields, {}, request, problem);
  require_key(request.key, problem);
  if (problem.found()) return problem.take();
  request.key.request_hash = canonical_hash("sale", body);
  return request;
}

Result<RefundRequest> read_refund(const json::value& body) {
  Problem problem;
  RefundRequest request;
  read_object<RefundRequest, SaleRequest>(body, refund_only_fields, request, sale_fields,
                                          request.sale, {}, problem);
  require_key(request.sale.key, problem);
  if (problem.found()) return problem.take();
  request.sale.key.request_hash = canonical_hash("refund", body);
  return request;
}

Result<VoidRequest> read_void(const json::value& body) {
  Problem problem;
  VoidRequest request;
  read_object<VoidRequest>(body, void_fields, {}, request, problem);
  require_key(request.key, problem);
  if (request.sale.number == 0) {
    problem.report(Path{nullptr, "sale", {}}, "is missing; send the id of the sale to void");
  }
  if (problem.found()) return problem.take();
  request.key.request_hash = canonical_hash("void", body);
  return request;
}

Result<MovementRequest> read_movement(const json::value& body, mesh::Kind kind) {
  Problem problem;
  MovementRequest request;
  request.kind = kind;
  read_object<MovementRequest, MovementRequest>(body, movement_fields, request, document_fields,
                                                request, {}, problem);
  require_key(request.key, problem);
  if (problem.found()) return problem.take();
  request.key.request_hash =
      canonical_hash(kind == mesh::Kind::delivery ? "delivery" : "adjustment", body);
  return request;
}

Result<MovementRequest> read_transfer(const json::value& body) {
  Problem problem;
  MovementRequest request;
  read_object<MovementRequest, MovementRequest>(body, movement_fields, request, transfer_fields,
                                                request, {}, problem);
  require_key(request.key, problem);
  if (request.kind == mesh::Kind::unknown) {
    problem.report(Path{nullptr, "direction", {}}, "is missing; \"out\" or \"in\"");
  }
  if (problem.found()) return problem.take();
  request.key.request_hash = canonical_hash("transfer", body);
  return request;
}

}  // namespace titan::pos
