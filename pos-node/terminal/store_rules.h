// What the configuration says of the store's sales, as the rules of the till take it.
#pragma once

#include <string>

#include "pos-node/config/config.h"
#include "pos-node/domain/business_day.h"
#include "pos-node/domain/sale_rules.h"

namespace titan::pos {

// Changed by a reload.
struct StoreRules {
  StoreFacts facts;
  StoreCalendar calendar;
};

// `terminal`: its name on receipts.
Result<StoreRules> store_rules_of(const Config& config, const std::string& terminal,
                                  const DeviceId& device, const ProcessId& process);

}  // namespace titan::pos
