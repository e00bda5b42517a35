#include "pos-node/api/move_in_reader.h"

#include "pos-node/json/member_readers.h"
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
    {"sku", read_into<&FormerLine::sku, read_sku>},
    {"description", text_into<&FormerLine::description, description_characters_max>},
    {"quantity", decimal_into<&FormerLine::quantity>},
    {"unit_price", decimal_into<&FormerLine::unit_price>},
    {"tax_rate", read_into<&FormerLine::tax_rate_micropercent, read_percent>},
    {"total", decimal_into<&FormerLine::total>},
};

constexpr Field<FormerPayment> payment_fields[] = {
    {"method", text_into<&FormerPayment::method, name_characters_max>},
    {"amount", decimal_into<&FormerPayment::amount>},
    {"change", decimal_into<&FormerPayment::change>},
};

constexpr Field<FormerSale> sale_fields[] = {
    {"terminal", text_into<&FormerSale::terminal, name_characters_max>},
    {"id", text_into<&FormerSale::id, name_characters_max>},
    {"receipt", text_into<&FormerSale::receipt, name_characters_max>},
    {"time", read_into<&FormerSale::sold, read_time>},
    {"cashier", text_into<&FormerSale::cashier, name_characters_max>},
    {"currency", text_into<&FormerSale::currency, name_characters_max>},
    {"total", decimal_into<&FormerSale::total>},
    {"tax", decimal_into<&FormerSale::tax>},
    {"status", read_into<&FormerSale::status, read_status>},
    {"was_sent", read_into<&FormerSale::was_sent, read_flag>},
    {"lines", list_into<&FormerSale::lines, line_fields, sale_lines_max>},
    {"payments", list_into<&FormerSale::payments, payment_fields, payments_max>},
};

constexpr Field<FormerSalesRequest> sales_fields[] = {
    {"sales", list_into<&FormerSalesRequest::sales, sale_fields, move_in_sales_max>},
    {"dry_run", read_into<&FormerSalesRequest::dry_run, read_flag>},
};

constexpr Field<OpeningStock> stock_fields[] = {
    {"sku", read_into<&OpeningStock::sku, read_sku>},
    {"quantity", decimal_into<&OpeningStock::quantity>},
};

constexpr Field<OpeningStocksRequest> stocks_fields[] = {
    {"lines", list_into<&OpeningStocksRequest::lines, stock_fields, move_in_lines_max>},
    {"dry_run", read_into<&OpeningStocksRequest::dry_run, read_flag>},
};

constexpr Field<WithdrawalRequest> withdrawal_fields[] = {
    {"reason", text_into<&WithdrawalRequest::reason, description_characters_max>},
    {"dry_run", read_into<&WithdrawalRequest::dry_run, read_flag>},
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
