// From JSON bodies to the requests of a move-in: names, types and limits of each field.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "pos-node/json/json_reader.h"
#include "pos-node/move_in/move_in_rules.h"

namespace titan::pos {

struct FormerSalesRequest {
  std::vector<FormerSale> sales;
  bool dry_run = false;  // judged and answered, not recorded
};

struct OpeningStocksRequest {
  std::vector<OpeningStock> lines;
  bool dry_run = false;
};

struct WithdrawalRequest {
  std::string reason;
  bool dry_run = false;
};

Result<FormerSalesRequest> read_former_sales(const json::value& body);
Result<OpeningStocksRequest> read_opening_stocks(const json::value& body);
Result<WithdrawalRequest> read_withdrawal(const json::value& body);

}  // namespace titan::pos
