#include "pos-node/terminal/store_rules.h"

#include <utility>

namespace titan::pos {

Result<StoreRules> store_rules_of(const Config& config, const std::string& terminal,
                                  const DeviceId& device, const ProcessId& process) {
  StoreFacts facts;
  facts.tenant = config.tenant;
  facts.store = config.store;
  facts.terminal = terminal;
  facts.currency = config.currency;
  facts.device = device;
  facts.process = process;
  facts.low_stock_units = config.low_stock * crdt::stock_units_per_piece;
  facts.tax_rounding = config.tax_rounding == "receipt" ? TaxRounding::receipt : TaxRounding::line;
  if (auto rule = cash_rule_of(config)) facts.cash_rule = std::move(*rule);
  auto labels = make_label_table(config.label_preset, config.label_rules);
  if (!labels) return labels.error();
  facts.labels = std::move(*labels);
  auto calendar = StoreCalendar::make(config.time_zone, config.day_ends);
  if (!calendar) return calendar.error();
  return StoreRules{std::move(facts), std::move(*calendar)};
}

}  // namespace titan::pos
