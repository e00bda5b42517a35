#include "pos-node/api/api.h"

#include "pos-node/api/answers.h"
#include "pos-node/api/paging.h"

namespace titan::pos {

namespace {

constexpr const char* every_method = "GET, HEAD, PUT, POST, OPTIONS";

}  // namespace

Api::Api(Service& service, Metrics& metrics, ApiThreads threads)
    : metrics_(metrics),
      threads_(std::move(threads)),
      imports_(service, threads_),
      records_(service, metrics, threads_),
      look_ups_(service, metrics),
      products_(service, imports_),
      move_ins_(service, imports_, threads_),
      routes_(make_routes()) {}

std::vector<Api::Route> Api::make_routes() {
  const auto to = []<class Handlers>(Handlers& handlers,
                                     void (Handlers::*handler)(ApiRequest&, AnswerCallback)) {
    return [&handlers, handler](ApiRequest& request, AnswerCallback done) {
      (handlers.*handler)(request, std::move(done));
    };
  };
  using Record = RecordHandlers;
  using LookUp = LookUpHandlers;
  using Products = ProductHandlers;
  using MoveIn = MoveInHandlers;
  constexpr auto reads = Parameters::read_by_handler;
  constexpr auto ignores = Parameters::ignored;
  return {
      {Method::post, {"v1", "sales"}, to(records_, &Record::post_sale)},
      {Method::post, {"v1", "refunds"}, to(records_, &Record::post_refund)},
      {Method::post, {"v1", "voids"}, to(records_, &Record::post_void)},
      {Method::post, {"v1", "deliveries"}, to(records_, &Record::post_delivery)},
      {Method::post, {"v1", "adjustments"}, to(records_, &Record::post_adjustment)},
      {Method::post, {"v1", "transfers"}, to(records_, &Record::post_transfer)},
      {Method::get, {"v1", "sales"}, to(look_ups_, &LookUp::get_sales), reads},
      {Method::get, {"v1", "sales", "*"}, to(look_ups_, &LookUp::get_sale)},
      {Method::get, {"v1", "move-ins"}, to(move_ins_, &MoveIn::get_move_in), reads},
      {Method::put,
       {"v1", "move-ins", "*", "products"},
       to(move_ins_, &MoveIn::put_products),
       reads},
      {Method::post,
       {"v1", "move-ins", "*", "opening-stock"},
       to(move_ins_, &MoveIn::post_opening_stock)},
      {Method::post, {"v1", "move-ins", "*", "sales"}, to(move_ins_, &MoveIn::post_sales)},
      {Method::post,
       {"v1", "move-ins", "*", "withdrawal"},
       to(move_ins_, &MoveIn::post_withdrawal)},
      {Method::get, {"v1", "products"}, to(products_, &Products::get_products), reads},
      {Method::put, {"v1", "products"}, to(products_, &Products::put_products), reads},
      {Method::get, {"v1", "products", "*"}, to(products_, &Products::get_product)},
      {Method::get, {"v1", "stock"}, to(look_ups_, &LookUp::get_stock), reads},
      {Method::get, {"v1", "stock", "*"}, to(look_ups_, &LookUp::get_stock_of)},
      {Method::get, {"v1", "journal"}, to(look_ups_, &LookUp::get_journal), reads},
      {Method::get, {"v1", "events"}, to(look_ups_, &LookUp::get_events)},
      {Method::get, {"v1", "status"}, to(look_ups_, &LookUp::get_status), ignores},
      {Method::post, {"v1", "reload"}, to(look_ups_, &LookUp::post_reload)},
      {Method::get, {"metrics"}, to(look_ups_, &LookUp::get_metrics), ignores},
      {Method::get, {"healthz"}, to(look_ups_, &LookUp::get_health), ignores},
  };
}

std::size_t Api::body_limit(const ApiRequest& request) {
  const bool is_product_list =
      request.method == Method::put && !request.path.empty() && request.path.back() == "products";
  return is_product_list ? products_body_bytes_max : body_bytes_max;
}

void Api::handle(ApiRequest request, AnswerCallback done) {
  const auto counted = [this, done = std::move(done)](ApiAnswer answer) {
    if (answer.status >= 500) {
      metrics_.requests_failed.Increment();
    } else if (answer.status >= 400) {
      metrics_.requests_refused.Increment();
    }
    done(std::move(answer));
  };
  const auto [route, allowed] = find_route(request);
  if (request.method == Method::options) {
    // A page is answered in any case, so that its programmer sees the 404 that follows.
    const bool is_known = !allowed.empty();
    if (is_known || request.is_of_server || request.is_preflight) {
      return counted({204, {}, "application/json", is_known ? allowed : every_method});
    }
  }
  if (allowed.empty()) {
    return counted(error_answer(make_error(ErrorCode::not_found,
                                           "There is nothing at this address; see "
                                           "docs/openapi.yaml for what there is.")));
  }
  if (!route) {
    ApiAnswer answer = error_answer(
        make_error(ErrorCode::invalid, "This address takes " + allowed + " only.", "method"));
    answer.status = 405;
    answer.allow = allowed;
    return counted(std::move(answer));
  }
  if (route->parameters == Parameters::none) {
    if (const auto checked = known_parameters(request, {}); !checked) {
      return counted(error_answer(checked.error()));
    }
  }
  route->handler(request, counted);
}

std::pair<const Api::Route*, std::string> Api::find_route(const ApiRequest& request) const {
  const auto matches = [&](const Route& route) {
    if (route.path.size() != request.path.size()) return false;
    for (std::size_t i = 0; i < route.path.size(); ++i) {
      if (route.path[i] != "*" && route.path[i] != request.path[i]) return false;
    }
    return true;
  };
  // HEAD is GET without the answer's body, which the session leaves away.
  const Method method = request.method == Method::head ? Method::get : request.method;
  const Route* found = nullptr;
  std::string allowed;
  for (const Route& route : routes_) {
    if (!matches(route)) continue;
    if (route.method == method) found = &route;
    allowed += route.method == Method::get   ? "GET, HEAD, "
               : route.method == Method::put ? "PUT, "
                                             : "POST, ";
  }
  if (!allowed.empty()) allowed += "OPTIONS";
  return {found, allowed};
}

}  // namespace titan::pos
