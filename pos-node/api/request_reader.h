// From JSON bodies to requests: names, types and limits of each field. What the fields mean
// together is decided by the sale rules.
#pragma once

#include <string_view>

#include "base/result.h"
#include "pos-node/domain/catalogue.h"
#include "pos-node/domain/requests.h"
#include "pos-node/json/json_reader.h"

namespace titan::pos {

Result<SaleRequest> read_sale(const json::value& body);
Result<RefundRequest> read_refund(const json::value& body);
Result<VoidRequest> read_void(const json::value& body);
// kind: delivery, adjustment; a transfer's direction is in its body.
Result<MovementRequest> read_movement(const json::value& body, mesh::Kind kind);
Result<MovementRequest> read_transfer(const json::value& body);

}  // namespace titan::pos
