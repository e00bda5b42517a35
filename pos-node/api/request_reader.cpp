#include "pos-node/api/request_reader.h"

#include "pos-node/domain/sale_rules.h"
#include "retail/tax.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

using Value = json::value;
using Path = FieldPath;

constexpr Field<DiscountRequest> discount_fields[] = {
    {"amount", [](DiscountRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.amount = read_decimal(v, at, p); }},
    {"reason", [](DiscountRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.reason = read_text(v, description_characters_max, at, p); }},
    {"promotion_id", [](DiscountRequest& r, const Value& v, const Path& at,
                        Problem& p) { r.promotion_id = read_text(v, name_characters_max, at, p); }},
};

std::uint32_t read_rate(const Value& v, const Path& at, Problem& p) {
  const Decimal percent = read_decimal(v, at, p);
  if (p.found()) return 0;
  const auto rate = parse_tax_rate(to_text(percent));
  if (!rate) p.report(at, "must be a rate in percent from 0 to 1000, such as \"8.875\"");
  return rate ? *rate : 0;
}

constexpr Field<Tax> tax_fields[] = {
    {"code", [](Tax& r, const Value& v, const Path& at,
                Problem& p) { r.code = read_text(v, name_characters_max, at, p); }},
    {"rate", [](Tax& r, const Value& v, const Path& at,
                Problem& p) { r.rate_micropercent = read_rate(v, at, p); }},
    {"exempt",
     [](Tax& r, const Value& v, const Path& at, Problem& p) { r.exempt = read_flag(v, at, p); }},
};

// A quantity that is left out may stand in the symbol; one of zero is a mistake.
Decimal read_quantity_text(const Value& v, const Path& at, Problem& p) {
  const Decimal quantity = read_decimal(v, at, p);
  if (quantity.is_zero()) p.report(at, "must not be zero; leave such a line out");
  return quantity;
}

constexpr Field<LineRequest> line_fields[] = {
    {"sku", [](LineRequest& r, const Value& v, const Path& at,
               Problem& p) { r.sku = read_sku(v, at, p); }},
    {"gtin", [](LineRequest& r, const Value& v, const Path& at,
                Problem& p) { r.gtin = read_scan_text(v, at, p); }},
    {"description",
     [](LineRequest& r, const Value& v, const Path& at, Problem& p) {
       r.description = read_text(v, description_characters_max, at, p);
     }},
    {"quantity", [](LineRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.quantity = read_quantity_text(v, at, p); }},
    {"unit", [](LineRequest& r, const Value& v, const Path& at,
                Problem& p) { r.unit = read_text(v, name_characters_max, at, p); }},
    {"list_unit_price", [](LineRequest& r, const Value& v, const Path& at,
                           Problem& p) { r.list_unit_price = read_decimal(v, at, p); }},
    {"charged_unit_price", [](LineRequest& r, const Value& v, const Path& at,
                              Problem& p) { r.charged_unit_price = read_decimal(v, at, p); }},
    {"price_version",
     [](LineRequest& r, const Value& v, const Path& at, Problem& p) {
       r.price_version = read_text(v, name_characters_max, at, p);
     }},
    {"discounts",
     [](LineRequest& r, const Value& v, const Path& at, Problem& p) {
       read_list<DiscountRequest>(v, discount_fields, at, discounts_max, r.discounts, p);
     }},
    {"tax_code", [](LineRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.tax_code = read_text(v, name_characters_max, at, p); }},
    {"tax_rate_basis_points",
     [](LineRequest& r, const Value& v, const Path& at, Problem& p) {
       r.tax_rate_micropercent =
           read_number(v, tax_rate_basis_points_max, at, p) * micropercent_per_basis_point;
     }},
    {"tax_rate", [](LineRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.tax_rate_micropercent = read_rate(v, at, p); }},
    {"tax_exempt", [](LineRequest& r, const Value& v, const Path& at,
                      Problem& p) { r.tax_exempt = read_flag(v, at, p); }},
    {"taxes", [](LineRequest& r, const Value& v, const Path& at,
                 Problem& p) { read_list<Tax>(v, tax_fields, at, taxes_max, r.taxes, p); }},
    {"tax_included", [](LineRequest& r, const Value& v, const Path& at,
                        Problem& p) { r.tax_included = read_flag(v, at, p); }},
    {"tax", [](LineRequest& r, const Value& v, const Path& at,
               Problem& p) { r.tax = read_decimal(v, at, p); }},
};

constexpr Field<PaymentRequest> payment_fields[] = {
    {"method", [](PaymentRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.method = read_text(v, name_characters_max, at, p); }},
    {"amount", [](PaymentRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.amount = read_decimal(v, at, p); }},
    {"currency", [](PaymentRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.currency = read_text(v, name_characters_max, at, p); }},
    {"rate", [](PaymentRequest& r, const Value& v, const Path& at,
                Problem& p) { r.rate = read_decimal(v, at, p); }},
    {"change", [](PaymentRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.change = read_decimal(v, at, p); }},
    {"reference",
     [](PaymentRequest& r, const Value& v, const Path& at, Problem& p) {
       r.reference = read_text(v, description_characters_max, at, p);
     }},
};

void read_key(RequestKey& key, const Value& v, const Path& at, Problem& p) {
  key.idempotency_key = read_text(v, idempotency_key_characters_max, at, p);
  if (key.idempotency_key.size() > mesh::idempotency_key_bytes_max) {
    p.report(at, "is longer than " + std::to_string(mesh::idempotency_key_bytes_max) + " bytes");
  }
}

