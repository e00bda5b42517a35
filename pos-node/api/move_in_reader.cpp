#include "pos-node/api/move_in_reader.h"

#include "retail/text.h"

namespace titan::pos {
namespace {

using Value = json::value;
using Path = FieldPath;

std::uint32_t read_percent(const Value& v, const Path& at, Problem& p) {
  const Decimal percent = read_decimal(v, at, p);
  if (p.found()) return 0;
  const auto rate = parse_tax_rate(to_text(percent));
  if (!rate) p.report(at, "must be a rate in percent from 0 to 1000, such as \"20\"");
  return rate ? *rate : 0;
}

WallTime read_time(const Value& v, const Path& at, Problem& p) {
  const auto time = parse_utc_time(read_text(v, name_characters_max, at, p));
  if (!time && !p.found()) {
    p.report(at, "must be a time in UTC from 1990 to 2099, such as \"2025-03-01T09:15:00Z\"");
  }
  return time.value_or(WallTime{});
}

FormerStatus read_status(const Value& v, const Path& at, Problem& p) {
  const std::string status = read_text(v, name_characters_max, at, p);
  if (status == "voided") return FormerStatus::voided;
  if (status == "refunded") return FormerStatus::refunded;
  if (status != "completed") p.report(at, "must be \"completed\", \"voided\" or \"refunded\"");
  return FormerStatus::completed;
}

constexpr Field<FormerLine> line_fields[] = {
    {"sku",
     [](FormerLine& r, const Value& v, const Path& at, Problem& p) { r.sku = read_sku(v, at, p); }},
    {"description",
     [](FormerLine& r, const Value& v, const Path& at, Problem& p) {
       r.description = read_text(v, description_characters_max, at, p);
     }},
    {"quantity", [](FormerLine& r, const Value& v, const Path& at,
                    Problem& p) { r.quantity = read_decimal(v, at, p); }},
    {"unit_price", [](FormerLine& r, const Value& v, const Path& at,
                      Problem& p) { r.unit_price = read_decimal(v, at, p); }},
    {"tax_rate", [](FormerLine& r, const Value& v, const Path& at,
                    Problem& p) { r.tax_rate_micropercent = read_percent(v, at, p); }},
    {"total", [](FormerLine& r, const Value& v, const Path& at,
                 Problem& p) { r.total = read_decimal(v, at, p); }},
};

constexpr Field<FormerPayment> payment_fields[] = {
    {"method", [](FormerPayment& r, const Value& v, const Path& at,
                  Problem& p) { r.method = read_text(v, name_characters_max, at, p); }},
    {"amount", [](FormerPayment& r, const Value& v, const Path& at,
                  Problem& p) { r.amount = read_decimal(v, at, p); }},
    {"change", [](FormerPayment& r, const Value& v, const Path& at,
                  Problem& p) { r.change = read_decimal(v, at, p); }},
};

constexpr Field<FormerSale> sale_fields[] = {
    {"terminal", [](FormerSale& r, const Value& v, const Path& at,
                    Problem& p) { r.terminal = read_text(v, name_characters_max, at, p); }},
    {"id", [](FormerSale& r, const Value& v, const Path& at,
              Problem& p) { r.id = read_text(v, name_characters_max, at, p); }},
    {"receipt", [](FormerSale& r, const Value& v, const Path& at,
                   Problem& p) { r.receipt = read_text(v, name_characters_max, at, p); }},
    {"time", [](FormerSale& r, const Value& v, const Path& at,
                Problem& p) { r.sold = read_time(v, at, p); }},
    {"cashier", [](FormerSale& r, const Value& v, const Path& at,
                   Problem& p) { r.cashier = read_text(v, name_characters_max, at, p); }},
    {"currency", [](FormerSale& r, const Value& v, const Path& at,
                    Problem& p) { r.currency = read_text(v, name_characters_max, at, p); }},
    {"total", [](FormerSale& r, const Value& v, const Path& at,
                 Problem& p) { r.total = read_decimal(v, at, p); }},
    {"tax", [](FormerSale& r, const Value& v, const Path& at,
               Problem& p) { r.tax = read_decimal(v, at, p); }},
    {"status", [](FormerSale& r, const Value& v, const Path& at,
                  Problem& p) { r.status = read_status(v, at, p); }},
    {"was_sent", [](FormerSale& r, const Value& v, const Path& at,
                    Problem& p) { r.was_sent = read_flag(v, at, p); }},
    {"lines",
     [](FormerSale& r, const Value& v, const Path& at, Problem& p) {
       read_list<FormerLine>(v, line_fields, at, sale_lines_max, r.lines, p);
     }},
    {"payments",
     [](FormerSale& r, const Value& v, const Path& at, Problem& p) {
       read_list<FormerPayment>(v, payment_fields, at, payments_max, r.payments, p);
     }},
};

constexpr Field<FormerSalesRequest> sales_fields[] = {
    {"sales",
     [](FormerSalesRequest& r, const Value& v, const Path& at, Problem& p) {
       read_list<FormerSale>(v, sale_fields, at, move_in_sales_max, r.sales, p);
     }},
    {"dry_run", [](FormerSalesRequest& r, const Value& v, const Path& at,
                   Problem& p) { r.dry_run = read_flag(v, at, p); }},
};

constexpr Field<OpeningStock> stock_fields[] = {
    {"sku", [](OpeningStock& r, const Value& v, const Path& at,
               Problem& p) { r.sku = read_sku(v, at, p); }},
    {"quantity", [](OpeningStock& r, const Value& v, const Path& at,
                    Problem& p) { r.quantity = read_decimal(v, at, p); }},
};

constexpr Field<OpeningStocksRequest> stocks_fields[] = {
    {"lines",
     [](OpeningStocksRequest& r, const Value& v, const Path& at, Problem& p) {
       read_list<OpeningStock>(v, stock_fields, at, move_in_lines_max, r.lines, p);
     }},
    {"dry_run", [](OpeningStocksRequest& r, const Value& v, const Path& at,
                   Problem& p) { r.dry_run = read_flag(v, at, p); }},
};

constexpr Field<WithdrawalRequest> withdrawal_fields[] = {
    {"reason", [](WithdrawalRequest& r, const Value& v, const Path& at,
                  Problem& p) { r.reason = read_text(v, description_characters_max, at, p); }},
    {"dry_run", [](WithdrawalRequest& r, const Value& v, const Path& at,
                   Problem& p) { r.dry_run = read_flag(v, at, p); }},
};

void require(const std::string& text, const char* name, const char* what, std::size_t index,
             const char* list, Problem& problem) {
  if (!text.empty() || problem.found()) return;
  const Path of_list{nullptr, list, {}};
  const Path of_item{&of_list, {}, index};
  problem.report(Path{&of_item, name, {}}, what);
}

}  // namespace

Result<FormerSalesRequest> read_former_sales(const json::value& body) {
  Problem problem;
  FormerSalesRequest request;
  read_object<FormerSalesRequest>(body, sales_fields, {}, request, problem);
  for (std::size_t i = 0; i < request.sales.size(); ++i) {
    const FormerSale& sale = request.sales[i];
    require(sale.terminal, "terminal", "is missing", i, "sales", problem);
    require(sale.id, "id", "is missing", i, "sales", problem);
    if (sale.sold == WallTime{}) require("", "time", "is missing", i, "sales", problem);
  }
  if (problem.found()) return problem.take();
  return request;
}

Result<OpeningStocksRequest> read_opening_stocks(const json::value& body) {
  Problem problem;
  OpeningStocksRequest request;
  read_object<OpeningStocksRequest>(body, stocks_fields, {}, request, problem);
  for (std::size_t i = 0; i < request.lines.size(); ++i) {
    require(request.lines[i].sku, "sku", "is missing", i, "lines", problem);
  }
  if (problem.found()) return problem.take();
  return request;
}

Result<WithdrawalRequest> read_withdrawal(const json::value& body) {
  Problem problem;
  WithdrawalRequest request;
  read_object<WithdrawalRequest>(body, withdrawal_fields, {}, request, problem);
  if (problem.found()) return problem.take();
  return request;
}

}  // namespace titan::pos