void read_lines(std::vector<LineRequest>& lines, const Value& v, const Path& at, Problem& p) {
  read_list<LineRequest>(v, line_fields, at, sale_lines_max, lines, p);
}

void read_payments(SaleRequest& r, const Value& v, const Path& at, Problem& p) {
  read_list<PaymentRequest>(v, payment_fields, at, payments_max, r.payments.emplace(), p);
}

constexpr Field<SaleRequest> sale_fields[] = {
    {"idempotency_key",
     [](SaleRequest& r, const Value& v, const Path& at, Problem& p) { read_key(r.key, v, at, p); }},
    {"currency", [](SaleRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.currency = read_text(v, name_characters_max, at, p); }},
    {"cashier", [](SaleRequest& r, const Value& v, const Path& at,
                   Problem& p) { r.cashier = read_text(v, name_characters_max, at, p); }},
    {"customer_token",
     [](SaleRequest& r, const Value& v, const Path& at, Problem& p) {
       r.customer_token = read_text(v, name_characters_max, at, p);
     }},
    {"training", [](SaleRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.training = read_flag(v, at, p); }},
    {"business_date", [](SaleRequest& r, const Value& v, const Path& at,
                         Problem& p) { r.business_date = read_date(v, at, p); }},
    {"lines", [](SaleRequest& r, const Value& v, const Path& at,
                 Problem& p) { read_lines(r.lines, v, at, p); }},
    {"payments", read_payments},
    {"discounts",
     [](SaleRequest& r, const Value& v, const Path& at, Problem& p) {
       read_list<DiscountRequest>(v, discount_fields, at, discounts_max, r.discounts, p);
     }},
    {"rounding", [](SaleRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.rounding = read_decimal(v, at, p); }},
    {"total", [](SaleRequest& r, const Value& v, const Path& at,
                 Problem& p) { r.total = read_decimal(v, at, p); }},
};

struct OriginalRequest {
  std::optional<mesh::EntryId> id;
  std::vector<std::uint32_t> lines;
};

constexpr Field<OriginalRequest> original_fields[] = {
    {"id", [](OriginalRequest& r, const Value& v, const Path& at,
              Problem& p) { r.id = read_id(v, at, p); }},
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
    {"reason", [](RefundRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.reason = read_text(v, description_characters_max, at, p); }},
};

constexpr Field<VoidRequest> void_fields[] = {
    {"idempotency_key",
     [](VoidRequest& r, const Value& v, const Path& at, Problem& p) { read_key(r.key, v, at, p); }},
    {"sale", [](VoidRequest& r, const Value& v, const Path& at,
                Problem& p) { r.sale = read_id(v, at, p); }},
    {"reason", [](VoidRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.reason = read_text(v, description_characters_max, at, p); }},
    {"cashier", [](VoidRequest& r, const Value& v, const Path& at,
                   Problem& p) { r.cashier = read_text(v, name_characters_max, at, p); }},
    {"business_date", [](VoidRequest& r, const Value& v, const Path& at,
                         Problem& p) { r.business_date = read_date(v, at, p); }},
};

constexpr Field<MovementLineRequest> movement_line_fields[] = {
    {"sku", [](MovementLineRequest& r, const Value& v, const Path& at,
               Problem& p) { r.sku = read_sku(v, at, p); }},
    {"gtin", [](MovementLineRequest& r, const Value& v, const Path& at,
                Problem& p) { r.gtin = read_scan_text(v, at, p); }},
    {"quantity", [](MovementLineRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.quantity = read_quantity_text(v, at, p); }},
    {"unit", [](MovementLineRequest& r, const Value& v, const Path& at,
                Problem& p) { r.unit = read_text(v, name_characters_max, at, p); }},
    {"description",
     [](MovementLineRequest& r, const Value& v, const Path& at, Problem& p) {
       r.description = read_text(v, description_characters_max, at, p);
     }},
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
    {"idempotency_key", [](MovementRequest& r, const Value& v, const Path& at,
                           Problem& p) { read_key(r.key, v, at, p); }},
    {"lines",
     [](MovementRequest& r, const Value& v, const Path& at, Problem& p) {
       read_list<MovementLineRequest>(v, movement_line_fields, at, sale_lines_max, r.lines, p);
     }},
    {"reason", [](MovementRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.reason = read_text(v, description_characters_max, at, p); }},
    {"who", [](MovementRequest& r, const Value& v, const Path& at,
               Problem& p) { r.who = read_text(v, name_characters_max, at, p); }},
    {"business_date", [](MovementRequest& r, const Value& v, const Path& at,
                         Problem& p) { r.business_date = read_date(v, at, p); }},
};

constexpr Field<MovementRequest> document_fields[] = {
    {"document", [](MovementRequest& r, const Value& v, const Path& at,
                    Problem& p) { r.document = read_text(v, name_characters_max, at, p); }},
};

constexpr Field<MovementRequest> transfer_fields[] = {
    {"direction", read_direction},
    {"transfer_id", [](MovementRequest& r, const Value& v, const Path& at,
                       Problem& p) { r.document = read_text(v, name_characters_max, at, p); }},
    {"other_store", [](MovementRequest& r, const Value& v, const Path& at,
                       Problem& p) { r.other_store = read_text(v, name_characters_max, at, p); }},
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
